/*
 * libgenstore: the cloud of an app generator in one SQLite file.
 *
 * A handle belongs to one thread at a time; any number of handles and processes may have the same file open.
 * Functions return 0 or a negative errno; genstore_errmsg() then has the words. Iterators return 1, 0 at the end,
 * or a negative errno. Strings in structures stay valid until the next call with the same structure, or its release.
 */
#ifndef GENSTORE_GENSTORE_H
#define GENSTORE_GENSTORE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GENSTORE_API __attribute__((visibility("default")))
#define GENSTORE_VERSION "0.1.0"

struct genstore;

/* The library's own version, which can be newer than the header's. */
GENSTORE_API const char *genstore_version(void);

/* NULL: no memory. */
GENSTORE_API struct genstore *genstore_new(void);
/* Closes; NULL is fine. */
GENSTORE_API void genstore_free(struct genstore *st);
/* The words of the last error of this handle: one line, no newline. "" before any. */
GENSTORE_API const char *genstore_errmsg(const struct genstore *st);

enum {
	GENSTORE_READ_ONLY = 1,
	GENSTORE_UNTRUSTED = 2, /* the file may be hostile: everything is verified first, which reads all of it */
	GENSTORE_ANY_VERSION = 4, /* for migrate: an older schema is not an error */
};

/* Makes a new store; -EEXIST when there is a file. */
GENSTORE_API int genstore_create(struct genstore *st, const char *path);
/*
 * Opens one. -ENOENT none there; -EUCLEAN not a store, or damaged; -EPROTO written by a newer program;
 * -ESTALE the schema is older (migrate); -EACCES, -EBUSY.
 */
GENSTORE_API int genstore_open(struct genstore *st, const char *path, unsigned flags);

/* One generation; all zero before its first use, which later ones release. NULL and 0 for what it does not have. */
struct genstore_generation {
	int64_t id;
	const char *request_id, *app_name, *status, *mode, *created_at, *completed_at;
	int64_t generation_number, current_iteration, max_iterations;
	int64_t archive_size;           /* of app.tar.gz, 0 before it is sealed */
	char archive_sha256[65];        /* lower-case hex, "" before */
	void *owned;
};
GENSTORE_API void genstore_generation_release(struct genstore_generation *g);
/* The generation after after_id in order of creation; start with 0. */
GENSTORE_API int genstore_generation_next(struct genstore *st, int64_t after_id, struct genstore_generation *ret_g);
/* By request id or unique prefix, app name, app/number, or "-" for the newest. -ENOENT. */
GENSTORE_API int genstore_generation_find(struct genstore *st, const char *rev, struct genstore_generation *ret_g);

/* Bytes that can be read at any offset. */
struct genstore_object;
GENSTORE_API int genstore_archive_open(struct genstore *st, const char *rev, struct genstore_object **ret_o);
GENSTORE_API int genstore_metadata_open(struct genstore *st, const char *rev, struct genstore_object **ret_o);
/* A file of a tree: rev can name an iteration ("todo-app/2@1"). */
GENSTORE_API int genstore_file_open(struct genstore *st, const char *rev, const char *path, struct genstore_object **ret_o);
GENSTORE_API int64_t genstore_object_size(const struct genstore_object *o);
/* How many bytes were read: fewer than n only at the end. -EBADMSG when what is stored does not match its checksums. */
GENSTORE_API ssize_t genstore_object_read(struct genstore *st, const struct genstore_object *o, int64_t offset, size_t n,
					  void *out);
GENSTORE_API void genstore_object_free(struct genstore_object *o);

#ifdef __cplusplus
}
#endif

#endif
