// The API. A route answers { status, headers, value }; its path's first group is the id.
import { readFileSync } from 'node:fs';

const about = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'));

export const routes = [
	{
		method: 'GET',
		path: /^\/api\/about$/,
		run: () => ({
			value: { title: process.env.APP_TITLE ?? about.description, version: about.version },
		}),
	},
	{
		method: 'GET',
		path: /^\/api\/todos$/,
		run: ({ store }) => ({ value: store.list() }),
	},
	{
		method: 'POST',
		path: /^\/api\/todos$/,
		run: ({ store, body }) => ({ status: 201, value: store.add(body) }),
	},
	{
		method: 'PATCH',
		path: /^\/api\/todos\/([^/]+)$/,
		run: ({ store, id, body }) => ({ value: store.change(id, body) }),
	},
	{
		method: 'DELETE',
		path: /^\/api\/todos\/([^/]+)$/,
		run: ({ store, id }) => ({ status: 204, value: store.remove(id) }),
	},
];
