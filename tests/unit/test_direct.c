#include "store/btree.h"
#include "store/direct.h"
#include "store/gc.h"
#include "store/piece.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>

enum { BYTES = 50000, ROWS = 4, PIECES = 40, MORE = 20 };

/* What piece n holds: no two begin alike. */
static void content_of(int64_t n, uint8_t out[BYTES])
{
	test_noise(out, BYTES, (uint64_t)n);
}

/* Pieces first .. end - 1, to p[first] and so on, in one transaction. */
static int insert(struct genstore *st, int64_t first, int64_t end, struct piece p[])
{
	uint8_t data[BYTES];
	TXN t = txn_begin(&st->db);
	int r = t.error;

	for (int64_t n = first; n < end && !r; n++) {
		content_of(n, data);
		p[n] = (struct piece){ .codec = PIECE_RAW };
		piece_describe(&p[n], data, BYTES);
		r = piece_insert(st, &p[n], data, BYTES);
	}
	return r ? r : txn_commit(&t);
}

/* Makes room before what is left, and moves everything into it. */
static int move_rows(struct genstore *st, const char *delete)
{
	int64_t before, after;
	int r = db_exec(&st->db, delete);

	return r ? r : gc_compact(st, &before, &after);
}

static struct genstore *reader_of(const struct genstore *st)
{
	struct genstore *reader = genstore_new();

	if (reader && genstore_open(reader, st->path, GENSTORE_READ_ONLY))
		genstore_free(MOVE(reader));
	return reader;
}

static int64_t start_of(const struct piece *p, int64_t row)
{
	return row ? min_i64(p->head + (row - 1) * PIECE_ROW, p->stored) : 0;
}

/* How many rows of the piece are found without SQLite; -1 where one of them is not what was put in. */
static int found(struct genstore *reader, const struct piece *p, int64_t n)
{
	uint8_t data[BYTES];
	int count = 0;

	content_of(n, data);
	for (int64_t row = 0, start; (start = start_of(p, row)) < p->stored; row++) {
		size_t size = (size_t)(start_of(p, row + 1) - start);
		const uint8_t *bytes = direct_row(reader, p->id << PIECE_ROW_BITS | row, size, 0);

		if (bytes && memcmp(bytes, data + start, size) != 0)
			return -1;
		count += bytes != NULL;
	}
	return count;
}

static int rows_of(const struct piece *p)
{
	int rows = 0;

	while (start_of(p, rows) < p->stored)
		rows++;
	return rows;
}

TEST(every_row_is_found_where_it_lies)
{
	STORE st = store_fixture();
	HANDLE reader = NULL;
	struct piece p[PIECES];

	CHECK(st);
	CHECK_EQ(insert(st, 0, PIECES, p), 0);
	CHECK((reader = reader_of(st)));
	for (int64_t n = PIECES - 1; n >= 0; n--)
		CHECK_EQ(found(reader, &p[n], n), rows_of(&p[n]));
	CHECK(!direct_row(reader, 1, 10, 0));
	CHECK(!direct_row(reader, p[PIECES - 1].id << PIECE_ROW_BITS | 99, 10, 0));
	CHECK(!direct_row(reader, p[0].id << PIECE_ROW_BITS, (size_t)p[0].head - 1, 0));
}

TEST(a_handle_that_writes_asks_sqlite)
{
	STORE st = store_fixture();
	struct piece p;

	CHECK(st);
	CHECK_EQ(insert(st, 0, 1, &p), 0);
	CHECK_EQ(found(st, &p, 0), 0);
}

