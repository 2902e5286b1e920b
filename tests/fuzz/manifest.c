/* The encoded form of a tree. There is one for each tree: what decodes, encodes to the same bytes. */
#include "store/manifest_inside.h"
#include "tests/fuzz/fuzz.h"

static int count(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	MUST(a || b);
	MUST((change == MANIFEST_ADDED) == !a && (change == MANIFEST_REMOVED) == !b);
	++*(size_t *)arg;
	return 0;
}

static void look_around(const struct manifest *m)
{
	for (size_t i = 0; i < m->count; i++) {
		const struct entry *e = &m->entries[i];
		AUTO(free_ptr) char *path = fuzz_copy((const uint8_t *)e->path, e->path_len - (e->type == TAR_DIR));
		size_t first, end;

		MUST(manifest_find(m, path) == (ssize_t)i);
		MUST(manifest_skip(m, i) > i && manifest_skip(m, i) <= m->count);
		if (e->type != TAR_DIR)
			continue;
		manifest_range(m, path, &first, &end);
		MUST(first == i + 1 && end == manifest_skip(m, i));
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(free_ptr) char *exact = fuzz_copy(data, n);
	AUTO(manifest_unrefp) struct manifest *m = NULL, *empty = NULL;
	AUTO(manifest_builder_freep) struct manifest_builder *b = NULL;
	AUTO(buf_release) struct buf again = BUF_INIT;
	size_t changes = 0;
	int r = manifest_decode(exact, n, &m);

	MUST(r == 0 || r == -EBADMSG);
	if (r)
		return 0;
	MUST(manifest_encode(m, &again) == 0 && again.len == n && memcmp(again.data, exact, n) == 0);
	look_around(m);
	MUST(manifest_builder_new(&b) == 0 && manifest_build(b, &empty) == 0);
	MUST(manifest_diff(m, m, count, &changes) == 0 && changes == 0);
	MUST(manifest_diff(empty, m, count, &changes) == 0 && changes == m->count);
	return 0;
}
