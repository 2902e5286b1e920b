#include "store/object.h"
#include "store/stage.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <pthread.h>

enum { LARGE = 1500000, STEP = 128 << 10 };

/* Content 1 is 1.5 MB of noise in several pieces, content 2 five bytes, content 3 empty. */
static struct genstore *store_of_contents(uint8_t **ret_data)
{
	AUTO(store_fixture_free) struct genstore *st = store_fixture();
	AUTO(stage_freep) struct stage *s = NULL;
	AUTO(free_ptr) uint8_t *data = malloc(LARGE);
	int64_t slot;

	if (!st || !data)
		return NULL;
	test_noise(data, LARGE, 21);
	if (stage_new(st, &s) || stage_bytes(s, data, LARGE, &slot) || stage_bytes(s, "small", 5, &slot) ||
	    stage_bytes(s, "", 0, &slot) || stage_flush(s))
		return NULL;
	*ret_data = MOVE(data);
	return MOVE(st);
}

TEST(a_content_reads_the_same_at_any_offset)
{
	static const size_t steps[] = { 1000, 4096, STEP, 300000, LARGE, 2 * LARGE };
	AUTO(free_ptr) uint8_t *data = NULL, *back = malloc(2 * LARGE);
	STORE st = store_of_contents(&data);
	AUTO(object_unrefp) struct object *o = NULL;

	CHECK(st && back);
	CHECK_EQ(object_of_content(st, 1, &o), 0);
	CHECK_EQ(object_size(o), LARGE);
	CHECK(object_cost(o) > 0);
	for (size_t i = 0; i < ARRAY_LEN(steps); i++)
		for (int64_t at = 0; at < LARGE; at += (int64_t)steps[i]) {
			int64_t n = min_i64((int64_t)steps[i], LARGE - at);

			CHECK_EQ(object_read(st, o, at, steps[i], back), n);
			CHECK_MEM(back, data + at, (size_t)n);
		}
	for (int64_t at = LARGE - 1; at > 0; at -= 99991) {
		CHECK_EQ(object_read(st, o, at, 1, back), 1);
		CHECK_EQ(back[0], data[at]);
	}
}

TEST(reads_at_the_edges_of_an_object)
{
	AUTO(free_ptr) uint8_t *data = NULL;
	STORE st = store_of_contents(&data);
	AUTO(object_unrefp) struct object *small = NULL;
	AUTO(object_unrefp) struct object *empty = NULL;
	struct object *none = NULL;
	char back[10] = "";

	CHECK(st);
	CHECK_EQ(object_of_content(st, 2, &small), 0);
	CHECK_EQ(object_of_content(st, 3, &empty), 0);
	CHECK_EQ(object_read(st, small, 2, SIZE_MAX, back), 3);
	CHECK_STR(back, "all");
	CHECK_EQ(object_read(st, small, 2, 0, back), 0);
	CHECK_EQ(object_read(st, small, 5, 1, back), 0);
	CHECK_EQ(object_read(st, small, INT64_MAX, 1, back), 0);
	CHECK_EQ(object_read(st, small, -1, 1, back), -EINVAL);
	CHECK_EQ(object_size(empty), 0);
	CHECK_EQ(object_read(st, empty, 0, 10, back), 0);
	CHECK_EQ(object_of_content(st, 4, &none), -ENOENT);
	CHECK(!none);
}

TEST(an_object_of_a_buffer_takes_it_over)
{
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(object_unrefp) struct object *o = NULL;
	STORE st = store_fixture();
	char back[10] = "";

	CHECK(st);
	buf_adds(&bytes, "generated");
	CHECK_EQ(object_of_buf(&bytes, &o), 0);
	CHECK(!bytes.data);
	CHECK_EQ(object_size(o), 9);
	CHECK(object_cost(o) >= 9);
	CHECK_EQ(object_read(st, o, 3, 3, back), 3);
	CHECK_STR(back, "era");
	bytes.error = -ENOMEM;
	CHECK_EQ(object_of_buf(&bytes, &o), -ENOMEM);
}

TEST(a_content_whose_description_was_tampered_with_does_not_open)
{
	static const char *const harm[] = {
		"UPDATE content SET size = size + 1 WHERE id = ?",
		"UPDATE content SET size = size - 1 WHERE id = ?",
		"UPDATE content SET size = 0 WHERE id = ?",
		"UPDATE content SET size = 1 << 60 WHERE id = ?",
		"UPDATE content SET crc32 = crc32 + 1 WHERE id = ?",
		"UPDATE content SET crc32 = crc32 + (1 << 32) WHERE id = ?",
		"UPDATE content SET adler32 = adler32 + 1 WHERE id = ?",
		"UPDATE content SET pieces = x'' WHERE id = ?",
		"UPDATE content SET pieces = x'02' WHERE id = ?",
		"UPDATE content SET pieces = CAST(pieces || x'02' AS BLOB) WHERE id = ?",
		"UPDATE content SET pieces = CAST(pieces || x'80' AS BLOB) WHERE id = ?",
		"UPDATE content SET pieces = substr(pieces, 1, length(pieces) - 1) WHERE id = ?",
		"UPDATE content SET pieces = x'04010402020202020202020202020202' WHERE id = ?",
		"UPDATE content SET pieces = x'00' WHERE id = ?",
		"UPDATE content SET pieces = x'fffe03' WHERE id = ?",
	};
	for (size_t i = 0; i < ARRAY_LEN(harm); i++) {
		AUTO(free_ptr) uint8_t *data = NULL;
		STORE st = store_of_contents(&data);
		AUTO(object_unrefp) struct object *o = NULL;

		CHECK(st);
		CHECK_EQ(object_of_content(st, 1, &o), 0);
		object_unref(MOVE(o));
		STMT q = db_stmt(&st->db, harm[i]);

		bind_i64(&q, 1);
		CHECK_EQ(stmt_run(&q), 0);
		CHECK_EQ(object_of_content(st, 1, &o), -EBADMSG);
		CHECK(strstr(genstore_errmsg(st), "content '1'"));
	}
}

