import { find, hooks, make, t } from '../core.js';

hooks.start.push(() => {
	const link = make('a', { href: '/stats.html' });
	find('#nav').append(link);
	hooks.drawn.push(() => (link.textContent = t('Statistics')));
});
