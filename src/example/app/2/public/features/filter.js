import { draw, find, hooks, make, t } from '../core.js';

const views = { all: () => true, open: (todo) => !todo.done, done: (todo) => todo.done };
const labels = { all: 'All', open: 'Open', done: 'Done' };
const chosen = () => (views[location.hash.slice(1)] ? location.hash.slice(1) : 'all');

hooks.keep.push((todo) => views[chosen()](todo));
hooks.start.push(() => {
	const links = Object.keys(views).map((name) => make('a', { href: `#${name}`, className: 'filter' }));

	find('#toolbar').append(...links);
	hooks.drawn.push(() => {
		for (const link of links) {
			const name = link.hash.slice(1);
			link.textContent = t(labels[name]);
			link.setAttribute('aria-current', name === chosen());
		}
	});
	addEventListener('hashchange', draw);
});
