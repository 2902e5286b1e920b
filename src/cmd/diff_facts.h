/*
 * What two trees' facts (src/facts) have as differences: files that changed are read on both sides; SQL files, which count only
 * together, with all of their folder.
 */
#ifndef GENSTORE_DIFF_FACTS_H
#define GENSTORE_DIFF_FACTS_H

#include "src/cmd/cmd.h"
#include "src/facts/facts.h"
#include "store/manifest.h"

#include <jansson.h>

enum { DIFF_FACTS_BYTES = 256 << 20 }; /* read from both trees; what comes behind that is not looked into */

struct diff_facts {
	struct genstore *st;
	struct facts old, new;
	int64_t bytes;
	json_t *folders; /* an object: those in which SQL files changed */
	json_t *skipped; /* an object: path -> why it was not looked into, on either side */
	int64_t counts[FACT_ROUTE + 1]; /* of differences, when they are told */
	bool shown;      /* something stands above on stdout: an empty line comes before what is told */
};

/* -ENOMEM. Released in any case. */
int diff_facts_init(struct diff_facts *d, struct genstore *st);
void diff_facts_release(struct diff_facts *d);

/* One difference of manifest_diff(). */
int diff_facts_note(struct diff_facts *d, const struct entry *a, const struct entry *b);
/* When all were noted. */
int diff_facts_end(struct diff_facts *d, const struct manifest *a, const struct manifest *b);
/* Prints the differences, and what was not looked into. -ENOMEM. */
int diff_facts_tell(struct cli *cli, struct diff_facts *d);

#endif
