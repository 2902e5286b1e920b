/*
 * Typed artifacts: files of a session, each with a type and a name, as the artifact management design has them.
 */
#ifndef GENSTORE_ARTIFACT_H
#define GENSTORE_ARTIFACT_H

#include "store/artifact_path.h"
#include "store/object.h"

enum {
	ARTIFACT_METADATA_MAX = 64 << 10, /* bytes of JSON */
	ARTIFACT_BATCH_MAX = 100000,      /* artifacts that are put at once */
};
#define ARTIFACT_BYTES_MAX ((int64_t)5 << 40) /* of one: what S3 takes for an object */

/* A row of artifacts, with the bytes it has now. Text is owned: artifact_release(). NULL where the column is. */
struct artifact {
	char *artifact_id, *session_id, *conversation_id, *organization_id, *artifact_type, *artifact_name, *storage_path, *mime_type,
		*metadata, *created_at;
	int64_t file_size;
	/* 0: its bytes are not in this store. The version is another one whenever the bytes are, and never used again. */
	int64_t version, content_id;
	char *stored_at; /* when this version came; NULL without bytes */
};
void artifact_release(struct artifact *a);

/* By its storage path. -ENOENT without words; -EBADMSG where its row does not fit its sum. */
int artifact_get(struct genstore *st, const char *storage_path, struct artifact *ret_a);
/* The same by what people call it: artifact_locate(). -ENOENT with words. */
int artifact_find(struct genstore *st, const struct session *s, const char *path, struct artifact *ret_a);
/* Whether the rows that bind its name to its bytes fit their sums, before something is served on their word. -EBADMSG. */
int artifact_vouch(struct genstore *st, const struct artifact *a);
/* Its bytes. -ENODATA with words where they are not in this store; -EBADMSG. */
int artifact_open(struct genstore *st, const struct artifact *a, struct object **ret_o);

/* NULL: any. Times are in the form of the tables, created_at compared with them: from since on, and before until. */
struct artifact_filter {
	const char *session_id, *organization_id, *conversation_id, *type, *since, *until;
	const char *below; /* the storage path that it begins with, whole parts of it: ends with '/' */
};

struct artifact_list {
	struct artifact *items;
	size_t count, cap;
	bool more; /* there are others behind the last */
};
void artifact_list_release(struct artifact_list *l);
/*
 * Those that match, in the bytewise order of their storage paths: the first `limit` behind `after` (a storage path, which need not be
 * there; NULL: from the beginning). One state.
 */
int artifact_page(struct genstore *st, const struct artifact_filter *f, const char *after, int64_t limit, struct artifact_list *ret_l);
/* How many match, and the sum of their sizes. */
int artifact_total(struct genstore *st, const struct artifact_filter *f, int64_t *ret_count, int64_t *ret_bytes);

/*
 * Puts any number of them, all or nothing: bytes first, through a stage, then the rows that name them, in one transaction with their
 * audit rows.
 *
 *	artifact_batch_new(st, &b);
 *	artifact_batch_file(b, "terraform", "modules/vpc/main.tf", fd) ...
 *	artifact_batch_commit(b, &where, &result);
 *
 * A name that is there is replaced: it keeps its id and created_at, and its conversation where none is given; everything else is new.
 * The bytes it had are left to gc. One that has the same bytes, type of content and metadata already is left alone. -ESTALE from any
 * of them: a collection ran meanwhile; begin again with a new batch.
 */
struct artifact_batch;
int artifact_batch_new(struct genstore *st, struct artifact_batch **ret_b);
void artifact_batch_free(struct artifact_batch *b);
void artifact_batch_freep(struct artifact_batch **b);
/*
 * Takes fd from its offset to its end. Errors of artifact_check_type(), artifact_check_name() and stage_file(); -EFBIG over
 * ARTIFACT_BATCH_MAX or ARTIFACT_BYTES_MAX.
 */
int artifact_batch_file(struct artifact_batch *b, const char *type, const char *name, int fd);
int artifact_batch_bytes(struct artifact_batch *b, const char *type, const char *name, const void *data, size_t n);

/*
 * Whose they are, by name or UUID: made where there is none. metadata is a JSON object of at most ARTIFACT_METADATA_MAX bytes, for all
 * of them, or NULL.
 */
struct artifact_place {
	const char *organization, *session, *conversation, *metadata;
	const char *artifact_id, *created_at; /* of one that comes back: a UUID, where nobody has it, and a time; else NULL */
};
struct artifact_put {
	struct session session;
	int64_t added, replaced, unchanged, bytes;
};
/*
 * In the caller's transaction or its own. -EINVAL: what is no session, organisation or metadata. -EEXIST: two of the batch have one
 * path. -EISDIR, -ENOTDIR: a name is a folder of others, or has a file in the place of a folder. After an error the batch is good for
 * artifact_batch_free() only.
 */
int artifact_batch_commit(struct artifact_batch *b, const struct artifact_place *where, struct artifact_put *ret_put);

/*
 * A ZIP file (bundle.h) of those of a session that match (session_id and organization_id, which have to be there, and type), under their paths, with the times of their bytes (or SOURCE_DATE_EPOCH): one state.
 * -ENOENT without words when there are none; -ENODATA when the bytes of one are not in this store. ret_tag: hex that is the same in this
 * store as long as the bytes are; or NULL.
 */
int artifact_bundle(struct genstore *st, const struct artifact_filter *f, struct object **ret_o, int64_t *ret_count, char ret_tag[HEX_SHA256_SIZE]);

/* Removes those that match, all or none, with their audit rows; the bytes are gc's. A filter that matches nothing removes nothing. */
int artifact_remove(struct genstore *st, const struct artifact_filter *f, int64_t *ret_removed);
/* The same for one. -ENOENT: it is not there any more. */
int artifact_remove_one(struct genstore *st, const struct artifact *a);

#endif
