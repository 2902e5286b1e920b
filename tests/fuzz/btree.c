/* Pages of SQLite's trees, from bytes that may be anything. The first eight are the id that is looked for. */
#include "store/btree.h"
#include "tests/fuzz/fuzz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(free_ptr) struct btree_child *children = malloc(BTREE_CHILDREN_MAX * sizeof(*children));
	AUTO(free_ptr) uint8_t *page = calloc(1, STORE_PAGE_SIZE);
	struct btree_row row;
	int64_t id = 0;
	size_t count;

	MUST(children && page);
	if (n >= sizeof(id)) {
		memcpy(&id, data, sizeof(id));
		data += sizeof(id);
		n -= sizeof(id);
	}
	if (n)
		memcpy(page, data, n < STORE_PAGE_SIZE ? n : STORE_PAGE_SIZE);
	count = btree_children(page, children);
	MUST(count <= BTREE_CHILDREN_MAX && count != 1);
	for (size_t i = 1; i < count; i++)
		MUST(children[i - 1].last < children[i].last || i + 1 == count);
	if (btree_row(page, id, &row))
		MUST(row.bytes >= page && row.size <= STORE_PAGE_SIZE && row.bytes <= page + STORE_PAGE_SIZE - row.size);
	return 0;
}
