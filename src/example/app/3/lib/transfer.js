// Export as a download, import as a whole: it all goes in, or nothing does.
import { HttpError } from './http.js';

export const transfer = [
	{
		method: 'GET',
		path: /^\/api\/export$/,
		run: ({ store }) => ({
			headers: { 'content-disposition': 'attachment; filename="todos.json"' },
			value: { version: 1, todos: store.list() },
		}),
	},
	{
		method: 'POST',
		path: /^\/api\/import$/,
		run: ({ store, body }) => {
			if (body?.version !== 1 || !Array.isArray(body.todos))
				throw new HttpError(422, 'this is no export of ours');
			return { value: store.replace(body.todos) };
		},
	},
];
