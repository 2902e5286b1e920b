#include "store/btree.h"

enum {
	INTERIOR = 5,
	LEAF = 13,
	INTERIOR_HEADER = 12,
	LEAF_HEADER = 8,
	RIGHTMOST = 8, /* where an interior page has its last child */
};

static uint32_t be16(const uint8_t *p) { return (uint32_t)p[0] << 8 | p[1]; }
static uint32_t be32(const uint8_t *p) { return be16(p) << 16 | be16(p + 2); }

/* Seven bits a byte, most significant first; a ninth byte counts whole. NULL where it does not end before `end`. */
static const uint8_t *varint(const uint8_t *p, const uint8_t *end, uint64_t *ret_v)
{
	uint64_t v = 0;

	for (int i = 0; p < end; i++) {
		uint8_t byte = *p++;

		v = i == 8 ? v << 8 | byte : v << 7 | (byte & 0x7f);
		if (i == 8 || byte < 0x80) {
			*ret_v = v;
			return p;
		}
	}
	return NULL;
}

bool btree_is_leaf(const uint8_t page[STORE_PAGE_SIZE])
{
	return page[0] == LEAF;
}

/* Cell i of a page whose header has that many bytes; NULL where it would lie outside. */
static const uint8_t *cell(const uint8_t *page, size_t header, size_t i)
{
	size_t at = be16(page + header + 2 * i);

	return at >= header && at < STORE_PAGE_SIZE ? page + at : NULL;
}

static size_t cells(const uint8_t *page, size_t header)
{
	size_t count = be16(page + 3);

	return header + 2 * count <= STORE_PAGE_SIZE ? count : 0;
}

size_t btree_children(const uint8_t page[STORE_PAGE_SIZE], struct btree_child ret_children[BTREE_CHILDREN_MAX])
{
	const uint8_t *end = page + STORE_PAGE_SIZE;
	size_t count = page[0] == INTERIOR ? cells(page, INTERIOR_HEADER) : 0;
	uint64_t last;

	if (!count || count >= BTREE_CHILDREN_MAX)
		return 0;
	for (size_t i = 0; i < count; i++) {
		const uint8_t *c = cell(page, INTERIOR_HEADER, i);

		if (!c || end - c < 5 || !varint(c + 4, end, &last))
			return 0;
		ret_children[i] = (struct btree_child){ .last = (int64_t)last, .page = be32(c) };
		if (i && ret_children[i].last <= ret_children[i - 1].last)
			return 0;
	}
	ret_children[count] = (struct btree_child){ .last = INT64_MAX, .page = be32(page + RIGHTMOST) };
	return count + 1;
}

/* A record's integer; false for a serial type that is none. */
static bool integer(uint64_t type, const uint8_t **p, const uint8_t *end, int64_t *ret_v)
{
	static const uint8_t sizes[] = { 0, 1, 2, 3, 4, 6, 8 };
	uint64_t v;

	if (type == 8 || type == 9) {
		*ret_v = type == 9;
		return true;
	}
	if (!type || type >= ARRAY_LEN(sizes) || end - *p < sizes[type])
		return false;
	v = **p & 0x80 ? UINT64_MAX : 0;
	for (size_t i = 0; i < sizes[type]; i++)
		v = v << 8 | *(*p)++;
	*ret_v = (int64_t)v;
	return true;
}

/* The record: size of its header, the types NULL (the id is the key), integer, blob; then the values. */
static bool row_of(const uint8_t *p, const uint8_t *end, struct btree_row *ret_row)
{
	uint64_t header, null, sum, blob;
	const uint8_t *values = varint(p, end, &header), *at = values;

	if (!at || header > (uint64_t)(end - p))
		return false;
	values = p + header;
	if (!(at = varint(at, values, &null)) || !(at = varint(at, values, &sum)) || !(at = varint(at, values, &blob)) || at != values ||
	    null || blob < 12 || blob % 2)
		return false;
	if (!integer(sum, &values, end, &ret_row->sum) || (blob - 12) / 2 != (uint64_t)(end - values))
		return false;
	ret_row->bytes = values;
	ret_row->size = (size_t)(end - values);
	return true;
}

bool btree_row(const uint8_t page[STORE_PAGE_SIZE], int64_t id, struct btree_row *ret_row)
{
	const uint8_t *end = page + STORE_PAGE_SIZE;
	size_t low = 0, high = page[0] == LEAF ? cells(page, LEAF_HEADER) : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const uint8_t *p = cell(page, LEAF_HEADER, middle);
		uint64_t payload, key;

		if (!p || !(p = varint(p, end, &payload)) || !(p = varint(p, end, &key)))
			return false;
		if ((int64_t)key == id)
			return payload <= (uint64_t)(end - p) && row_of(p, p + payload, ret_row);
		if ((int64_t)key < id)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
