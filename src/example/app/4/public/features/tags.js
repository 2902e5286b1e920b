// "call Ada #phone" gets the tag phone; a click on a tag shows what else has it.
import { draw, find, hooks, make } from '../core.js';

const pattern = /(^|\s)#([\p{L}\p{N}_-]{1,40})/gu;
let only = null;

hooks.adding.push((input) => {
	const tags = [...input.title.matchAll(pattern)].map((match) => match[2].toLowerCase());
	const rest = input.title.replace(pattern, '').trim();

	if (tags.length && rest)
		Object.assign(input, { title: rest, tags });
});
hooks.keep.push((todo) => !only || todo.tags?.includes(only));
hooks.item.push((li, todo) => {
	for (const tag of todo.tags ?? []) {
		const chip = make('button', { type: 'button', className: 'tag', textContent: `#${tag}` });
		chip.addEventListener('click', () => {
			only = only === tag ? null : tag;
			draw();
		});
		li.insertBefore(chip, li.lastChild);
	}
});
hooks.drawn.push(() => find('#list').classList.toggle('tagged', Boolean(only)));
