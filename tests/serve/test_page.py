"""The page at /, in Debian's Chromium: clicked through from wish to download. Its pictures are kept in build/screenshots."""

import base64
import hashlib
import json
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from browser import browser  # noqa: E402

PNG = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")
MARKUP = "<img src=x onerror=\"document.title='owned'\"><script>document.title='owned'</script>"
# Two iterations with a question between, a screenshot, and what it costs. Says what harms where text is taken for markup.
GENERATOR = """
import json, os, sys
def tell(type, **fields):
    print(json.dumps({"type": type, **fields}), flush=True)
tell("ready")
json.loads(sys.stdin.readline())
def iteration(n, text):
    open("app.js", "w").write(text)
    tell("log", line=f"wrote {text!r}", level="info")
    tell("iteration_complete", iteration=n, app_path=os.getcwd(), iteration_cost=0.25, duration=1500, stats={"input_tokens": 1200, "output_tokens": 300})
def hear():
    for line in sys.stdin:
        order = json.loads(line)
        if order.get("type") in ("decision_response", "control_command"):
            return order
tell("log", line=MARKUP, level="warn")
iteration(1, "one\\nsame\\n")
tell("screenshot", timestamp="2026-01-31T12:00:00Z", image_base64="data:image/png;base64," + PNG, filename="home.png")
tell("decision_prompt", id="d1", prompt="Is it good " + MARKUP, options=["yes", "add", "done"], suggested_task="a second line")
order = hear()
if order.get("choice") == "add":
    iteration(2, "two\\nsame\\n" + (order.get("input") or "") + "\\n")
tell("all_work_complete", completion_reason="user_done", app_path=os.getcwd(), total_iterations=2)
hear()
tell("shutdown_ready")
"""
# Saves what is downloaded while `click` happens: [name, base64].
DOWNLOAD = """
const [download] = await Promise.all([page.waitForEvent('download'), page.locator(arg).click()]);
return [download.suggestedFilename(), require('fs').readFileSync(await download.path()).toString('base64')];
"""


@pytest.fixture
def script(tmp_path):
    path = tmp_path / "generator.py"
    path.write_text(f"MARKUP = {MARKUP!r}\nPNG = {base64.b64encode(PNG).decode()!r}\n{GENERATOR}")
    return f"exec {sys.executable} {path}"


def download(page, what):
    name, data = page("const require = process.getBuiltinModule('module').createRequire('/');" + DOWNLOAD, what)
    return name, base64.b64decode(data)


def text(page, selector):
    return page("return page.locator(arg).first().innerText()", selector)


def told(page):
    """Errors of the page, without those of requests: a session that is not there yet is 404."""
    return [e for e in page.errors if "Failed to load resource" not in e]


def fits(page):
    return page("return page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)")


