import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import test from 'node:test';

const read = (name) => JSON.parse(readFileSync(new URL(`../public/words/${name}.json`, import.meta.url), 'utf8'));

test('every language has the same words', () => {
	assert.deepEqual(Object.keys(read('fr')).sort(), Object.keys(read('de')).sort());
});
