/*
 * Generations: requests, their states, their iterations and what they end with.
 */
#ifndef GENSTORE_GENERATION_H
#define GENSTORE_GENERATION_H

#include "store/archive.h"
#include "store/session.h"

/* A row of generation_requests with what is known of its archive. Text is owned: generation_release(). NULL where the column is. */
struct generation {
	int64_t id, generation_number, max_iterations, current_iteration;
	char *request_id, *uuid, *app_id, *user_id, *app_name, *prompt, *initial_prompt, *status, *generation_type, *mode,
		*github_url, *github_commit, *artifacts_github_url, *deployment_url, *error_message, *last_session_id, *s3_path,
		*parent_request_id, *supabase_project_ref, *created_at, *updated_at, *completed_at;
	/* 0 before it is sealed. */
	int64_t seal_id, content_id, metadata_id, archive_size, manifest_id;
	bool away; /* the archive's bytes, and its tree, are in a bucket only (evict.h) */
	uint8_t archive_sha256[SHA256_SIZE];
};

void generation_release(struct generation *g);
int generation_get(struct genstore *st, int64_t id, struct generation *ret_g);
/* -ENOENT; -EBADMSG where the index leads elsewhere. */
int generation_id(struct genstore *st, const char *request_id, int64_t *ret_id);
/* The other way round. -ENOENT. */
int generation_name(struct genstore *st, int64_t id, char ret_request_id[ID_REQUEST_MAX + 1]);
int generation_by_request(struct genstore *st, const char *request_id, struct generation *ret_g);
/* The first after id in order of id, or the last before it (newest first; start with INT64_MAX). 1, 0 at the end. */
int generation_after(struct genstore *st, int64_t id, struct generation *ret_g);
int generation_before(struct genstore *st, int64_t id, struct generation *ret_g);

struct generation_request {
	const char *user_id;    /* NULL: the local user */
	const char *app_name;   /* checked by app_name_valid() */
	const char *prompt;     /* UTF-8, NULL: unknown */
	const char *mode;       /* of enum generation_mode */
	const char *type;       /* "new" or "resume" */
	const char *parent;     /* request id it came from, or NULL */
	const char *request_id; /* from outside, or NULL: made here */
	const char *created_at; /* in the form of the tables, or NULL: now */
	int64_t max_iterations;
	/* Of one that was made in another store. */
	const char *app_id;     /* NULL: the app of that name. Where it is not here it is made; its name gets a (2) where that is taken */
	int64_t number;         /* within the app, kept where it is free; 0: the next */
};

/* Writes a request, `queued`, in the app of that name, which is made where there is none. One transaction. */
int generation_create(struct genstore *st, const struct generation_request *req, struct generation *ret_g);

/* completed, failed or cancelled: no other state comes after these. */
bool generation_is_final(const char *status);
/*
 * Moves it to another state; error_message is kept when not NULL. -ESTALE with words when the database's
 * table of transitions does not have that step.
 */
int generation_set_status(struct genstore *st, int64_t id, const char *status, const char *error_message);

/* last_session_id, for going on with the same context. */
int generation_set_session(struct genstore *st, int64_t id, const char *session_id);

/* schema_snapshot: a copy, NULL where there is none. -ENOENT. */
int generation_schema(struct genstore *st, int64_t id, char **ret_json);
/* schema_snapshot, unless it is there: for what is complete already. */
int generation_set_schema(struct genstore *st, int64_t id, const char *schema);
/* supabase_project_ref, in the caller's transaction, with a row of the trail where it is another one. */
int generation_set_project(struct genstore *st, const struct generation *g, const char *ref);

/* What all_work_complete tells; NULL and 0 for what it did not. */
struct completion {
	const char *status; /* completed, failed, cancelled */
	const char *error_message, *github_url, *github_commit, *flyio_url, *session_id;
	const char *schema_snapshot; /* JSON */
	/* That of the last iteration's tree, computed beforehand for generation_mtime(); else it is computed, which takes its time. */
	struct seal *seal;
};

