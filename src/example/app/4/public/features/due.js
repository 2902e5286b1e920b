import { find, hooks, make, t } from '../core.js';

const today = () => new Date().toISOString().slice(0, 10);
const order = (todo) => (todo.done || !todo.due ? '9999' : todo.due);
let field;

hooks.start.push(() => {
	field = make('input', { type: 'date', name: 'due', title: t('Due') });
	field.setAttribute('aria-label', t('Due'));
	find('#title').after(field);
});
hooks.adding.push((input) => {
	if (field.value)
		input.due = field.value;
});
hooks.order.push((a, b) => order(a).localeCompare(order(b)));
hooks.item.push((li, todo) => {
	if (!todo.due)
		return;
	const time = make('time', { dateTime: todo.due, textContent: todo.due, className: 'due' });
	time.classList.toggle('late', !todo.done && todo.due < today());
	li.insertBefore(time, li.lastChild);
});