def test_a_whole_generation_is_asked_for_watched_answered_and_downloaded(genstore, serving, script):
    server = serving("--generator", script)
    with browser() as b:
        page = b.page()
        page("await page.goto(arg); await page.getByText('Nothing was generated yet').waitFor()", server.url)
        page.shot("empty")
        page("""await page.getByRole('button', { name: 'New generation' }).click();
                await page.getByLabel('App name').fill('todo');
                await page.getByLabel('What to build').fill(arg);
                await page.getByLabel('Mode').selectOption('confirm_first');
                await page.getByRole('button', { name: 'Queue it' }).click();
                await page.getByRole('heading', { name: 'Is it good' }).waitFor()""", "a list " + MARKUP)
        request = genstore("list", "--json").json[0]["request_id"]
        assert MARKUP in text(page, ".decision h2") and "a second line" in text(page, ".decision")
        page("await page.locator('.iterations summary').first().waitFor(); await page.locator('.shot img').waitFor()")
        page.shot("question")
        page("""await page.getByRole('button', { name: 'Go on, and add…' }).click();
                await page.getByLabel('Your words').fill('a third line');
                await page.getByRole('button', { name: 'Go on, and add…' }).click();
                await page.locator('.title[data-status=completed]').waitFor();
                await page.locator('.iterations > li').nth(1).waitFor()""")
        assert genstore("cat", f"{request}:app.js").out == "two\nsame\na third line\n"
        page("""await page.locator('.iterations summary').nth(1).click(); await page.locator('.change summary').click();
                await page.locator('.diff .plus').nth(1).waitFor()""")
        assert page("return page.locator('.diff li').allTextContents()") == ["Removed: one", "Added: two", "same", "Added: a third line"]
        assert page("return page.evaluate(() => document.querySelector('.shot img').naturalWidth)") == 1
        page("await page.getByText('all work is complete').waitFor()")
        assert MARKUP in text(page, ".lines .warn") and MARKUP in text(page, ".asked")
        facts = text(page, ".facts")
        assert "$0.50" in facts and "2,400 in, 600 out" in facts
        name, archive = download(page, "text=Download app.tar.gz")
        assert name == "app.tar.gz" and hashlib.sha256(archive).hexdigest() == genstore("show", request, "--json").json[0]["archive_sha256"]
        name, zipped = download(page, "text=Download All (ZIP)")
        listed = server("GET", f"/api/artifacts/list/{request}").json
        assert name == f"artifacts-{listed['session_id']}.zip" and zipped == server("GET", f"/api/artifacts/bundle/{request}").body
        assert download(page, ".files button") == ("home.png", PNG)
        assert download(page, "text=Save as text")[1] == server("GET", f"/api/generations/{request}/log").body
        page.shot("completed")
        page("await page.getByRole('button', { name: 'Sync to S3' }).click(); await page.getByText('It was not sent').waitFor()")
        assert page("return page.title()") == "todo · genstore" and told(page) == []
        dark, narrow = b.page(dark=True), b.page(360, 740)
        for other, name in ((dark, "completed-dark"), (narrow, "completed-narrow")):
            other("await page.goto(arg); await page.locator('.iterations summary').nth(1).waitFor()", f"{server.url}/#/generations/{request}")
            other("await page.getByText('all work is complete').waitFor()")
            assert fits(other) and told(other) == []
            other.shot(name)


def test_a_generation_that_runs_is_paused_and_cancelled(genstore, serving):
    server = serving("--generator", "echo begun; echo x >f; while :; do sleep 0.05; done")
    request = server("POST", "/api/generations", '{"app_name":"long","prompt":"p"}', status=201).json["request_id"]
    with browser() as b:
        page = b.page(dark=True)
        page("await page.goto(arg); await page.getByText('begun').waitFor()", f"{server.url}/#/generations/{request}")
        page("""page.on('dialog', (dialog) => dialog.accept());
                await page.getByRole('button', { name: 'Pause' }).click();
                await page.locator('.title[data-status=paused]').waitFor()""")
        page.shot("paused-dark")
        page("await page.getByRole('button', { name: 'Cancel' }).click(); await page.locator('.title[data-status=cancelled]').waitFor()")
        assert page("return page.getByRole('button', { name: 'Pause' }).count()") == 0 and told(page) == []
    assert genstore("show", request, "--json").json[0]["status"] == "cancelled"


@pytest.fixture
def session(genstore, store, tmp_path):
    files = {"terraform": "main.tf", "cloudformation": "main.yaml", "readme": "README.md", "pricing": "ümlaut & \"q\".csv"}
    made = None
    for type, name in files.items():
        (tmp_path / name).write_text(name * 500)
        made = genstore("artifact", "put", "--session", "s1", "--org", "acme", "--type", type, tmp_path / name, "--json").json[0].get("session_id", made)
    return files


def test_the_artifacts_of_a_session_are_shown_by_type_and_downloaded(server, session):
    with browser() as b:
        page = b.page()
        page("""await page.goto(arg); await page.getByLabel('Session').fill('none');
                await page.getByRole('button', { name: 'Show' }).click(); await page.getByText('No artifacts generated yet.').waitFor();
                await page.getByLabel('Session').fill('s1'); await page.keyboard.press('Enter'); await page.locator('.files li').nth(3).waitFor()""",
             f"{server.url}/#/artifacts")
        assert page("return page.locator('.group h3').allTextContents()") == ["CloudFormation", "Terraform", "Pricing", "README"]
        assert "4 artifacts, 21.0 kB" in text(page, ".panel")
        for name in session.values():
            got = download(page, f'.files li:has-text({json.dumps(name, ensure_ascii=False)}) button')
            assert got == (name.replace('"', "_"), (name * 500).encode()), name
        assert download(page, "text=Download All (ZIP)")[1] == server("GET", "/api/artifacts/bundle/s1").body
        page.shot("artifacts")
        assert told(page) == []


