/* A tree that was not generated here becomes a generation: what import, fork and promote have in common. */
#ifndef GENSTORE_KEEP_H
#define GENSTORE_KEEP_H

#include "src/cmd/cmd.h"
#include "store/revision.h"

/*
 * In two steps, because sealing reads all of the tree and nobody should wait for that:
 *
 *	gc_epoch(st, &k.epoch);                    before the tree is looked up, or in the transaction that puts it
 *	keep_prepare(st, m, &k);                   no transaction
 *	TXN t = txn_begin(&st->db);
 *	keep_tree(st, &k, &req, metadata, &g);     -ESTALE: a collection came between, begin again
 *	txn_commit(&t);
 */
struct keep {
	int64_t epoch;
	char created_at[CLOCK_TEXT];
	struct seal seal;
	const struct manifest *manifest; /* borrowed */
	struct buf schema;               /* schema_snapshot */
};
enum { KEEP_TRIES = 5 };

/* Seals the tree of a manifest that is in the store. Only reads. -ESTALE: a collection took some of it, begin again. */
int keep_prepare(struct genstore *st, struct manifest *m, struct keep *k);
/*
 * In the caller's transaction: a completed generation of one iteration. It is all or nothing, so that a program that is killed leaves
 * nothing that runs for ever. metadata is the iteration's, JSON or NULL; req's created_at is set here.
 */
int keep_tree(struct genstore *st, struct keep *k, const struct generation_request *req, const char *metadata,
	      struct generation *ret_g);
void keep_release(struct keep *k);

/* The first step for the tree of a REV; the manifest is k's as long as it is held. 0, -ESTALE, or an exit code with the error told. */
int keep_revision(struct cli *cli, const char *text, struct keep *k, struct revision *ret_rev, struct manifest **ret_m);

/* --app-name and --prompt, checked before there is any work: 0, or an exit code with the error told. */
int keep_check(struct cli *cli, const char *app_name, const char *prompt);

/* Opens for writing; generations whose program was killed are found and paused, and it is said. */
int cli_open_writer(struct cli *cli);

/* Makes the default store where there is none yet. Of several that come at once one does it, the others wait until it is whole. */
int cli_make_default(struct cli *cli);

/* stdout has the request id, or the generation as an object. */
void keep_tell(const struct cli *cli, const struct generation *g);

#endif
