#include "store/object.h"
#include "store/stage_inside.h"
#include "store/stitch/cut.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define STAGE AUTO(stage_freep) struct stage *

static uint8_t *noise(size_t n, uint64_t seed)
{
	uint8_t *data = malloc(n + 1);

	if (data)
		test_noise(data, n, seed);
	return data;
}

/* A file without a name, at its beginning. */
static int file_of(const void *data, size_t n)
{
	int fd = memfd_create("stage", MFD_CLOEXEC);

	if (fd >= 0 && (write(fd, data, n) != (ssize_t)n || lseek(fd, 0, SEEK_SET)))
		close(fd), fd = -1;
	return fd;
}

static int64_t id_of(const struct stage *s, int64_t slot)
{
	int64_t id = -1;

	return stage_content(s, slot, &id) ? -1 : id;
}

/* The content has these bytes, and says the right things of them. */
static void check_content(struct test_run *test, struct genstore *st, int64_t id, const uint8_t *data, size_t n)
{
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) uint8_t *back = malloc(n + 1);
	uint8_t sha256[SHA256_SIZE], name[SHA1_SIZE];
	struct git_blob git;

	CHECK(back);
	CHECK_EQ(content_get(st, id, &c), 0);
	CHECK_EQ(c.id, id);
	CHECK_EQ(c.size, n);
	sha256_of(data, n, sha256);
	CHECK_MEM(c.sha256, sha256, SHA256_SIZE);
	git_blob_init(&git, (int64_t)n);
	git_blob_update(&git, data, n);
	git_blob_final(&git, name);
	CHECK_MEM(c.git_blob, name, SHA1_SIZE);
	CHECK_EQ(c.crc32, crc32_update(0, data, n));
	CHECK_EQ(c.adler32, adler32_update(1, data, n));
	CHECK_EQ(c.piece_count > 1, n > CUT_WHOLE);
	CHECK_EQ(c.piece_count > 0, n > 0);
	CHECK_EQ(object_of_content(st, id, &o), 0);
	CHECK_EQ(object_read(st, o, 0, n + 1, back), n);
	CHECK_MEM(back, data, n);
}

TEST(contents_of_all_sizes_come_in_from_files_and_from_memory)
{
	static const size_t sizes[] = { 0, 1, 100, 70000, CUT_WHOLE - 1, CUT_WHOLE, CUT_WHOLE + 1, 1 << 20, 3000000 };
	STORE st = store_fixture();
	STAGE s = NULL;
	uint8_t *data[2 * ARRAY_LEN(sizes)];
	int64_t slots[2 * ARRAY_LEN(sizes)], size;

	CHECK(st);
	CHECK_EQ(stage_new(st, &s), 0);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		size_t n = sizes[i / 2];

		CHECK((data[i] = noise(n, i + 1)));
		if (i % 2) {
			CHECK_EQ(stage_bytes(s, data[i], n, &slots[i]), 0);
			continue;
		}
		AUTO(close_fd) int fd = file_of(data[i], n);

		CHECK_EQ(stage_file(s, fd, (int64_t)n, &size, &slots[i]), 0);
		CHECK_EQ(size, n);
	}
	CHECK_EQ(stage_flush(s), 0);
	for (size_t i = 0; i < ARRAY_LEN(slots); i++) {
		check_content(test, st, id_of(s, slots[i]), data[i], sizes[i / 2]);
		free(data[i]);
	}
}

TEST(a_file_and_the_same_bytes_in_memory_are_cut_alike)
{
	AUTO(free_ptr) uint8_t *data = noise(2000000, 5);
	AUTO(close_fd) int fd = file_of(data, 2000000);
	STORE st = store_fixture();
	int64_t slot, size, contents, stored;

	CHECK(st && data);
	for (int i = 0; i < 2; i++) {
		STAGE s = NULL;

		CHECK_EQ(stage_new(st, &s), 0);
		if (i)
			CHECK_EQ(stage_file(s, fd, INT64_MAX, &size, &slot), 0);
		else
			CHECK_EQ(stage_bytes(s, data, 2000000, &slot), 0);
		CHECK_EQ(db_exec(&st->db, "DELETE FROM content"), 0); /* so that only pieces can be recognised */
		CHECK_EQ(stage_flush(s), 0);
		stage_stats(s, &contents, &stored);
		CHECK_EQ(stored > 0, !i);
	}
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) - count(DISTINCT sha256) FROM piece"), 0);
}

TEST(a_slot_has_no_id_before_it_is_written)
{
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t slot, id;

	CHECK(st);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "x", 1, &slot), 0);
	CHECK_EQ(stage_content(s, slot, &id), -EINVAL);
	CHECK_EQ(stage_flush(s), 0);
	CHECK_EQ(stage_content(s, slot, &id), 0);
	CHECK_EQ(stage_content(s, -1, &id), -EINVAL);
	CHECK_EQ(stage_content(s, slot + 1, &id), -EINVAL);
}

