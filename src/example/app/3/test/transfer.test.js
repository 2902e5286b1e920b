import assert from 'node:assert/strict';
import test from 'node:test';
import { request, withApp } from '../lib/testing.js';

test('an export can be imported again', () =>
	withApp(async (base) => {
		await request(base, 'POST', 'todos', { title: 'one' });
		await request(base, 'POST', 'todos', { title: 'two', done: true });
		const saved = await request(base, 'GET', 'export');
		assert.match(saved.headers.get('content-disposition'), /attachment/);

		const [{ id }] = saved.value.todos;
		await request(base, 'DELETE', `todos/${id}`);
		const loaded = await request(base, 'POST', 'import', saved.value);
		assert.deepEqual(loaded.value.map(({ title, done }) => [title, done]), [['one', false], ['two', true]]);
	}));

test('an import with one bad todo changes nothing', () =>
	withApp(async (base) => {
		await request(base, 'POST', 'todos', { title: 'mine' });
		const bad = await request(base, 'POST', 'import', { version: 1, todos: [{ title: 'fine' }, { title: '' }] });
		assert.equal(bad.status, 422);
		assert.equal((await request(base, 'GET', 'todos')).value[0].title, 'mine');
		assert.equal((await request(base, 'POST', 'import', { version: 2 })).status, 422);
	}));
