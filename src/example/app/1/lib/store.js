// The todos: in memory, and in one JSON file that is replaced as a whole.
import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { clean, fields } from './fields.js';
import { HttpError } from './http.js';

function load(file) {
	try {
		return JSON.parse(readFileSync(file, 'utf8'));
	} catch (error) {
		if (error.code === 'ENOENT')
			return [];
		throw error;
	}
}

export class Store {
	#file;
	#todos;

	constructor(file) {
		this.#file = file instanceof URL ? fileURLToPath(file) : file;
		this.#todos = load(this.#file);
	}

	#save(todos) {
		mkdirSync(dirname(this.#file), { recursive: true });
		writeFileSync(`${this.#file}.new`, JSON.stringify(todos, null, '\t') + '\n');
		renameSync(`${this.#file}.new`, this.#file);
		this.#todos = todos;
	}

	#find(id) {
		const todo = this.#todos.find((candidate) => candidate.id === id);
		if (!todo)
			throw new HttpError(404, 'no such todo');
		return todo;
	}

	list() {
		return this.#todos;
	}

	add(input) {
		const todo = {
			id: randomUUID(),
			done: false,
			created: new Date().toISOString(),
			...clean({ ...input, title: fields.title(input?.title) }),
		};
		this.#save([...this.#todos, todo]);
		return todo;
	}

	change(id, input) {
		const old = this.#find(id);
		const todo = { ...old, ...clean(input), changed: new Date().toISOString() };
		this.#save(this.#todos.map((other) => (other === old ? todo : other)));
		return todo;
	}

	remove(id) {
		const todo = this.#find(id);
		this.#save(this.#todos.filter((other) => other !== todo));
	}

	replace(list) {
		this.#save(
			list.map((input) => ({
				id: randomUUID(),
				done: false,
				created: new Date().toISOString(),
				...clean({ ...input, title: fields.title(input?.title) }),
			})),
		);
		return this.#todos;
	}
}