TEST(a_content_with_bytes_but_no_pieces_or_the_reverse_is_ebadmsg)
{
	AUTO(free_ptr) uint8_t *data = NULL;
	AUTO(content_release) struct content c = { .id = 0 };
	STORE st = store_of_contents(&data);

	CHECK(st);
	CHECK_EQ(db_exec(&st->db, "UPDATE content SET size = 0 WHERE id = 1"), 0);
	CHECK_EQ(db_exec(&st->db, "UPDATE content SET size = 1 WHERE id = 3"), 0);
	CHECK_EQ(content_get(st, 1, &c), -EBADMSG);
	CHECK_EQ(content_get(st, 2, &c), 0);
	content_release(&c);
	CHECK_EQ(content_get(st, 3, &c), -EBADMSG);
}

TEST(a_content_is_found_by_all_of_its_hash)
{
	AUTO(free_ptr) uint8_t *data = NULL;
	STORE st = store_of_contents(&data);
	uint8_t sha256[SHA256_SIZE];
	int64_t id = 0;

	CHECK(st);
	sha256_of("small", 5, sha256);
	CHECK_EQ(content_find(st, sha256, &id), 0);
	CHECK_EQ(id, 2);
	sha256[31] ^= 1; /* the index knows the first bytes only */
	CHECK_EQ(content_find(st, sha256, &id), -ENOENT);
}

TEST(every_flipped_bit_of_a_piece_list_is_noticed)
{
	AUTO(free_ptr) uint8_t *data = NULL;
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(buf_release) struct buf list = BUF_INIT;
	AUTO(object_unrefp) struct object *o = NULL;
	STORE st = store_of_contents(&data);

	CHECK(st);
	CHECK_EQ(content_get(st, 1, &c), 0);
	CHECK(c.piece_count > 5);
	for (size_t i = 0; i < c.piece_count; i++)
		buf_add_zigzag(&list, c.pieces[i] - (i ? c.pieces[i - 1] : 0));
	for (size_t bit = 0; bit < 8 * list.len; bit++) {
		STMT q = db_stmt(&st->db, "UPDATE content SET pieces = ? WHERE id = 1");

		list.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		bind_blob(&q, list.data, list.len);
		CHECK_EQ(stmt_run(&q), 0);
		list.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
		CHECK_EQ(object_of_content(st, 1, &o), -EBADMSG);
	}
}

TEST(a_damaged_piece_is_ebadmsg_and_the_rest_of_the_content_is_readable)
{
	AUTO(free_ptr) uint8_t *data = NULL, *back = malloc(LARGE);
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	STORE st = store_of_contents(&data);
	struct piece first;

	CHECK(st && back);
	CHECK_EQ(content_get(st, 1, &c), 0);
	CHECK_EQ(piece_get(st, c.pieces[0], &first), 0);
	CHECK_EQ(object_of_content(st, 1, &o), 0);
	STMT q = db_stmt(&st->db, "UPDATE piece_data SET bytes = zeroblob(length(bytes)) WHERE id >> 8 = ?");

	bind_i64(&q, c.pieces[1]);
	CHECK_EQ(stmt_run(&q), 0);
	CHECK_EQ(object_read(st, o, first.size + 1, 10, back), -EBADMSG);
	CHECK_EQ(object_read(st, o, 0, LARGE, back), -EBADMSG);
	CHECK_EQ(object_read(st, o, 0, (size_t)first.size, back), first.size);
	CHECK_MEM(back, data, (size_t)first.size);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM piece"), 0);
	CHECK_EQ(object_read(st, o, 0, (size_t)first.size, back), -EBADMSG);
}

TEST(a_piece_that_is_read_in_steps_is_decoded_once)
{
	AUTO(free_ptr) uint8_t *data = NULL, *back = malloc(LARGE);
	AUTO(object_unrefp) struct object *o = NULL;
	STORE st = store_of_contents(&data);

	CHECK(st && back);
	CHECK_EQ(object_of_content(st, 1, &o), 0);
	CHECK_EQ(object_read(st, o, 0, 1000, back), 1000);
	CHECK_EQ(db_exec(&st->db, "DELETE FROM piece_data"), 0);
	CHECK_EQ(object_read(st, o, 1000, 1000, back), 1000);
	CHECK_MEM(back, data + 1000, 1000);
}

struct counted {
	struct object object;
	atomic_int released;
};

static void count_release(struct object *o)
{
	atomic_fetch_add(&((struct counted *)o)->released, 1);
}

static void *ref_and_unref(void *o)
{
	for (int i = 0; i < 20000; i++)
		object_unref(object_ref(o));
	object_unref(o);
	return NULL;
}

TEST(an_object_is_released_once_by_whoever_lets_go_last)
{
	static const struct object_class class = { NULL, count_release };
	struct counted c = { .object = { .class = &class, .refs = 1 } };
	pthread_t threads[4];

	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		CHECK_EQ(pthread_create(&threads[i], NULL, ref_and_unref, object_ref(&c.object)), 0);
	object_unref(&c.object);
	for (size_t i = 0; i < ARRAY_LEN(threads); i++)
		pthread_join(threads[i], NULL);
	CHECK_EQ(c.released, 1);
	object_unref(NULL);
	CHECK(!object_ref(NULL));
}
