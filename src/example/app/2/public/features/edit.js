// A double click (or Enter on the title) edits; Enter keeps, Escape does not.
import { act, api, draw, hooks, make } from '../core.js';

function edit(li, title, todo) {
	const input = make('input', { className: 'title', value: todo.title, maxLength: 500 });
	let over = false;
	const finish = (keep) => {
		if (over)
			return;
		over = true;
		const text = input.value.trim();
		if (keep && text && text !== todo.title)
			act(() => api('PATCH', `todos/${todo.id}`, { title: text }));
		else
			draw();
	};

	li.replaceChild(input, title);
	input.select();
	input.addEventListener('blur', () => finish(true));
	input.addEventListener('keydown', (event) => {
		if (event.key === 'Enter' || event.key === 'Escape')
			finish(event.key === 'Enter');
	});
}

hooks.item.push((li, todo) => {
	const title = li.querySelector('.title');

	title.tabIndex = 0;
	title.addEventListener('dblclick', () => edit(li, title, todo));
	title.addEventListener('keydown', (event) => {
		if (event.key === 'Enter') {
			event.preventDefault();
			edit(li, title, todo);
		}
	});
});
