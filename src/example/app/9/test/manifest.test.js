import assert from 'node:assert/strict';
import test from 'node:test';
import { withApp } from '../lib/testing.js';

test('the app can be installed', () =>
	withApp(async (base) => {
		const res = await fetch(`${base}/app.webmanifest`);
		assert.equal(res.headers.get('content-type'), 'application/manifest+json');
		const { icons } = await res.json();
		assert.equal((await fetch(new URL(icons[0].src, base))).status, 200);
		assert.equal((await fetch(`${base}/sw.js`)).status, 200);
	}));
