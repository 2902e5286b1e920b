// One request: a route of the API, else a file of public/.
import { createServer } from 'node:http';
import { HttpError, readJson, sendJson } from './http.js';
import { routes } from './routes.js';
import { Store } from './store.js';
import { sendFile } from './files.js';

function findRoute(method, path) {
	const here = routes.filter((route) => route.path.test(path));
	const route = here.find((candidate) => candidate.method === method);
	if (here.length && !route)
		throw new HttpError(405, 'this address does not take that method');
	return route;
}

async function answer(store, req, res) {
	const url = new URL(req.url, 'http://app.invalid');
	const route = findRoute(req.method, url.pathname);

	if (!route)
		return sendFile(req, res, url.pathname);
	const body = ['POST', 'PATCH', 'PUT'].includes(req.method) ? await readJson(req) : undefined;
	const [, id] = route.path.exec(url.pathname);
	const { status = 200, headers = {}, value } = await route.run({ store, id, body, url });
	sendJson(res, status, value, headers);
}

export function createApp(file) {
	const store = new Store(file);

	return createServer((req, res) => {
		answer(store, req, res).catch((error) => {
			const status = error instanceof HttpError ? error.status : 500;
			if (status === 500)
				console.error(error);
			if (res.headersSent)
				return res.destroy();
			sendJson(res, status, { error: status === 500 ? 'something went wrong' : error.message });
		});
	});
}
