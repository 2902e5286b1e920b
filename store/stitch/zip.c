#include "store/stitch/zip.h"

#include <sys/stat.h>
#include <time.h>

enum {
	LOCAL = 0x04034b50, CENTRAL = 0x02014b50, END = 0x06054b50, END64 = 0x06064b50, LOCATOR64 = 0x07064b50,
	EXTRA_ZIP64 = 0x0001, EXTRA_TIME = 0x5455, /* "UT" */
	UTF8 = 1 << 11,
	UNIX = 3 << 8,
	NEEDS_DEFLATE = 20, NEEDS_ZIP64 = 45,
	DOS_FOLDER = 0x10,
};

#define FULL16 0xffff
#define FULL32 0xffffffffu

const uint8_t zip_final[ZIP_FINAL] = { 0x03, 0x00 };

static bool fits(int64_t v)
{
	return v < FULL32;
}

/* What a field of 4 bytes says: all ones where the value is in the ZIP64 extra. */
static uint32_t field(int64_t v)
{
	return fits(v) ? (uint32_t)v : FULL32;
}

static uint16_t flags(const struct zip_entry *e)
{
	for (uint32_t i = 0; i < e->name_len; i++)
		if (e->name[i] & 0x80)
			return UTF8;
	return 0;
}

/* MS-DOS time and date, in that order. */
static void add_time(int64_t mtime, struct buf *out)
{
	static const int64_t first = 315532800, last = 4354819198; /* 1980-01-01T00:00:00Z, 2107-12-31T23:59:58Z */
	time_t seconds = (time_t)max_i64(first, min_i64(mtime, last));
	struct tm t;

	gmtime_r(&seconds, &t);
	buf_add_u16le(out, (uint16_t)(t.tm_hour << 11 | t.tm_min << 5 | t.tm_sec / 2));
	buf_add_u16le(out, (uint16_t)((t.tm_year - 80) << 9 | (t.tm_mon + 1) << 5 | t.tm_mday));
}

/* Sizes and offset where they do not fit (in a local header both sizes, no offset), and the time where it does: 4 bytes, signed. */
static int add_extra(const struct zip_entry *e, bool local, struct buf *out)
{
	bool both = local && !(fits(e->size) && fits(e->packed));
	const struct { bool wanted; int64_t value; } fields[] = {
		{ both || !fits(e->size), e->size },
		{ both || !fits(e->packed), e->packed },
		{ !local && !fits(e->offset), e->offset },
	};
	uint16_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		n = (uint16_t)(n + 8 * fields[i].wanted);
	if (n) {
		buf_add_u16le(out, EXTRA_ZIP64);
		buf_add_u16le(out, n);
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (fields[i].wanted)
			buf_add_u64le(out, (uint64_t)fields[i].value);
	if (e->mtime >= 0 && e->mtime <= INT32_MAX) {
		buf_add_u16le(out, EXTRA_TIME);
		buf_add_u16le(out, 5);
		buf_addc(out, 1); /* the time of modification alone */
		buf_add_u32le(out, (uint32_t)e->mtime);
	}
	return buf_error(out);
}

/* What local and central headers have in common: from the version that is needed to the length of the extra fields. */
static void add_common(const struct zip_entry *e, bool zip64, bool local, size_t extra, struct buf *out)
{
	bool both = local && !(fits(e->size) && fits(e->packed));

	buf_add_u16le(out, zip64 ? NEEDS_ZIP64 : NEEDS_DEFLATE);
	buf_add_u16le(out, flags(e));
	buf_add_u16le(out, e->method);
	add_time(e->mtime, out);
	buf_add_u32le(out, e->crc32);
	buf_add_u32le(out, both ? FULL32 : field(e->packed));
	buf_add_u32le(out, both ? FULL32 : field(e->size));
	buf_add_u16le(out, (uint16_t)e->name_len);
	buf_add_u16le(out, (uint16_t)extra);
}

int zip_local(const struct zip_entry *e, struct buf *out)
{
	AUTO(buf_release) struct buf extra = BUF_INIT;
	int r = add_extra(e, true, &extra);

	if (r)
		return r;
	buf_add_u32le(out, LOCAL);
	add_common(e, !fits(e->size) || !fits(e->packed), true, extra.len, out);
	buf_add(out, e->name, e->name_len);
	return buf_add(out, buf_str(&extra), extra.len);
}

int zip_central(const struct zip_entry *e, struct buf *out)
{
	AUTO(buf_release) struct buf extra = BUF_INIT;
	bool zip64 = !fits(e->size) || !fits(e->packed) || !fits(e->offset);
	int r = add_extra(e, false, &extra);

	if (r)
		return r;
	buf_add_u32le(out, CENTRAL);
	buf_add_u16le(out, UNIX | NEEDS_ZIP64);
	add_common(e, zip64, false, extra.len, out);
	buf_add_u16le(out, 0); /* comment */
	buf_add_u16le(out, 0); /* disk */
	buf_add_u16le(out, 0); /* internal attributes */
	buf_add_u32le(out, e->mode << 16 | (S_ISDIR(e->mode) ? DOS_FOLDER : 0));
	buf_add_u32le(out, field(e->offset));
	buf_add(out, e->name, e->name_len);
	return buf_add(out, buf_str(&extra), extra.len);
}

static void add_end64(int64_t entries, int64_t offset, int64_t size, struct buf *out)
{
	buf_add_u32le(out, END64);
	buf_add_u64le(out, 44); /* bytes of this record that follow */
	buf_add_u16le(out, UNIX | NEEDS_ZIP64);
	buf_add_u16le(out, NEEDS_ZIP64);
	buf_add_u32le(out, 0); /* this disk; that of the directory */
	buf_add_u32le(out, 0);
	buf_add_u64le(out, (uint64_t)entries); /* on this disk; in all */
	buf_add_u64le(out, (uint64_t)entries);
	buf_add_u64le(out, (uint64_t)size);
	buf_add_u64le(out, (uint64_t)offset);
	buf_add_u32le(out, LOCATOR64);
	buf_add_u32le(out, 0); /* the disk that the record above is on */
	buf_add_u64le(out, (uint64_t)(offset + size));
	buf_add_u32le(out, 1); /* disks */
}

int zip_end(int64_t entries, int64_t central_offset, int64_t central_size, struct buf *out)
{
	uint16_t count = entries < FULL16 ? (uint16_t)entries : FULL16;

	if (count == FULL16 || !fits(central_offset) || !fits(central_size))
		add_end64(entries, central_offset, central_size, out);
	buf_add_u32le(out, END);
	buf_add_u16le(out, 0); /* this disk; that of the directory */
	buf_add_u16le(out, 0);
	buf_add_u16le(out, count); /* on this disk; in all */
	buf_add_u16le(out, count);
	buf_add_u32le(out, field(central_size));
	buf_add_u32le(out, field(central_offset));
	return buf_add_u16le(out, 0); /* comment */
}
