/* Whether a store is whole. Nothing is ever repaired here. */
#ifndef GENSTORE_CHECK_H
#define GENSTORE_CHECK_H

#include "store/gc.h"

enum {
	CHECK_READ_DATA = 1, /* every stored byte too: decoded, and compared with all its hashes */
};

struct check_options {
	/*
	 * Called for each problem. kind is one of header, database, schema, reference, piece, content, manifest, seal, archive, generation,
	 * iteration, event, artifact, audit, cost, row; subject says which ("42", "req_x"), words what is wrong.
	 */
	void (*problem)(void *arg, const char *kind, const char *subject, const char *words);
	/* Rows looked at so far, of about how many. Both may be NULL. */
	void (*progress)(void *arg, int64_t done, int64_t total);
	void *arg;
};

struct check_result {
	int64_t problems;
	int64_t pieces, contents, manifests, seals, generations, iterations, events, artifacts, audit_rows; /* looked at */
	int64_t evicted;          /* of these generations: the archive is in a bucket only, as the store has it */
	int64_t bytes;            /* of content and archives, read and hashed */
	struct gc_result unused;  /* what gc would remove: no damage. All 0 where there are problems */
};

/*
 * The file, SQLite's integrity, references, the schema; every row of the store against what refers to it, its sums and its copy in metadata.json.
 * In short transactions: others may read and write meanwhile. 0: whole; -EUCLEAN: problems were reported; other errors: it could
 * not be checked. *ret_result is written in the first two cases.
 */
int check_store(struct genstore *st, unsigned flags, const struct check_options *o, struct check_result *ret_result);

#endif
