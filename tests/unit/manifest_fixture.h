/* Manifests for tests, of entries that are quickly written down. */
#ifndef GENSTORE_MANIFEST_FIXTURE_H
#define GENSTORE_MANIFEST_FIXTURE_H

#include "store/manifest.h"
#include "tests/unit/test.h"

static inline struct entry file(const char *path, int64_t content)
{
	return (struct entry){ .path = path, .type = TAR_FILE, .size = content * 10, .content = content };
}

static inline struct entry dir(const char *path)
{
	return (struct entry){ .path = path, .type = TAR_DIR };
}

static inline struct entry symlink_to(const char *path, const char *link)
{
	return (struct entry){ .path = path, .type = TAR_SYMLINK, .link = link };
}

/* What the builder makes of n entries: 0, or the first error. */
int manifest_fixture(const struct entry *entries, size_t n, struct manifest **ret_m);
/* Eight entries of every kind, with names that are easily put in the wrong order; NULL when it fails. */
struct manifest *manifest_fixture_mixed(void);
/* n files in folders of 30, with the sizes and ids of a first snapshot, and `changed` of them new; NULL when it fails. */
struct manifest *manifest_fixture_large(size_t n, int64_t changed);

/* All but the ids. */
void manifest_fixture_check_same(struct test_run *test, const struct manifest *a, const struct manifest *b);

#endif
