import { draw, find, hooks, make, words } from '../core.js';

const languages = { en: 'English', de: 'Deutsch', fr: 'Français' };

async function speak(name) {
	const dictionary = name === 'en' ? {} : await (await fetch(`/words/${name}.json`)).json();

	words.clear();
	for (const [english, word] of Object.entries(dictionary))
		words.set(english, word);
	document.documentElement.lang = name;
	localStorage.setItem('language', name);
}

hooks.start.push(async () => {
	const asked = localStorage.getItem('language') ?? navigator.language.slice(0, 2);
	const name = Object.hasOwn(languages, asked) ? asked : 'en';
	const select = make('select', { ariaLabel: 'Language' });

	for (const [value, textContent] of Object.entries(languages))
		select.append(make('option', { value, textContent, selected: value === name }));
	select.addEventListener('change', async () => {
		await speak(select.value);
		draw();
	});
	find('#toolbar').append(select);
	await speak(name);
});
