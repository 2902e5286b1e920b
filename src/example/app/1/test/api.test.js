import assert from 'node:assert/strict';
import test from 'node:test';
import { request, withApp } from '../lib/testing.js';

test('a todo is added, changed, listed and removed', () =>
	withApp(async (base) => {
		const made = await request(base, 'POST', 'todos', { title: '  water the plants ' });
		assert.equal(made.status, 201);
		assert.equal(made.value.title, 'water the plants');

		const changed = await request(base, 'PATCH', `todos/${made.value.id}`, { done: true });
		assert.equal(changed.value.done, true);
		const listed = await request(base, 'GET', 'todos');
		assert.deepEqual(listed.value, [changed.value]);

		assert.equal((await request(base, 'DELETE', `todos/${made.value.id}`)).status, 204);
		assert.deepEqual((await request(base, 'GET', 'todos')).value, []);
	}));

test('todos outlive the server', () =>
	withApp(async (base, restart) => {
		await request(base, 'POST', 'todos', { title: 'stay' });
		const again = await restart();
		assert.equal((await request(again, 'GET', 'todos')).value[0].title, 'stay');
	}));

test('what makes no sense is refused', () =>
	withApp(async (base) => {
		assert.equal((await request(base, 'POST', 'todos', { title: '' })).status, 422);
		assert.equal((await request(base, 'POST', 'todos', [])).status, 422);
		assert.equal((await request(base, 'PATCH', 'todos/nobody', { done: true })).status, 404);
		assert.equal((await request(base, 'PUT', 'todos', {})).status, 405);
		assert.equal((await fetch(`${base}/api/todos`, { method: 'POST', body: '{}' })).status, 415);
	}));

test('pages come from public and nowhere else', () =>
	withApp(async (base) => {
		const page = await fetch(`${base}/`);
		assert.equal(page.headers.get('content-type'), 'text/html; charset=utf-8');
		assert.match(await page.text(), /<!doctype html>/);
		assert.equal((await fetch(`${base}/icon.png`)).status, 200);
		assert.equal((await fetch(`${base}/..%2fpackage.json`)).status, 404);
		assert.equal((await fetch(`${base}/%2e%2e/package.json`)).status, 404);
	}));
