/*
 * The index of a foreign archive: where reading it can be taken up, once in about a MiB of the tar inside, and where in the tar each file of its tree is. So a
 * file is read by unpacking the MiB that it lies in, which is compared with its checksum before a byte of it is served.
 *
 * Files of such a tree have content ids of their own kind: FOREIGN_CONTENT | archive's content << FOREIGN_BITS | number of the file in the
 * manifest. content_get(), object_of_content() and so everything that reads trees take them like any other.
 */
#ifndef GENSTORE_FOREIGN_INDEX_H
#define GENSTORE_FOREIGN_INDEX_H

#include "store/manifest.h"
#include "store/object.h"

#define FOREIGN_CONTENT ((int64_t)1 << 62)
enum {
	FOREIGN_BITS = 18,           /* of a file's number: MANIFEST_ENTRIES_MAX fit */
	FOREIGN_SPAN = 1 << 20,      /* a place is looked for after so many bytes of the tar */
	FOREIGN_SPAN_MAX = 32 << 20, /* one deflate block can be long, but not longer */
	FOREIGN_INDEX_MAX = 64 << 20, /* bytes of an index unpacked */
};

static inline bool foreign_is_content(int64_t id) { return id >= FOREIGN_CONTENT; }
static inline int64_t foreign_archive_of(int64_t id) { return (id & ~FOREIGN_CONTENT) >> FOREIGN_BITS; }
static inline size_t foreign_number_of(int64_t id) { return (size_t)(id & ((1 << FOREIGN_BITS) - 1)); }
static inline int64_t foreign_content(int64_t archive, size_t number)
{
	return FOREIGN_CONTENT | archive << FOREIGN_BITS | (int64_t)number;
}

struct foreign_span {
	int64_t in;    /* bytes of the archive before it */
	int64_t out;   /* bytes of the tar before it */
	int64_t size;  /* bytes of the tar in it */
	int64_t window; /* piece with the GUNZIP_WINDOW bytes or fewer before it; 0: none */
	uint32_t crc32;
	uint8_t bits;  /* as in struct gunzip_place */
	bool member;
};

struct foreign_file {
	int64_t offset, size; /* in the tar */
	uint8_t sha256[SHA256_SIZE];
};

/* Immutable and counted, like manifests; threads share them. */
struct foreign_index {
	int64_t archive; /* content id */
	struct object *bytes; /* of the archive */
	size_t span_count, file_count;
	struct foreign_span *spans;
	struct foreign_file *files;
	atomic_int refs;
};

/* -ENOENT: the archive has none. -EBADMSG where it is damaged. Through the handle's cache of the last one. */
int foreign_index_get(struct genstore *st, int64_t archive, struct foreign_index **ret_i);
struct foreign_index *foreign_index_ref(struct foreign_index *i);
void foreign_index_unref(struct foreign_index *i);
void foreign_index_unrefp(struct foreign_index **i);

/* A file inside of an archive, by its id; for content_get() and object_of_content(). */
int foreign_file_get(struct genstore *st, int64_t id, struct foreign_file *ret_f);
int foreign_file_open(struct genstore *st, int64_t id, struct object **ret_o);

/* Writes the row and the pieces of an index, in the caller's transaction. The spans' windows are pieces already. */
int foreign_index_put(struct genstore *st, const struct foreign_index *i, int64_t manifest);

/* What a handle keeps to read with. */
struct foreign_cache;
void foreign_cache_free(struct foreign_cache *c);

#endif
