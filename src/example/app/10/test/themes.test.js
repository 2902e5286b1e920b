import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';
import { themes } from '../public/themes/index.js';

test('every theme has its style sheet and a name of its own', () => {
	assert.ok(themes.length > 0);
	assert.equal(new Set(themes.map((theme) => theme.name)).size, themes.length);
	for (const { file } of themes)
		assert.match(readFileSync(new URL(`../public/themes/${file}`, import.meta.url), 'utf8'), /--hue: \d+;/);
});
