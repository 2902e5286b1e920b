/* The readers of facts: the first byte chooses the file's name, a byte 0xff later on begins a second version of it to be compared. */
#include "src/facts/readers.h"
#include "tests/fuzz/fuzz.h"

static const char *const paths[] = {
	"package.json", "requirements.txt", "pyproject.toml", "go.mod", "Cargo.toml", "src/schema.ts", "src/server.js",
	"app/api/[id]/route.ts", "pages/api/x.ts", "main.py", "migrations/1.sql",
};

static void read_text(const char *path, struct span text, struct facts *f)
{
	size_t left = SQL_MEMORY;
	json_t *tables;
	int r = 0;

	if (!sql_wants(path)) {
		r = facts_read(f, path, text);
	} else {
		MUST((tables = json_object()));
		if (!(r = sql_read(tables, path, text, &left)) && !(r = sql_read(tables, path, text, &left)))
			r = sql_facts(tables, f);
		json_decref(tables);
	}
	MUST(r == 0 || r == -EBADMSG || r == -EFBIG);
	for (size_t i = 0; i < f->count; i++)
		MUST(f->list[i]->file && f->list[i]->name && f->list[i]->part && f->list[i]->value);
}

static int told(void *arg, const struct fact *a, const struct fact *b)
{
	MUST(a || b);
	MUST(!a || !b || a->kind == b->kind);
	++*(size_t *)arg;
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(facts_release) struct facts old = { 0 }, new = { 0 };
	const char *path = paths[fuzz_choice(&data, &n) % ARRAY_LEN(paths)];
	const uint8_t *cut = n ? memchr(data, 0xff, n) : NULL;
	size_t first = cut ? (size_t)(cut - data) : n, changes = 0;
	AUTO(free_ptr) char *a = fuzz_copy(data, first), *b = cut ? fuzz_copy(cut + 1, n - first - 1) : NULL;

	read_text(path, (struct span){ a, first }, &old);
	if (b)
		read_text(path, (struct span){ b, n - first - 1 }, &new);
	MUST(facts_compare(&old, &new, told, &changes) == 0);
	MUST(changes <= old.count + new.count);
	return 0;
}