TEST(rows_that_came_later_and_rows_that_moved_are_found_again)
{
	AUTO(free_ptr) uint8_t *data = malloc(BYTES), *back = malloc(BYTES);
	STORE st = store_fixture();
	HANDLE reader = NULL;
	struct piece p[PIECES];

	CHECK(st && data && back);
	for (int64_t n = 0; n < PIECES; n += 5) {
		CHECK_EQ(insert(st, n, n + 5, p), 0);
		if (!reader)
			CHECK((reader = reader_of(st)));
		for (int64_t i = n; i < n + 5; i++)
			CHECK_EQ(found(reader, &p[i], i), rows_of(&p[i]));
	}
	CHECK_EQ(move_rows(st, "DELETE FROM piece_data WHERE id >> 8 < 20"), 0);
	for (int64_t n = 0; n < PIECES; n++) {
		bool gone = p[n].id < 20;

		content_of(n, data);
		CHECK_EQ(found(reader, &p[n], n) >= 0, 1);
		CHECK_EQ(piece_read(reader, &p[n], NULL, back), gone ? -EBADMSG : 0);
		CHECK(gone || memcmp(back, data, BYTES) == 0);
		CHECK_EQ(found(reader, &p[n], n), gone ? 0 : rows_of(&p[n]));
	}
}

TEST(a_row_that_does_not_match_its_id_is_not_taken)
{
	static const char *const harm[] = {
		"UPDATE piece_data SET bytes = CAST(substr(bytes, 1, 99) || x'00' || substr(bytes, 101) AS BLOB) WHERE id = 257",
		"UPDATE piece_data SET sum = sum + 1 WHERE id = 257",
		"UPDATE piece_data SET (sum, bytes) = (SELECT sum, bytes FROM piece_data WHERE id = 258) WHERE id = 257",
		"DELETE FROM piece_data WHERE id = 257",
	};

	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		AUTO(free_ptr) uint8_t *back = malloc(BYTES);
		STORE st = store_fixture();
		HANDLE reader = NULL;
		struct piece p;

		CHECK(st && back);
		CHECK_EQ(insert(st, 0, 1, &p), 0);
		CHECK_EQ(rows_of(&p), ROWS);
		CHECK_EQ(db_exec(&st->db, harm[i]), 0);
		CHECK((reader = reader_of(st)));
		CHECK_EQ(found(reader, &p, 0), ROWS - 1);
		CHECK_EQ(piece_read_stored(reader, &p, p.head + 5, 1, back), -EBADMSG);
		CHECK_EQ(piece_read_stored(reader, &p, 0, 1, back), 0);
	}
}

/* One piece with what content n says, in the caller's transaction. */
static int insert_one(struct genstore *st, int64_t n, struct piece *ret_p)
{
	uint8_t data[BYTES];

	content_of(n, data);
	*ret_p = (struct piece){ .codec = PIECE_RAW };
	piece_describe(ret_p, data, BYTES);
	return piece_insert(st, ret_p, data, BYTES);
}

/* A writer that has got as far as to write into the file, and takes it back. */
static int insert_in_vain(struct genstore *st, int64_t n, struct genstore *reader, const struct piece *beside)
{
	struct piece p;
	TXN t = txn_begin(&st->db);
	int r = t.error ? t.error : insert_one(st, n, &p);

	if (r || sqlite3_db_cacheflush(st->db.handle) != SQLITE_OK)
		return r ? r : -EIO;
	/* Without a lock, what it has written is seen. */
	return found(reader, beside, 0) > 0 ? 0 : -EIO;
}

TEST(rows_of_a_writer_that_died_are_not_taken_for_those_that_got_their_ids)
{
	AUTO(free_ptr) uint8_t *data = malloc(BYTES), *back = malloc(BYTES);
	STORE st = store_fixture();
	HANDLE reader = NULL;
	struct piece p[2];

	CHECK(st && data && back);
	CHECK_EQ(insert(st, 0, 1, p), 0);
	CHECK((reader = reader_of(st)));
	CHECK_EQ(found(reader, &p[0], 0), ROWS);
	CHECK_EQ(insert_in_vain(st, 1, reader, &p[0]), 0);
	CHECK_EQ(insert_one(st, 2, &p[1]), 0);
	content_of(2, data);
	CHECK_EQ(found(reader, &p[1], 2), rows_of(&p[1]));
	CHECK_EQ(piece_read(reader, &p[1], NULL, back), 0);
	CHECK_MEM(back, data, BYTES);
}

