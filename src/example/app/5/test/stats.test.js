import assert from 'node:assert/strict';
import test from 'node:test';
import { count } from '../lib/stats.js';

test('statistics count what is done, late and tagged', () => {
	const todos = [
		{ done: true, due: '2020-01-01', tags: ['home'] },
		{ done: false, due: '2020-01-01', tags: ['work', 'home'] },
		{ done: false, due: '2020-01-03', tags: ['constructor'] },
	];
	assert.deepEqual(count(todos, new Date('2020-01-02T12:00:00Z')), {
		total: 3,
		done: 1,
		late: 1,
		tags: [['home', 2], ['constructor', 1], ['work', 1]],
	});
});
