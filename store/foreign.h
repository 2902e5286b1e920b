/*
 * Foreign archives: an app.tar.gz that somebody hands in. It is kept byte for byte, in raw pieces, and known as a whole by its
 * SHA-256; what is in it is read through an index (foreign_index.h), never stored a second time.
 *
 *	foreign_new(st, NULL, &f);
 *	foreign_write(f, bytes, n) ...            in order; staged into rows that nobody refers to
 *	foreign_end(f, &a);                       all bytes are there; a.error says whether it can be browsed, a.reason why not
 *	foreign_receive(f, &how, &generation);    one small transaction makes it visible
 *	foreign_free(f);                          what was staged and not received is taken away again
 *
 * While the bytes come in, two threads of the sink's own hash them, and unpack them: every archive is read to its end, and
 * measured against the limits, before anybody sees it. Neither touches the store; all rows are written by the caller's thread.
 *
 * Memory: FOREIGN_MEMORY for the bytes, 1 MiB to unpack with, about 200 bytes an entry, and what was noted of spans since the last batch was written: 32 KiB
 * at most for each MiB unpacked, so that an archive of nothing but the worst case could have 250 MiB of it.
 */
#ifndef GENSTORE_FOREIGN_H
#define GENSTORE_FOREIGN_H

#include "store/generation.h"

enum {
	FOREIGN_BATCH = 8,                   /* pieces of PIECE_MAX written in one transaction */
	FOREIGN_MEMORY = 2 * FOREIGN_BATCH * PIECE_MAX,
	FOREIGN_METADATA_MAX = 1 << 20,      /* bytes of a metadata.json that is handed in */
};

/* What an archive may be. Over one of them it cannot be browsed: -EFBIG, and the reason names the limit. */
struct foreign_limits {
	int64_t size;    /* bytes of the archive; over it foreign_write() fails, nothing is kept */
	int64_t bytes;   /* bytes it unpacks to, the contents of hard links counted for each */
	int64_t entries; /* at most MANIFEST_ENTRIES_MAX */
	int64_t ratio;   /* bytes unpacked for one of the archive, once there are more than FOREIGN_RATIO_FROM of them */
	int64_t depth;   /* components of a path; at most MANIFEST_DEPTH_MAX */
	int64_t name;    /* bytes of a component; at most MANIFEST_NAME_MAX */
	int64_t header;  /* bytes of one pax header or GNU long name */
};
enum { FOREIGN_RATIO_FROM = 64 << 20 };
extern const struct foreign_limits foreign_default_limits;

struct foreign;

/* limits NULL: the default ones. The store must be open for writing, and no transaction open. */
int foreign_new(struct genstore *st, const struct foreign_limits *limits, struct foreign **ret_f);
void foreign_free(struct foreign *f);
void foreign_freep(struct foreign **f);

/* -EFBIG beyond limits->size, -ENOSPC, -EBUSY ...: after an error there is only foreign_free(). */
int foreign_write(struct foreign *f, const void *bytes, size_t n);
/*
 * The same without a copy: where the next bytes go, at least one of them; then how many of them are there. What was got from
 * foreign_room() is good until the next call with f.
 */
int foreign_room(struct foreign *f, void **ret_bytes, size_t *ret_n);
int foreign_fill(struct foreign *f, size_t n);

/*
 * Whether it is known already that it cannot be browsed: who would refuse it need not wait for the rest, and gets the reason
 * from foreign_end().
 */
bool foreign_has_failed(const struct foreign *f);

struct foreign_archive {
	int64_t size;
	uint8_t sha256[SHA256_SIZE];
	int error;           /* 0: it can be browsed. -EBADMSG damaged, cut short or no tar.gz; -ENOTSUP what is never kept; -EFBIG a limit */
	char reason[512];    /* for people: which entry, and why */
	int64_t entries, files, bytes; /* of its tree */
};

/*
 * All bytes are there: says what they are. An archive that cannot be browsed is
 * no error here: it is for the caller to refuse it or to keep it as opaque bytes.
 */
int foreign_end(struct foreign *f, struct foreign_archive *ret_a);
/* After foreign_end(): writes what is still in memory, which foreign_receive() would do. On disk when this returns 0. */
int foreign_sync(struct foreign *f);
/* Up to n of the bytes that arrived so far, 0 at their end: for who has to begin again, and did not keep them. */
ssize_t foreign_read(struct foreign *f, int64_t offset, size_t n, void *out);

struct foreign_receive {
	const char *request_id; /* NULL: made here. One that exists and is not final: that generation's archive */
	const char *user_id;    /* of a generation that is new; NULL: the local user */
	const char *app_name;   /* of a generation that is new; NULL: as metadata.json says, else the request id */
	const char *prompt;     /* NULL: unknown */
	const void *metadata;   /* metadata.json as it was handed in, kept verbatim; NULL: what foreign_metadata() was given, else ours */
	size_t metadata_size;
	const char *app_id, *parent, *created_at; /* of a generation that was made in another store: as in struct generation_request */
	int64_t number;
	bool opaque;            /* keep it although it cannot be browsed: there is no tree then */
};

/*
 * Makes it the archive of a generation, in one transaction: of a new one, completed, with its tree as iteration 1; or of one that is
 * not final yet, which keeps its state and its iterations. An archive that equals one of our seals, or a content that is there, is that one:
 * nothing is stored. -ESTALE: a collection in another process took staged bytes meanwhile; begin again. -EEXIST: the generation has an archive, or is final; -EINVAL: no request id, app name or JSON;
 * the archive's own error, with its reason, when it cannot be browsed and is not to be opaque.
 */
int foreign_receive(struct foreign *f, const struct foreign_receive *how, struct generation *ret_g);

/*
 * The same for an archive of which only size and SHA-256 are known yet: the generation is there, its bytes are away (evict.h). how->request_id
 * has to be new: -EEXIST. opaque says nothing here.
 */
int foreign_receive_later(struct genstore *st, const struct foreign_receive *how, int64_t size, const uint8_t sha256[SHA256_SIZE],
			  struct generation *ret_g);

/*
 * After foreign_end(): the bytes of a generation that are away are here again. -EBADMSG: they are others, by size or SHA-256; -EEXIST: they
 * were brought back meanwhile; -ESTALE as above.
 */
int foreign_return(struct foreign *f, int64_t generation);

/*
 * A metadata.json, whichever comes first, it or its archive: kept verbatim. Where the generation was named by its id for want of it,
 * it moves to the app that is named here. -EEXIST: one was handed in before, or the archive is our own; -EINVAL no JSON object; -EFBIG.
 */
int foreign_metadata(struct genstore *st, const char *request_id, const void *bytes, size_t n);

/* Whether a generation has an archive that was handed in, and its metadata.json is still ours: 1 or 0. */
int foreign_lacks_metadata(struct genstore *st, int64_t generation);

/* Whether the files of a tree are inside an archive that was handed in. */
bool foreign_is_tree(const struct manifest *m);
/*
 * The same tree with contents of its own: what resume and fork begin with. *ret_m is m itself (one more reference) when it is not foreign,
 * else a manifest that is stored; in bounded transactions: not inside of one.
 * Nothing names that manifest yet: who does looks in the same transaction whether it is still there, or has been collected (-ENOENT of manifest_load()).
 */
int foreign_import_tree(struct genstore *st, struct manifest *m, struct manifest **ret_m);

/* manifest_diff() for any two trees: the files of foreign ones are compared by their SHA-256. Errors of reading end it, too. */
int foreign_diff(struct genstore *st, const struct manifest *a, const struct manifest *b,
		 int (*f)(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b), void *arg);

#endif