/* A leaf is bytes of ours; in place of the tree's page it must be what its checksum says, or nothing. */
TEST(what_is_written_over_a_page_is_not_served)
{
	AUTO(free_ptr) uint8_t *page = calloc(1, STORE_PAGE_SIZE), *back = malloc(BYTES);
	STORE st = store_fixture();
	HANDLE reader = NULL;
	int64_t pages;
	struct piece p;

	CHECK(st && page && back);
	CHECK_EQ(insert(st, 0, 1, &p), 0);
	CHECK((reader = reader_of(st)));
	CHECK_EQ(found(reader, &p, 0), ROWS);
	pages = store_fixture_number(st, "PRAGMA page_count");
	{
		/* The last to be opened and closed: closing it drops the locks of this process, which has none now. */
		AUTO(close_fd) int fd = open(st->path, O_RDWR | O_CLOEXEC);

		for (int64_t i = 1; i < pages; i++)
			CHECK_EQ(pwrite(fd, page, STORE_PAGE_SIZE, i * STORE_PAGE_SIZE), STORE_PAGE_SIZE);
	}
	CHECK(found(reader, &p, 0) >= 0);
	CHECK(piece_read_stored(reader, &p, 3 * PIECE_ROW - 5, 10, back) < 0);
}

TEST(a_store_with_a_wal_is_left_to_sqlite)
{
	STORE st = store_fixture();
	HANDLE reader = NULL;
	struct piece p;

	CHECK(st);
	CHECK_EQ(insert(st, 0, 1, &p), 0);
	CHECK_EQ(db_exec(&st->db, "PRAGMA journal_mode = WAL"), 0);
	CHECK((reader = reader_of(st)));
	CHECK_EQ(found(reader, &p, 0), 0);
}

TEST(pages_of_any_bytes_are_read_within_their_bounds)
{
	AUTO(free_ptr) struct btree_child *children = calloc(BTREE_CHILDREN_MAX, sizeof(*children));
	AUTO(free_ptr) uint8_t *page = malloc(STORE_PAGE_SIZE);
	struct btree_row row;

	CHECK(page && children);
	for (uint64_t n = 0; n < 20000; n++) {
		test_noise(page, n % 64 ? 64 : STORE_PAGE_SIZE, n);
		page[0] = n % 2 ? 13 : 5;
		page[3] &= (uint8_t)(n % 16);
		CHECK(btree_children(page, children) <= BTREE_CHILDREN_MAX);
		if (btree_row(page, (int64_t)(n % 300), &row))
			CHECK(row.bytes >= page && row.bytes + row.size <= page + STORE_PAGE_SIZE);
	}
}

struct reading {
	const struct genstore *st;
	const struct piece *p;
	atomic_bool *stop;
	int wrong, reads;
};

static void *keep_reading(void *arg)
{
	struct reading *c = arg;
	HANDLE reader = reader_of(c->st);
	uint8_t data[BYTES], back[BYTES];

	for (int64_t n = 0; reader && !*c->stop; n = (n + 1) % PIECES) {
		int r = piece_read(reader, &c->p[n], NULL, back);

		content_of(n, data);
		c->wrong += r ? r != -EBUSY : memcmp(back, data, BYTES) != 0;
		c->reads++;
	}
	return NULL;
}

TEST(readers_see_right_bytes_while_rows_come_go_and_move)
{
	STORE st = store_fixture();
	struct piece p[PIECES + MORE];
	pthread_t threads[2];
	struct reading readings[2];
	atomic_bool stop = false;
	int r = 0;

	CHECK(st);
	CHECK_EQ(insert(st, 0, PIECES, p), 0);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++) {
		readings[i] = (struct reading){ .st = st, .p = p, .stop = &stop };
		CHECK_EQ(pthread_create(&threads[i], NULL, keep_reading, &readings[i]), 0);
	}
	for (int64_t n = PIECES; n < PIECES + MORE && !r; n++) {
		r = insert(st, n, n + 1, p);
		if (!r && n % 5 == 4)
			r = move_rows(st, "DELETE FROM piece_data WHERE id >> 8 > 40");
	}
	stop = true;
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(r, 0);
	CHECK_EQ(readings[0].wrong + readings[1].wrong, 0);
	CHECK(readings[0].reads && readings[1].reads);
}
