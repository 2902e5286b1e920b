// Dark when the system is, until somebody chooses.
import { find, hooks, make, t } from '../core.js';

const system = matchMedia('(prefers-color-scheme: dark)');

function show() {
	const chosen = localStorage.getItem('scheme');
	document.documentElement.dataset.scheme = chosen ?? (system.matches ? 'dark' : 'light');
}

show();
system.addEventListener('change', show);
hooks.start.push(() => {
	const button = make('button', { type: 'button' });

	button.addEventListener('click', () => {
		const dark = document.documentElement.dataset.scheme === 'dark';
		localStorage.setItem('scheme', dark ? 'light' : 'dark');
		show();
	});
	find('#toolbar').append(button);
	hooks.drawn.push(() => (button.textContent = t('Light or dark')));
});