TEST(the_same_content_is_kept_once_whenever_it_comes)
{
	AUTO(free_ptr) uint8_t *large = noise(700000, 1);
	STORE st = store_fixture();
	STAGE s = NULL;
	STAGE other = NULL;
	int64_t a[4], b[4], contents, stored;

	CHECK(st && large);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_new(st, &other), 0);
	for (int i = 0; i < 4; i++) {
		struct stage *to = i < 3 ? s : other;

		CHECK_EQ(stage_bytes(to, "words", 5, &a[i]), 0);
		CHECK_EQ(stage_bytes(to, large, 700000, &b[i]), 0);
		if (i > 0)
			CHECK_EQ(stage_flush(to), 0);
	}
	for (int i = 1; i < 4; i++) {
		CHECK_EQ(id_of(i < 3 ? s : other, a[i]), id_of(s, a[0]));
		CHECK_EQ(id_of(i < 3 ? s : other, b[i]), id_of(s, b[0]));
	}
	stage_stats(s, &contents, &stored);
	CHECK_EQ(contents, 2);
	CHECK_EQ(stored, store_fixture_number(st, "SELECT sum(stored) FROM piece"));
	stage_stats(other, &contents, &stored);
	CHECK_EQ(contents, 0);
	CHECK_EQ(stored, 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 2);
}

TEST(what_the_stage_has_is_not_compressed_again)
{
	AUTO(free_ptr) uint8_t *large = noise(2000000, 1);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t slot;
	size_t held;

	CHECK(st && large);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "words", 5, &slot), 0);
	CHECK_EQ(stage_bytes(s, large, 2000000, &slot), 0);
	held = s->bytes.len;
	CHECK_EQ(stage_bytes(s, "words", 5, &slot), 0);
	CHECK_EQ(stage_bytes(s, large, 2000000, &slot), 0);
	CHECK_EQ(s->bytes.len, held);
	CHECK_EQ(s->contents.count, 2);
	CHECK_EQ(stage_bytes(s, large, 1999999, &slot), 0); /* another end */
	CHECK(s->bytes.len - held <= CUT_MAX + 100);
	CHECK_EQ(s->contents.count, 3);
}

TEST(what_the_store_has_is_not_compressed_again)
{
	AUTO(free_ptr) uint8_t *large = noise(700000, 1);
	STORE st = store_fixture();
	HANDLE again = NULL;
	STAGE s = NULL;
	STAGE known = NULL;
	int64_t slot;

	CHECK(st && large);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "words", 5, &slot), 0);
	CHECK_EQ(stage_bytes(s, large, 700000, &slot), 0);
	CHECK_EQ(stage_flush(s), 0);
	CHECK(st->fragmenter);
	CHECK((again = store_fixture_again(st)));
	CHECK_EQ(stage_new(again, &known), 0);
	CHECK_EQ(stage_bytes(known, "words", 5, &slot), 0);
	CHECK_EQ(stage_bytes(known, large, 700000, &slot), 0);
	CHECK_EQ(stage_flush(known), 0);
	CHECK(!again->fragmenter); /* made at the first use */
}

TEST(a_large_file_that_changed_in_one_place_costs_little)
{
	enum { SIZE = 4000000 };
	AUTO(free_ptr) uint8_t *data = noise(SIZE + 3, 4);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t a, b, contents, before, after;

	CHECK(st && data);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, data + 3, SIZE, &a), 0);
	CHECK_EQ(stage_flush(s), 0);
	stage_stats(s, &contents, &before);
	CHECK_EQ(stage_bytes(s, data, SIZE + 3, &b), 0); /* three bytes more, at the beginning */
	CHECK_EQ(stage_flush(s), 0);
	stage_stats(s, &contents, &after);
	CHECK_EQ(contents, 2);
	CHECK(after - before < 2 * CUT_MAX);
	check_content(test, st, id_of(s, a), data + 3, SIZE);
	check_content(test, st, id_of(s, b), data, SIZE + 3);
}

TEST(a_full_stage_writes_itself_in_the_middle_of_a_content)
{
	enum { SIZE = 20000000 };
	AUTO(free_ptr) uint8_t *data = noise(SIZE, 9);
	AUTO(close_fd) int fd = file_of(data, SIZE);
	STORE st = store_fixture();
	HANDLE reader = st ? store_fixture_again(st) : NULL;
	STAGE s = NULL;
	int64_t small, large, last, size;

	CHECK(st && reader && data);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "before", 6, &small), 0);
	CHECK_EQ(stage_file(s, fd, SIZE, &size, &large), 0);
	CHECK(store_fixture_number(reader, "SELECT sum(stored) FROM piece") > 2 * 8000000);
	CHECK_EQ(store_fixture_number(reader, "SELECT count(*) FROM content"), 1); /* the small one */
	CHECK_EQ(stage_bytes(s, "after", 5, &last), 0);
	CHECK_EQ(id_of(s, last), -1); /* there is room again */
	CHECK_EQ(stage_flush(s), 0);
	CHECK_EQ(s->bytes.len + s->pieces.count + s->contents.count + s->refs.count, 0);
	check_content(test, st, id_of(s, small), (const uint8_t *)"before", 6);
	check_content(test, st, id_of(s, large), data, SIZE);
	check_content(test, st, id_of(s, last), (const uint8_t *)"after", 5);
}

