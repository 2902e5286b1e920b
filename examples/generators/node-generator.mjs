#!/usr/bin/env node
// A generator that speaks WSI as JSON lines: copy it and put your own work into build().
//
//   genstore generate --app-name demo --prompt 'a page' --max-iterations 3 -- node /path/to/node-generator.mjs
//
// stdin and stdout carry one JSON object a line. Whatever else is printed is taken as log, so
// console.log() of a library does no harm. stderr is log as well.

import { chmod, mkdir, readdir, writeFile } from 'node:fs/promises';
import { randomUUID } from 'node:crypto';
import { createInterface } from 'node:readline';

const send = (type, fields = {}) =>
	new Promise((done) => process.stdout.write(JSON.stringify({ type, ...fields }) + '\n', done));

// --- Your part ---------------------------------------------------------------------------------
// One iteration, in the current directory ($WORKSPACE/app). A resumed generation starts on the tree
// of an earlier one: look at what is there instead of counting.

// Names and prompts come from people: escape them for the place they go to.
const html = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

const server = `import { createServer } from 'node:http';
import { readFile } from 'node:fs/promises';

const pages = new URL('./public/', import.meta.url);

createServer(async (req, res) => {
	const name = req.url === '/' ? 'index.html' : req.url.slice(1);
	const page = /^[a-z0-9-]+\\.html$/.test(name) && (await readFile(new URL(name, pages)).catch(() => null));
	res.writeHead(page ? 200 : 404, { 'content-type': 'text/html; charset=utf-8' });
	res.end(page || 'no such page');
}).listen(process.env.PORT ?? 3000, '127.0.0.1');
`;

const test = `import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';

test('the first page leads to every other', () => {
	const index = readFileSync('public/index.html', 'utf8');
	for (const name of readdirSync('public').filter((page) => page !== 'index.html'))
		assert.ok(index.includes(name), name);
});
`;

async function build(order) {
	await mkdir('public', { recursive: true });
	await mkdir('test', { recursive: true });
	await mkdir('bin', { recursive: true });
	const pages = (await readdir('public')).filter((name) => name.startsWith('page-')).length + 1;
	const numbers = Array.from({ length: pages }, (_, i) => i + 1);
	const title = order.app_name || 'Untitled';
	const files = {
		[`public/page-${pages}.html`]: `<!doctype html><meta charset="utf-8"><title>Page ${pages}</title>\n<p>Page ${pages} of ${html(title)}\n`,
		'public/index.html':
			`<!doctype html><meta charset="utf-8"><title>${html(title)}</title>\n<h1>${html(title)}</h1>\n` +
			numbers.map((n) => `<p><a href="/page-${n}.html">Page ${n}</a>\n`).join(''),
		'package.json':
			JSON.stringify({ description: title, version: `0.${pages}.0`, private: true, type: 'module' }, null, 2) + '\n',
		'server.js': server,
		'test/pages.test.js': test,
		'bin/start': '#!/bin/sh\ncd "$(dirname "$0")/.." && exec node server.js\n',
	};

	for (const [path, content] of Object.entries(files))
		await writeFile(path, content);
	await chmod('bin/start', 0o755);
	return `page ${pages}`;
}

// --- The protocol ------------------------------------------------------------------------------

let order; // start_generation, once it has come
let wish = 'resume'; // the last control command
let heard = 0; // how many there were
let closed = false; // nobody will say anything any more
let wake = () => {};

createInterface({ input: process.stdin })
	.on('line', (line) => {
		let message;
		try {
			message = JSON.parse(line);
		} catch {
			return; // not for us
		}
		if (message?.type === 'start_generation')
			order = message;
		else if (message?.type === 'control_command')
			[wish, heard] = [message.command, heard + 1];
		wake(); // unknown types are ignored: a later protocol may have more
	})
	.on('close', () => {
		closed = true;
		wake();
	});
async function until(condition) {
	while (!condition() && !closed)
		await new Promise((done) => (wake = done));
}

async function work() {
	const began = Date.now();
	const app_path = process.cwd();
	const session_id = order.resume_session_id ?? randomUUID();
	const total_iterations = order.max_iterations ?? 1;
	let iteration = 0;

	while (iteration < total_iterations && !['cancel', 'stop_request', 'prepare_shutdown'].includes(wish)) {
		const start = Date.now();
		const before = heard;
		iteration++;
		await send('progress', { stage: 'building', step: 'writing', iteration, total_iterations });
		const what = await build(order);
		await send('log', { line: `wrote ${what}`, level: 'info' });
		// Everything of this iteration is on the disk now: here the snapshot is taken.
		// With a model, say what it cost: iteration_cost in dollars, and the tokens.
		await send('iteration_complete', {
			iteration,
			app_path,
			session_id,
			duration: Date.now() - start,
			iteration_cost: 0,
			stats: { input_tokens: 0, output_tokens: 0 },
		});
		// Who asked for it in `ready`, and was promised it, hears `resume` when the snapshot is taken: until then the tree stays as it is.
		if (order.acknowledge_iterations && iteration < total_iterations)
			await until(() => heard > before);
		else
			await new Promise((done) => setTimeout(done, 20)); // lets commands in
		if (wish === 'pause')
			await until(() => wish !== 'pause');
	}
	const reasons = { cancel: 'user_cancelled', stop_request: 'user_done' };
	await send('all_work_complete', {
		completion_reason: reasons[wish] ?? 'max_iterations',
		app_path,
		total_iterations: iteration,
		session_id,
		total_duration: Date.now() - began,
		total_cost: 0,
	});
}

await send('ready', { workspace: process.cwd(), generator_mode: 'mock', acknowledge_iterations: true });
await until(() => order || wish === 'prepare_shutdown');
try {
	if (order)
		await work();
} catch (error) {
	// `fatal` ends the generation as failed; what was finished before is kept.
	await send('error', { message: error.message, fatal: true });
	process.exit(1);
}
await until(() => wish === 'prepare_shutdown');
await send('shutdown_ready');
process.exit(0);
