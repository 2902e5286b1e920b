/*
 * What the foreign*.c files share: what is found in an archive while it is unpacked (foreign_scan.c, foreign_tar.c, foreign_names.c),
 * and what is kept of it (foreign_index.c). The first three know no store: they run on a thread of their own.
 */
#ifndef GENSTORE_FOREIGN_INSIDE_H
#define GENSTORE_FOREIGN_INSIDE_H

#include "store/digests.h"
#include "store/foreign.h"
#include "store/foreign_index.h"
#include "store/manifest_inside.h"
#include "store/stitch/gunzip.h"

/* An entry as it stands in the archive; of several with one name the last, as tar has it. */
struct scan_entry {
	const char *path, *link; /* without "./" and a '/' at the end */
	int64_t size, offset;    /* of a file: where its bytes are in the tar */
	uint8_t type;            /* enum tar_type */
	bool executable;
	uint8_t sha256[SHA256_SIZE];
};

struct scan_names {
	struct scan_entry *entries;
	size_t count, room;
	struct text text;
	struct digests by_path; /* struct scan_name: found by the SHA-256 of their paths */
	int64_t bytes;          /* of all files */
};

struct scan {
	const struct foreign_limits *limits;
	struct gunzip_source source;
	/* A window that was packed; to go on with a window number for the span. NULL: none wanted. */
	int (*window)(void *arg, const void *packed, size_t n, const void *plain, size_t plain_n);
	void *arg;

	struct gunzip *gunzip;
	struct gunzip_run run;
	size_t used;      /* of the run */
	int64_t tar_at;   /* of the tar, what was taken */
	int64_t unpacked; /* of the stream */
	struct foreign_span *spans; /* the last one is still growing */
	size_t span_count, span_room;
	struct scan_names names;
	char reason[512];
};

/* Reads it all. 0, or why it cannot be browsed, with s->reason; -ECANCELED and -ENOMEM as they are. */
int scan_run(struct scan *s);
void scan_release(struct scan *s);
int scan_fail(struct scan *s, int r, const char *fmt, ...) PRINTF(3, 4);
/* Names are shown as they can be. */
int scan_fail_name(struct scan *s, int r, const char *name, const char *why);

/* The next bytes of the tar, at most max: 1, 0 at the end of the stream. Borrowed until the next call. */
int scan_take(struct scan *s, int64_t max, const uint8_t **ret_bytes, size_t *ret_n);
/* Exactly n of them: 1; 0 when the stream ends before the first; -EBADMSG when it ends after that. */
int scan_read(struct scan *s, void *out, size_t n);

/* foreign_tar.c: the entries, one after the other, up to the end of the tar. */
int scan_tar(struct scan *s);

/* foreign_names.c */
void scan_names_init(struct scan_names *n);
void scan_names_release(struct scan_names *n);
/* Cleans a name in place, as tar reads it: -ENOTSUP with a reason for one that is not kept; "" is the top. */
int scan_clean_path(struct scan *s, char *path, size_t n);
/* Copies path and link. */
int scan_add(struct scan *s, const struct scan_entry *e);
/* NULL: no such entry so far. */
const struct scan_entry *scan_find(const struct scan *s, const char *path);
/* What can only be judged when all names are known; and `app/` goes where everything is below it. */
int scan_names_finish(struct scan *s);

/* foreign_index.c: past the handle's cache. One reference. */
int foreign_index_load(struct genstore *st, int64_t archive, struct foreign_index **ret_i);

#endif