TEST(many_small_contents_keep_their_slots_apart)
{
	enum { COUNT = 3000 };
	STORE st = store_fixture();
	STAGE s = NULL;
	AUTO(free_ptr) int64_t *slots = calloc(COUNT, sizeof(*slots));

	CHECK(st && slots);
	CHECK_EQ(stage_new(st, &s), 0);
	for (int i = 0; i < COUNT; i++) {
		CHECK_EQ(stage_bytes(s, &i, sizeof(i), &slots[i]), 0);
		if (i == 1000)
			CHECK_EQ(stage_flush(s), 0);
	}
	CHECK_EQ(stage_flush(s), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), COUNT);
	for (int i = 0; i < COUNT; i += 37)
		check_content(test, st, id_of(s, slots[i]), (const uint8_t *)&i, sizeof(i));
}

TEST(a_file_over_the_limit_is_efbig_and_the_stage_goes_on)
{
	AUTO(free_ptr) uint8_t *data = noise(600000, 2);
	AUTO(close_fd) int small = file_of(data, 1000);
	AUTO(close_fd) int large = file_of(data, 600000);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t size, slot;

	CHECK(st && data);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_file(s, small, 999, &size, &slot), -EFBIG);
	CHECK_EQ(stage_file(s, large, 599999, &size, &slot), -EFBIG);
	CHECK_EQ(lseek(large, 0, SEEK_SET), 0);
	CHECK_EQ(stage_file(s, large, 10, &size, &slot), -EFBIG);
	CHECK_EQ(stage_bytes(s, "fine", 4, &slot), 0);
	CHECK_EQ(stage_flush(s), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 1);
	check_content(test, st, id_of(s, slot), (const uint8_t *)"fine", 4);
}

/* All of a file as it is read now. */
static ssize_t slurp(int fd, uint8_t *out, size_t max)
{
	size_t n = 0;
	ssize_t got;

	while (n < max && (got = read(fd, out + n, max - n)) > 0)
		n += (size_t)got;
	return lseek(fd, 0, SEEK_SET) ? -1 : (ssize_t)n;
}

TEST(a_file_of_another_length_than_it_says_is_read_again)
{
	enum { MAX = 64 << 20 };
	AUTO(close_fd) int fd = open("/proc/kallsyms", O_RDONLY | O_CLOEXEC); /* says 0 bytes, has many */
	AUTO(free_ptr) uint8_t *data = malloc(MAX);
	ssize_t n = fd < 0 ? 0 : slurp(fd, data, MAX);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t size, slot, after;

	CHECK(st && data);
	if (n < 600000 || n == MAX)
		SKIP("there is no large file that says it is empty");
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_file(s, fd, 500000, &size, &slot), -EFBIG); /* found out on the way */
	CHECK_EQ(stage_bytes(s, "after", 5, &after), 0);
	CHECK_EQ(lseek(fd, 100, SEEK_SET), 100);
	CHECK_EQ(stage_file(s, fd, INT64_MAX, &size, &slot), 0);
	CHECK_EQ(size, n - 100);
	CHECK_EQ(stage_flush(s), 0);
	check_content(test, st, id_of(s, slot), data + 100, (size_t)n - 100);
	check_content(test, st, id_of(s, after), (const uint8_t *)"after", 5);
}

TEST(a_file_is_read_from_its_offset)
{
	AUTO(free_ptr) uint8_t *data = noise(600000, 3);
	AUTO(close_fd) int fd = file_of(data, 600000);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t size, small, large;

	CHECK(st && data);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(lseek(fd, 100000, SEEK_SET), 100000);
	CHECK_EQ(stage_file(s, fd, 600000, &size, &large), 0);
	CHECK_EQ(size, 500000);
	CHECK_EQ(lseek(fd, 599990, SEEK_SET), 599990);
	CHECK_EQ(stage_file(s, fd, 600000, &size, &small), 0);
	CHECK_EQ(stage_flush(s), 0);
	check_content(test, st, id_of(s, large), data + 100000, 500000);
	check_content(test, st, id_of(s, small), data + 599990, 10);
}

