import { act, api, find, hooks, make, t } from '../core.js';

hooks.start.push(() => {
	const save = make('a', { href: '/api/export', download: 'todos.json' });
	const load = make('a', { href: '#' });
	const file = make('input', { type: 'file', accept: '.json,application/json', hidden: true });

	load.addEventListener('click', (event) => {
		event.preventDefault();
		file.click();
	});
	file.addEventListener('change', () =>
		act(async () => {
			const content = JSON.parse(await file.files[0].text());
			file.value = '';
			await api('POST', 'import', content);
		}),
	);
	find('#nav').append(save, load, file);
	hooks.drawn.push(() => {
		save.textContent = t('Export');
		load.textContent = t('Import');
	});
});
