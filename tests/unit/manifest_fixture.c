#include "tests/unit/manifest_fixture.h"

#define BUILDER AUTO(manifest_builder_freep) struct manifest_builder *

int manifest_fixture(const struct entry *entries, size_t n, struct manifest **ret_m)
{
	BUILDER b = NULL;
	int r = manifest_builder_new(&b);

	for (size_t i = 0; !r && i < n; i++)
		r = manifest_add(b, &entries[i]);
	return r ? r : manifest_build(b, ret_m);
}

struct manifest *manifest_fixture_large(size_t n, int64_t changed)
{
	BUILDER b = NULL;
	struct manifest *m = NULL;

	if (manifest_builder_new(&b))
		return NULL;
	for (size_t i = 0; i < n; i++) {
		char path[100];
		uint32_t noise;

		test_noise(&noise, sizeof(noise), i + 1);
		snprintf(path, sizeof(path), "src/part%zu/component-%zx/index%u.module.ts", i / 300, i / 30, noise % 10000 + (unsigned)i * 10000);
		struct entry e = file(path, (int64_t)i + 1);

		e.size = noise % 9000;
		if (changed && i % (n / (size_t)changed) == 7)
			e.content += 1000000;
		if (manifest_add(b, &e))
			return NULL;
	}
	return manifest_build(b, &m) ? NULL : m;
}

void manifest_fixture_check_same(struct test_run *test, const struct manifest *a, const struct manifest *b)
{
	CHECK_EQ(a->count, b->count);
	CHECK_EQ(a->files, b->files);
	CHECK_EQ(a->bytes, b->bytes);
	for (size_t i = 0; i < a->count; i++) {
		const struct entry *x = &a->entries[i], *y = &b->entries[i];

		CHECK_STR(x->path, y->path);
		CHECK_EQ(x->path_len, strlen(y->path));
		CHECK_EQ(x->path_len, y->path_len);
		CHECK_STR(x->link, y->link);
		CHECK_EQ(x->type, y->type);
		CHECK_EQ(x->executable, y->executable);
		CHECK_EQ(x->size, y->size);
		CHECK_EQ(x->content, y->content);
	}
}

struct manifest *manifest_fixture_mixed(void)
{
	struct entry entries[] = {
		file("a/b", 3), symlink_to("a-b", "../up"), file("z\nz", 1), dir("empty"), file("a/\xc3\xa9/x.js", 7), file("Z", 2),
	};
	struct manifest *m = NULL;

	entries[0].executable = true;
	return manifest_fixture(entries, ARRAY_LEN(entries), &m) ? NULL : m;
}