def test_with_a_token_there_is_what_is_its_users(genstore, serving, tree, tmp_path):
    top = tree.write(tmp_path / "tree", {"index.html": "<p>1</p>"})
    tokens, requests = {}, {}
    for name in ("anna", "eve"):
        genstore("user", "add", name)
        tokens[name] = genstore("-q", "token", "add", "--user", name).out.strip()
        requests[name] = genstore("import", top, "--app-name", f"of {name}", env={"GENSTORE_TOKEN": tokens[name]}).out.strip()
    genstore("org", "add", "acme", "--owner", "anna")
    genstore("artifact", "put", "--session", "s1", "--org", "acme", "--type", "readme", top / "index.html")
    server = serving("--require-token")
    with browser() as b:
        page = b.page()
        page("""await page.goto(arg); await page.getByLabel('Token').fill('wrong'); await page.keyboard.press('Enter');
                await page.getByText('not one of this store').waitFor()""", server.url)
        page.shot("token")
        page("await page.getByLabel('Token').fill(arg); await page.keyboard.press('Enter'); await page.locator('.generations a').waitFor()", tokens["anna"])
        assert page("return page.locator('.generations .text').allTextContents()") == ["of anna"]
        assert page("return page.evaluate(() => [localStorage.length, Object.values(sessionStorage), document.cookie])") == [0, [tokens["anna"]], ""]
        page("await page.locator('.generations a').click(); await page.locator('.title[data-status=completed]').waitFor()")
        archive = download(page, "text=Download app.tar.gz")[1]
        assert hashlib.sha256(archive).hexdigest() == genstore("show", requests["anna"], "--json").json[0]["archive_sha256"]
        page("await page.goto(arg); await page.locator('.files li').waitFor()", f"{server.url}/#/artifacts/s1")
        assert download(page, ".files button") == ("index.html", b"<p>1</p>")
        assert download(page, "text=Download All (ZIP)")[1][:2] == b"PK"
        page("await page.goto(arg); await page.getByText('There is no such generation').waitFor()", f"{server.url}/#/generations/{requests['eve']}")
        page("await page.getByRole('button', { name: 'Sign out' }).click(); await page.getByLabel('Token').waitFor()")
        assert page("return page.evaluate(() => sessionStorage.length)") == 0 and told(page) == []


def test_it_is_worked_with_keys_alone_on_a_narrow_screen(genstore, generate, server):
    generate("echo x >a", "--app-name", "n" * 120, "--prompt", "w" * 400)
    generate("echo a reason >&2; exit 3", "--app-name", "bad", code=1)
    with browser() as b:
        page = b.page(360, 740, dark=True)
        page("await page.goto(arg); await page.locator('.generations a').nth(1).waitFor()", server.url)
        assert fits(page)
        page.shot("list-narrow-dark")
        page("""await page.keyboard.press('Tab'); await page.keyboard.press('Tab'); await page.keyboard.press('Tab'); await page.keyboard.press('Tab');
                await page.keyboard.press('Tab'); await page.keyboard.press('Enter'); await page.getByLabel('App name').waitFor();
                await page.keyboard.press('Escape'); await page.getByLabel('App name').waitFor({ state: 'hidden' });
                await page.keyboard.press('Tab'); await page.keyboard.press('Enter'); await page.locator('.title[data-status=failed]').waitFor()""")
        assert "a reason" in text(page, ".notice.error") and fits(page)
        page.shot("failed-narrow-dark")
        page("await page.goBack(); await page.locator('.generations a').nth(1).click(); await page.locator('.iterations summary').waitFor()")
        assert fits(page) and told(page) == []


def test_a_server_that_is_gone_is_told(serving, store):
    server = serving()
    with browser() as b:
        page = b.page()
        page("await page.goto(arg); await page.getByText('Nothing was generated yet').waitFor()", server.url)
        server.stop()
        page("await page.getByText('The server does not answer.').first().waitFor()")
        page.shot("gone")
        assert told(page) == []
