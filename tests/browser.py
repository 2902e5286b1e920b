"""Debian's Chromium for tests, driven by playwright-core: a process of Node that runs what it is sent.

with browser() as b:
    page = b.page(width=1280, height=800, dark=False)
    page("await page.goto(arg)", url)         the code has page and arg; what it returns comes back
    page.shot("name")                         a picture, kept in build/screenshots
    page.errors                               what the console and the page complained of
"""

import contextlib
import json
import os
import pathlib
import shutil
import subprocess
import threading

ROOT = pathlib.Path(__file__).resolve().parents[1]
NODE_MODULES = pathlib.Path(os.environ.get("GENSTORE_NODE_MODULES", ROOT / "build/node/node_modules"))
SHOTS = ROOT / "build/screenshots"
DRIVER = """
const { chromium } = require(process.argv[1] + '/playwright-core');
const AsyncFunction = (async () => {}).constructor;
const pages = [];
let browser;
(async () => {
	browser = await chromium.launch({ executablePath: process.argv[2], args: ['--no-sandbox', '--disable-dev-shm-usage'] });
	/* Only now: lines that nobody listens to yet are lost. */
	for await (const line of require('readline').createInterface({ input: process.stdin })) {
		const { page, code, arg, open } = JSON.parse(line);
		let answer;
		try {
			if (open) {
				const context = await browser.newContext(open);
				context.setDefaultTimeout(20000);
				const made = await context.newPage();
				const errors = [];
				made.on('pageerror', (error) => errors.push(String(error)));
				made.on('console', (message) => message.type() === 'error' && errors.push(message.text()));
				pages.push({ made, errors });
				answer = { value: pages.length - 1 };
			} else {
				const { made, errors } = pages[page];
				answer = { value: await new AsyncFunction('page', 'arg', code)(made, arg), errors };
			}
		} catch (error) {
			answer = { failed: String(error.stack || error) };
		}
		process.stdout.write(JSON.stringify(answer) + '\\n');
	}
	await browser.close();
})();
"""


class Page:
    def __init__(self, browser, number):
        self.browser, self.number, self.errors = browser, number, []

    def __call__(self, code, arg=None):
        answer = self.browser.send(page=self.number, code=code, arg=arg)
        self.errors = answer["errors"]
        return answer.get("value")

    def shot(self, name, whole=True):
        SHOTS.mkdir(parents=True, exist_ok=True)
        self("await page.evaluate(() => scrollTo(0, 0)); await page.screenshot({ path: arg.path, fullPage: arg.whole, animations: 'disabled' })", {"path": str(SHOTS / f"{name}.png"), "whole": whole})


class Browser:
    def __init__(self, process):
        self.process = process

    def send(self, **wish):
        self.process.stdin.write(json.dumps(wish) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        assert line, "the browser's driver ended; see above"
        answer = json.loads(line)
        assert "failed" not in answer, answer.get("failed")
        return answer

    def page(self, width=1280, height=900, dark=False):
        return Page(self, self.send(open={"viewport": {"width": width, "height": height}, "colorScheme": "dark" if dark else "light",
                                          "acceptDownloads": True, "locale": "en-US", "timezoneId": "UTC"})["value"])


@contextlib.contextmanager
def browser():
    chromium = shutil.which("chromium")
    assert chromium, "chromium is not here: tools/install-deps test"
    assert (NODE_MODULES / "playwright-core").exists(), f"playwright-core is not in {NODE_MODULES}: make {NODE_MODULES}"
    process = subprocess.Popen(["node", "-e", DRIVER, NODE_MODULES.resolve(), chromium], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    # Nothing here waits for ever: a driver that hangs is ended, and the line it owes is missed.
    watch = threading.Timer(120, process.kill)
    watch.start()
    try:
        yield Browser(process)
    finally:
        watch.cancel()
        process.stdin.close()
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()
