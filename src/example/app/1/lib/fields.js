// What a todo holds: for each field, a function that returns the clean value or throws.
import { HttpError } from './http.js';

export const fields = {
	title(value) {
		const title = typeof value === 'string' ? value.trim() : '';
		if (!title || title.length > 500)
			throw new HttpError(422, 'a title has 1 to 500 characters');
		return title;
	},
	done(value) {
		if (typeof value !== 'boolean')
			throw new HttpError(422, 'done is true or false');
		return value;
	},
};

export function clean(input) {
	const result = {};

	if (typeof input !== 'object' || input === null || Array.isArray(input))
		throw new HttpError(422, 'a todo is an object');
	for (const [name, check] of Object.entries(fields))
		if (input[name] !== undefined)
			result[name] = check(input[name]);
	return result;
}
