import './features/dark.js';
import { api, find, make, say } from './core.js';

function bar(label, value, most) {
	const meter = make('meter', { min: 0, max: Math.max(most, 1), value });
	return make('label', { className: 'bar' }, label, meter, String(value));
}

try {
	const { total, done, late, tags } = await api('GET', 'stats');

	find('#numbers').append(bar('Done', done, total), bar('Open', total - done, total), bar('Late', late, total));
	find('#bars').append(...tags.map(([tag, n]) => bar(`#${tag}`, n, tags[0][1])));
} catch (error) {
	say(error.message);
}
