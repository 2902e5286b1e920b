// The last deleted todo can come back, as long as the page is open.
import { act, api, find, hooks, make, t, todos } from '../core.js';

let before = [];
let lost = null;

hooks.start.push(() => {
	const button = make('button', { type: 'button', hidden: true });

	button.addEventListener('click', () => {
		const { title, done, tags, due } = lost;
		before = [];
		lost = null;
		act(() => api('POST', 'todos', { title, done, tags, due }));
	});
	find('#toolbar').append(button);
	hooks.drawn.push(() => {
		const gone = before.filter((old) => !todos.some((todo) => todo.id === old.id));
		if (gone.length === 1)
			[lost] = gone;
		before = todos;
		button.hidden = !lost;
		button.textContent = t('Undo');
	});
});
