/*
 * Pages of SQLite's table b-trees (sqlite.org/fileformat2.html, 1.6), from bytes that may be anything: a page that is being
 * written, one that was given to another tree, or no page at all. Nothing here reads outside of the page.
 */
#ifndef GENSTORE_BTREE_H
#define GENSTORE_BTREE_H

#include "store/store.h"

/* Below an interior page: the rows up to `last` that are not below the child before. */
struct btree_child {
	int64_t last; /* INT64_MAX for the rightmost */
	uint32_t page;
};

/* A cell of an interior page takes 7 bytes at least, its pointer included. */
enum { BTREE_CHILDREN_MAX = STORE_PAGE_SIZE / 7 + 1 };

bool btree_is_leaf(const uint8_t page[STORE_PAGE_SIZE]);
/* The children of an interior page, in order; how many, 0 for what is no such page. */
size_t btree_children(const uint8_t page[STORE_PAGE_SIZE], struct btree_child ret_children[BTREE_CHILDREN_MAX]);

/* A row (id INTEGER PRIMARY KEY, sum INTEGER, bytes BLOB); bytes are in the page. */
struct btree_row {
	int64_t sum;
	const uint8_t *bytes;
	size_t size;
};
/* The row with that id on a leaf; false where there is none, or not of that form, or it does not fit the leaf. */
bool btree_row(const uint8_t page[STORE_PAGE_SIZE], int64_t id, struct btree_row *ret_row);

#endif
