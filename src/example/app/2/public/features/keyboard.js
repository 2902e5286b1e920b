// n: new todo, j and k: down and up, x: tick, Delete: remove.
import { find, hooks } from '../core.js';

const typing = (element) => element.matches('input:not([type=checkbox]), select, textarea');

function step(by) {
	const titles = [...document.querySelectorAll('#list .title')];
	const here = titles.findIndex((title) => title.closest('li').contains(document.activeElement));

	titles[Math.max(0, Math.min(titles.length - 1, here + by))]?.focus();
}

const keys = {
	n: () => find('#title').focus(),
	j: () => step(1),
	k: () => step(-1),
	x: (li) => li?.querySelector('input[type=checkbox]').click(),
	Delete: (li) => li?.lastElementChild.click(),
};

hooks.start.push(() => {
	find('#title').title = 'n: new, j/k: move, x: tick, Enter: edit, Delete: remove';
	addEventListener('keydown', (event) => {
		const plain = !event.ctrlKey && !event.metaKey && !event.altKey;
		if (!plain || typing(event.target) || !Object.hasOwn(keys, event.key))
			return;
		event.preventDefault();
		keys[event.key](event.target.closest('li'));
	});
});
