import assert from 'node:assert/strict';
import test from 'node:test';
import { request, withApp } from '../lib/testing.js';

test('a removed todo can be added again with all it had', () =>
	withApp(async (base) => {
		const todo = { title: 'back', done: true, tags: ['home'], due: '2030-01-01' };
		const { value } = await request(base, 'POST', 'todos', todo);
		await request(base, 'DELETE', `todos/${value.id}`);
		const again = await request(base, 'POST', 'todos', todo);
		assert.deepEqual({ ...again.value, id: 0, created: 0 }, { ...todo, id: 0, created: 0 });
	}));
