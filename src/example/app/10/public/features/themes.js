import { find, hooks, make, t } from '../core.js';
import { themes } from '../themes/index.js';

hooks.start.push(() => {
	const sheet = make('link', { rel: 'stylesheet' });
	const select = make('select');
	const show = (file) => {
		if (file)
			sheet.href = `/themes/${file}`;
		sheet.disabled = !file;
	};
	const kept = themes.find((theme) => theme.file === localStorage.getItem('theme'))?.file ?? '';

	for (const { file, name } of [{ file: '', name: '-' }, ...themes])
		select.append(make('option', { value: file, textContent: name, selected: file === kept }));
	select.addEventListener('change', () => {
		localStorage.setItem('theme', select.value);
		show(select.value);
	});
	document.head.append(sheet);
	show(kept);
	find('#toolbar').append(select);
	hooks.drawn.push(() => (select.title = t('Theme')));
});
