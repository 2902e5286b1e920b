/* What the check*.c files share. */
#ifndef GENSTORE_CHECK_INSIDE_H
#define GENSTORE_CHECK_INSIDE_H

#include "store/bitmap.h"
#include "store/check.h"

enum { CHECK_SIZES = 1 << 14 };

struct check {
	struct genstore *st;
	const struct check_options *o;
	bool read_data;
	struct check_result result;
	struct bitmap read; /* pieces that were read as part of a content */
	struct { int64_t id, size; } sizes[CHECK_SIZES]; /* of contents, by the id's low bits: manifests name the same again and again */
	int64_t done, total;
};

/* Reports; 0. */
int check_found(struct check *c, const char *kind, const char *subject, const char *fmt, ...) PRINTF(4, 5);
/* r as it is where checking cannot go on; where it means damage, reports it in the store's words and is 0. */
int check_verdict(struct check *c, const char *kind, const char *subject, int r);
int check_verdict_id(struct check *c, const char *kind, int64_t id, int r);

/* Calls f for each id that the statement gives: the next one behind its parameter. */
int check_each(struct check *c, const char *next, int (*f)(struct check *c, int64_t id));

int check_contents(struct check *c);
int check_pieces(struct check *c);
int check_manifests(struct check *c);
int check_seals(struct check *c);
int check_foreign(struct check *c);

int check_generations(struct check *c);
int check_iterations(struct check *c);
int check_events(struct check *c);
int check_artifacts(struct check *c);
int check_buckets(struct check *c);
int check_audit(struct check *c);

#endif
