export function count(todos, now = new Date()) {
	const today = now.toISOString().slice(0, 10);
	const tags = {};

	for (const tag of todos.flatMap((todo) => todo.tags ?? []))
		tags[tag] = (Object.hasOwn(tags, tag) ? tags[tag] : 0) + 1;
	return {
		total: todos.length,
		done: todos.filter((todo) => todo.done).length,
		late: todos.filter((todo) => !todo.done && todo.due && todo.due < today).length,
		tags: Object.entries(tags).sort((a, b) => b[1] - a[1] || a[0].localeCompare(b[0])),
	};
}

export const stats = [
	{
		method: 'GET',
		path: /^\/api\/stats$/,
		run: ({ store }) => ({ value: count(store.list()) }),
	},
];