TEST(a_pipe_is_taken_when_it_is_small_and_refused_when_it_is_large)
{
	enum { LARGE = 400000 };
	AUTO(free_ptr) uint8_t *data = noise(LARGE, 3);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t size, slot;
	int ends[2];

	CHECK(st && data);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	CHECK_EQ(write(ends[1], data, 5000), 5000);
	close(ends[1]);
	CHECK_EQ(stage_file(s, ends[0], 5000, &size, &slot), 0);
	close(ends[0]);
	CHECK_EQ(stage_flush(s), 0);
	check_content(test, st, id_of(s, slot), data, 5000);
	CHECK_EQ(pipe2(ends, O_CLOEXEC), 0);
	if (fcntl(ends[1], F_SETPIPE_SZ, LARGE) < LARGE) {
		close(ends[0]);
		close(ends[1]);
		SKIP("a pipe cannot hold so much here");
	}
	CHECK_EQ(write(ends[1], data, LARGE), LARGE);
	close(ends[1]);
	CHECK_EQ(stage_file(s, ends[0], LARGE, &size, &slot), -ESPIPE);
	close(ends[0]);
}

TEST(an_unreadable_descriptor_is_told)
{
	AUTO(close_fd) int fd = open("/", O_RDONLY | O_CLOEXEC);
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t size, slot;

	CHECK(st);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_file(s, fd, 100, &size, &slot), -EISDIR);
	CHECK(*genstore_errmsg(st));
}

TEST(a_collection_meanwhile_is_estale)
{
	STORE st = store_fixture();
	HANDLE other = st ? store_fixture_again(st) : NULL;
	STAGE s = NULL;
	int64_t slot;

	CHECK(st && other);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_flush(s), 0);
	CHECK_EQ(stage_bytes(s, "x", 1, &slot), 0);
	CHECK_EQ(db_exec(&other->db, "INSERT INTO store_state VALUES ('gc_epoch', 41)"
				     " ON CONFLICT (key) DO UPDATE SET value = value + 1"), 0);
	CHECK_EQ(stage_flush(s), -ESTALE);
	CHECK(strstr(genstore_errmsg(st), "collection"));
	CHECK_EQ(stage_bytes(s, "y", 1, &slot), -ESTALE);
	CHECK_EQ(stage_flush(s), -ESTALE);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 0);
	stage_free(s);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "x", 1, &slot), 0);
	CHECK_EQ(stage_flush(s), 0);
}

TEST(a_flush_in_a_transaction_that_rolls_back_leaves_nothing)
{
	STORE st = store_fixture();
	STAGE s = NULL;
	int64_t slot;

	CHECK(st);
	CHECK_EQ(stage_new(st, &s), 0);
	CHECK_EQ(stage_bytes(s, "x", 1, &slot), 0);
	{
		TXN t = txn_begin(&st->db);

		CHECK_EQ(t.error, 0);
		CHECK_EQ(stage_flush(s), 0);
		CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 1);
	}
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 0);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM piece_data"), 0);
}

/* Stages, says so, waits for the word, writes; 0 when all went well. */
static int stage_in_step(const char *path, const uint8_t *data, size_t n, int ready, int go)
{
	HANDLE st = genstore_new();
	STAGE s = NULL;
	int64_t slot;
	char c = 0;

	if (!st || genstore_open(st, path, 0) || stage_new(st, &s) || stage_bytes(s, "small", 5, &slot) ||
	    stage_bytes(s, data, n, &slot) || write(ready, &c, 1) != 1 || read(go, &c, 1) != 0)
		return 1;
	return stage_flush(s) || id_of(s, slot) != 2;
}

TEST(processes_that_stage_the_same_at_once_make_one_content)
{
	enum { SIZE = 900000, CHILDREN = 3 };
	AUTO(free_ptr) uint8_t *data = noise(SIZE, 8);
	STORE st = store_fixture();
	int ready[2], go[2], status, good = 0;
	char c;

	CHECK(st && data);
	CHECK_EQ(pipe(ready), 0);
	CHECK_EQ(pipe(go), 0);
	for (int i = 0; i < CHILDREN; i++) {
		pid_t pid = fork();

		CHECK(pid >= 0);
		if (!pid) {
			close(go[1]);
			_exit(stage_in_step(st->path, data, SIZE, ready[1], go[0]));
		}
	}
	close(ready[1]);
	close(go[0]);
	for (int i = 0; i < CHILDREN; i++)
		CHECK_EQ(read(ready[0], &c, 1), 1);
	close(go[1]); /* all have compressed, none has written: off they go */
	while (wait(&status) > 0)
		good += status == 0;
	close(ready[0]);
	CHECK_EQ(good, CHILDREN);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) FROM content"), 2);
	CHECK_EQ(store_fixture_number(st, "SELECT count(*) - count(DISTINCT sha256) FROM piece"), 0);
	check_content(test, st, 2, data, SIZE);
}
