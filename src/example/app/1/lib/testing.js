// A server of its own for each test, on a free port, with a data file that goes away.
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createApp } from './app.js';

async function listen(file) {
	const server = createApp(file);
	await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
	return server;
}

async function close(server) {
	const closed = new Promise((resolve) => server.close(resolve));
	server.closeAllConnections?.();
	await closed;
}

export async function withApp(work) {
	const dir = await mkdtemp(join(tmpdir(), 'app-test-'));
	const file = join(dir, 'todos.json');
	const base = () => `http://127.0.0.1:${server.address().port}`;
	let server = await listen(file);

	try {
		await work(base(), async () => {
			await close(server);
			server = await listen(file);
			return base();
		});
	} finally {
		await close(server);
		await rm(dir, { recursive: true });
	}
}

export async function request(base, method, path, body) {
	const res = await fetch(`${base}/api/${path}`, {
		method,
		headers: body === undefined ? {} : { 'content-type': 'application/json' },
		body: body === undefined ? undefined : JSON.stringify(body),
	});
	const text = await res.text();
	return { status: res.status, headers: res.headers, value: text ? JSON.parse(text) : undefined };
}
