import { draw, find, hooks, make, t } from '../core.js';

const fold = (text) => text.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
let wanted = '';

hooks.keep.push((todo) => fold(todo.title).includes(wanted));
hooks.start.push(() => {
	const input = make('input', { type: 'search' });

	input.addEventListener('input', () => {
		wanted = fold(input.value.trim());
		draw();
	});
	find('#toolbar').append(input);
	hooks.drawn.push(() => (input.placeholder = t('Search')));
});
