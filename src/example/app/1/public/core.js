// The list and what features hang on: hooks, a toolbar, words.
// A feature is a module that fills hooks when it is loaded; app.js loads them and starts.
export const hooks = {
	start: [], // () => void, once, before the first drawing
	keep: [], // todo => boolean, false hides it
	order: [], // (a, b) => number
	item: [], // (li, todo) => void
	drawn: [], // (visible todos) => void
	adding: [], // input => void, completes what the form sends
};
export const words = new Map();
export const t = (text) => words.get(text) ?? text;
export const find = (selector) => document.querySelector(selector);

export let todos = [];

export function make(name, properties = {}, ...children) {
	const element = Object.assign(document.createElement(name), properties);
	element.append(...children);
	return element;
}

export function say(text) {
	find('#message').textContent = text;
}

export async function api(method, path, body) {
	const res = await fetch(`/api/${path}`, {
		method,
		headers: body === undefined ? {} : { 'content-type': 'application/json' },
		body: body === undefined ? undefined : JSON.stringify(body),
	});
	const value = res.status === 204 ? undefined : await res.json();
	if (!res.ok)
		throw new Error(value.error);
	return value;
}

// Does one thing with the server, then shows what is true now.
export async function act(work) {
	try {
		say('');
		await work();
		todos = await api('GET', 'todos');
	} catch (error) {
		say(error.message);
	}
	draw();
}

function drawItem(todo) {
	const box = make('input', { type: 'checkbox', checked: todo.done });
	const remove = make('button', { type: 'button', textContent: '✕', title: t('Delete') });
	const title = make('span', { className: 'title', textContent: todo.title });
	const li = make('li', { className: todo.done ? 'done' : '' }, box, title, remove);

	li.dataset.id = todo.id;
	box.setAttribute('aria-label', todo.title);
	box.addEventListener('change', () => act(() => api('PATCH', `todos/${todo.id}`, { done: box.checked })));
	remove.addEventListener('click', () => act(() => api('DELETE', `todos/${todo.id}`)));
	for (const hook of hooks.item)
		hook(li, todo);
	return li;
}

export function draw() {
	const visible = todos.filter((todo) => hooks.keep.every((keep) => keep(todo)));

	for (const order of hooks.order)
		visible.sort(order);
	find('#list').replaceChildren(...visible.map(drawItem));
	find('#empty').hidden = visible.length > 0;
	find('#count').textContent = `${todos.filter((todo) => !todo.done).length} ${t('open')}, ${todos.length} ${t('in all')}`;
	for (const hook of hooks.drawn)
		hook(visible);
}

export async function start() {
	const { version } = await api('GET', 'about');

	find('#version').textContent = `v${version}`;
	find('#add').addEventListener('submit', (event) => {
		event.preventDefault();
		const input = { title: find('#title').value };
		for (const hook of hooks.adding)
			hook(input);
		event.target.reset();
		act(() => api('POST', 'todos', input));
	});
	for (const hook of hooks.start)
		await hook();
	await act(() => {});
}
