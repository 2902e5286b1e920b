/*
 * An open store, seen from inside the library. One handle a thread: nothing in it is locked.
 */
#ifndef GENSTORE_STORE_H
#define GENSTORE_STORE_H

#include "store/base/clock.h"
#include "store/base/id.h"
#include "store/db.h"
#include "store/genstore.h"

enum {
	STORE_APPLICATION_ID = 0x67656e73, /* "gens" */
	STORE_PAGE_SIZE = 16384,
};

struct direct;
struct foreign_cache;
struct fragmenter;
struct piece_cache;

/* For whom a handle is: a user, what he has in one organization, or one organization. "": no matter which; both: the file's owner. */
struct access_subject { char user_id[ID_UUID], organization_id[ID_UUID]; };

struct genstore {
	struct db db;
	char *path;
	bool read_only;
	struct clock clock;
	int64_t source_date;           /* mtime of what is sealed, seconds since the epoch; -1: when its generation was created */
	struct id_source ids;
	struct access_subject subject; /* access_limit() */
	char actor[ID_UUID];           /* the user for whom things are done, as the audit trail names him; "": the local user */
	struct fragmenter *fragmenter; /* made at first use: store_fragmenter() */
	struct piece_cache *pieces;    /* made at first use: piece_borrow() */
	struct foreign_cache *foreign; /* made at first use: foreign_index_get() */
	struct direct *direct;         /* made at first use: direct_row() */
	char errmsg[1024];
};

/*
 * Records the words of an error and returns r. The subject in single quotes, no capital, no
 * full stop, and what to do next where there is something.
 */
int store_fail(struct genstore *st, int r, const char *fmt, ...) PRINTF(3, 4);

/* The handle's encoder and decoder; NULL: no memory. */
struct fragmenter *store_fragmenter(struct genstore *st);

/* Frees what the handle made besides its connection. */
void store_release(struct genstore *st);

/* The time in the form of the tables, from the store's clock. */
void store_now(const struct genstore *st, char out[CLOCK_TEXT]);

#endif
