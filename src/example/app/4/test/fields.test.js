import assert from 'node:assert/strict';
import test from 'node:test';
import { clean } from '../lib/fields.js';

test('tags are words, once each', () => {
	assert.deepEqual(clean({ tags: ['Home', 'home', 'straße'] }).tags, ['home', 'straße']);
	assert.throws(() => clean({ tags: ['two words'] }));
	assert.throws(() => clean({ tags: 'home' }));
});

test('a due date is a day that exists', () => {
	assert.equal(clean({ due: '2028-02-29' }).due, '2028-02-29');
	assert.equal(clean({ due: null }).due, null);
	assert.throws(() => clean({ due: '2027-02-29' }));
	assert.throws(() => clean({ due: 'tomorrow' }));
});
