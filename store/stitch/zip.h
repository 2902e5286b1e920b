/*
 * The frame of a ZIP file (PKWARE's APPNOTE.TXT 6.3.10): what stands around the contents. Pure functions of their arguments.
 *
 * Sizes and checksums stand in the local header, so that any reader can stream it; ZIP64 only where something does not fit. Names in
 * UTF-8 (said so where they are not ASCII), Unix modes, times in UTC: as MS-DOS has them (two seconds, 1980 to 2107), and in full in
 * Info-ZIP's extended timestamp.
 */
#ifndef GENSTORE_ZIP_H
#define GENSTORE_ZIP_H

#include "store/base/buf.h"

enum { ZIP_STORED = 0, ZIP_DEFLATED = 8 };

/* An empty final block, which ends a row of fragments (fragment.h): the last bytes of a deflated entry. */
enum { ZIP_FINAL = 2 };
extern const uint8_t zip_final[ZIP_FINAL];

struct zip_entry {
	const char *name; /* at most 65,535 bytes; a folder's ends in '/' */
	uint32_t name_len;
	uint32_t mode;    /* as in st_mode */
	int64_t mtime;    /* seconds since the epoch */
	int64_t size, packed; /* as it is, and as it stands in the file */
	int64_t offset;   /* of its local header */
	uint32_t crc32;
	uint16_t method;
};

/* Each appends. The local header does not depend on `offset`. */
int zip_local(const struct zip_entry *e, struct buf *out);
int zip_central(const struct zip_entry *e, struct buf *out);
/* What ends the file; the central directory is right before it. */
int zip_end(int64_t entries, int64_t central_offset, int64_t central_size, struct buf *out);

#endif