/* The time of all that is in the archive of a generation, seconds since the epoch. -EUCLEAN when created_at is none. */
int generation_mtime(struct genstore *st, const char *created_at, int64_t *ret_mtime);

/*
 * The end of a generation, in one transaction: status and the columns of the schema clean-up plan (artifacts_github_url is derived; deployment_url
 * is flyio_url, else what the tree's fly.toml names), and where there is an iteration, the seal of its last one and metadata.json. Nothing is sealed twice.
 */
int generation_finish(struct genstore *st, int64_t id, const struct completion *c);

/* Whether its row, and those that bind it to its archive, fit their sums. seal_id 0: it has none. -EBADMSG. */
int generation_vouch(struct genstore *st, int64_t id, int64_t seal_id);

/*
 * app.tar.gz and metadata.json of a generation, once generation_vouch() has nothing against it.
 * -ENOENT before it is sealed; -EREMOTE, with what to do, where the archive is away.
 */
int generation_archive(struct genstore *st, const struct generation *g, struct object **ret_o);
int generation_metadata(struct genstore *st, const struct generation *g, struct object **ret_o);

/*
 * Where what it hands over is kept as artifacts (of type screenshot): the session that is called like the request, in the organization
 * that is called like its user. -ENOENT when there is nothing yet.
 */
int generation_session(struct genstore *st, const struct generation *g, struct session *ret_s);

/* Removes it and all that is only its own (rows, and its screenshots; bytes are gc's), writes an audit row; its number stays unused. -EBUSY while it runs. */
int generation_remove(struct genstore *st, int64_t id);

/* A row of iteration_snapshots. */
struct iteration {
	int64_t id, generation, number, manifest, files, bytes; /* files and bytes 0 where they are not known */
	bool away; /* its tree is that of the generation's archive, which is not in this store: manifest is 0 */
	char *snapshot_type, *prompt_used, *timestamp, *metadata;
};
void iteration_release(struct iteration *it);
/*
 * In SQL over iteration_snapshots: whether a row is an iteration. What is taken between iterations has number 0 and is none; legacy databases count their
 * own, which are automatic, from 0 on.
 */
#define ITERATION_COUNTS "(iteration_number > 0 OR snapshot_type = 'automatic')"

/*
 * Adds one (in the caller's transaction or its own) and sets current_iteration. metadata is JSON or NULL. Number 0: a snapshot between
 * iterations (manual, checkpoint), which is found by its id alone and is never what gets sealed. m NULL: its tree is the archive's, which is away.
 */
int iteration_add(struct genstore *st, int64_t generation, int64_t number, const char *type, const struct manifest *m,
		  const char *prompt, const char *metadata, int64_t *ret_id);
/* One that was taken elsewhere, at a time in the form of the tables; NULL: now. */
int iteration_add_at(struct genstore *st, int64_t generation, int64_t number, const char *type, const struct manifest *m,
		     const char *prompt, const char *metadata, const char *at, int64_t *ret_id);
/* Those with this tree have it no more (evict.h); then those that have it no more have it again, or, m NULL, there is none and they go. */
int iterations_go(struct genstore *st, int64_t generation, int64_t manifest);
int iterations_return(struct genstore *st, int64_t generation, const struct manifest *m);
/* In order of id; start with 0. 1, 0 at the end. */
int iteration_next(struct genstore *st, int64_t generation, int64_t after_id, struct iteration *ret_it);
/* The newest of a number; number 0: the newest of all iterations (a checkpoint before the first one, number 0, is none). -ENOENT. */
int iteration_find(struct genstore *st, int64_t generation, int64_t number, struct iteration *ret_it);
int iteration_get(struct genstore *st, int64_t id, struct iteration *ret_it);

/*
 * metadata.json of a generation, as interface.md fixes it: the seed's five fields in their order, two-space indented, newline at
 * the end; then under "genstore" what recovery needs. s is its seal.
 */
int metadata_json(const struct generation *g, const struct seal *s, struct buf *out);

#endif
