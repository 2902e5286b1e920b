#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

#include <fcntl.h>
#include <sys/wait.h>

enum { RESERVED_BYTE = 0x40000001 }; /* sqlite.org/src/file/src/os.h */

/* Whether another process finds SQLite's RESERVED lock on the file. Asked of the kernel: SQLite's own notes are in this process. */
static bool is_reserved(const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = RESERVED_BYTE, .l_len = 1 };
		int fd = open(path, O_RDWR);

		_exit(fd >= 0 && !fcntl(fd, F_GETLK, &lock) && lock.l_type != F_UNLCK);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 1;
}

TEST(opening_a_handle_leaves_the_locks_of_another_thread_where_they_are)
{
	STORE st = store_fixture();

	CHECK(st);
	TXN t = txn_begin(&st->db);

	CHECK_EQ(t.error, 0);
	CHECK(is_reserved(st->path));
	HANDLE again = store_fixture_again(st);

	CHECK(again);
	CHECK(is_reserved(st->path));
	store_fixture_close(&again);
	again = NULL;
	CHECK(is_reserved(st->path));
}

/* A process that dies while its commit is half done: pages of it are in the file, and the journal that takes them back beside it. */
static bool die_in_a_commit(const char *path)
{
	int status = 0;
	pid_t child = fork();

	if (!child) {
		struct genstore *st = genstore_new();

		if (!st || genstore_open(st, path, 0) ||
		    db_exec(&st->db, "PRAGMA cache_size = 4; PRAGMA cache_spill = 1; BEGIN IMMEDIATE;"
				     "INSERT INTO piece_data (id, sum, bytes) WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1"
				     " FROM n WHERE i < 500) SELECT i, 0, zeroblob(16000) FROM n"))
			_exit(1);
		_exit(0);
	}
	return child > 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) && !WEXITSTATUS(status);
}

TEST(a_reader_that_was_there_before_a_writer_died_reads_what_was_committed)
{
	STORE st = store_fixture();
	HANDLE reader = genstore_new();

	CHECK(st);
	CHECK(reader);
	CHECK_EQ(genstore_open(reader, st->path, GENSTORE_READ_ONLY), 0);
	CHECK_EQ(store_fixture_number(reader, "SELECT count(*) FROM piece_data"), 0);
	CHECK(die_in_a_commit(st->path));
	CHECK_EQ(store_fixture_number(reader, "SELECT count(*) FROM piece_data"), 0);
}

TEST(a_handle_that_was_opened_to_read_does_not_write)
{
	STORE st = store_fixture();
	HANDLE reader = genstore_new();

	CHECK(st);
	CHECK(reader);
	CHECK_EQ(genstore_open(reader, st->path, GENSTORE_READ_ONLY), 0);
	CHECK_EQ(db_exec(&reader->db, "DELETE FROM store_state"), -EROFS);
	CHECK(store_fixture_number(st, "SELECT count(*) FROM store_state") > 0);
}

TEST(a_file_that_is_not_trusted_has_no_other_tables_than_a_store)
{
	STORE st = store_fixture();
	HANDLE other = genstore_new();

	CHECK(st);
	CHECK(other);
	CHECK_EQ(genstore_open(other, st->path, GENSTORE_READ_ONLY | GENSTORE_UNTRUSTED), 0);
	CHECK_EQ(db_exec(&st->db, "CREATE TRIGGER t AFTER UPDATE ON store_state BEGIN DELETE FROM piece; END"), 0);
	CHECK_EQ(genstore_open(other, st->path, GENSTORE_READ_ONLY), 0);
	CHECK_EQ(genstore_open(other, st->path, GENSTORE_READ_ONLY | GENSTORE_UNTRUSTED), -EUCLEAN);
	CHECK(strstr(genstore_errmsg(other), "does not belong to a store"));
}

TEST(a_transaction_in_one_that_sqlite_rolled_back_is_refused)
{
	STORE st = store_fixture();

	CHECK(st);
	TXN outer = txn_begin(&st->db);

	CHECK_EQ(outer.error, 0);
	CHECK_EQ(db_exec(&st->db, "ROLLBACK"), 0); /* as it does by itself when the disk is full */
	TXN inner = txn_begin(&st->db);

	CHECK_EQ(inner.error, -EIO);
	CHECK_EQ(txn_commit(&outer), -EIO);
}

TEST(a_read_transaction_can_be_within_one_of_the_shell)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(db_exec(&st->db, "BEGIN"), 0);
	TXN t = txn_begin_read(&st->db);

	CHECK_EQ(t.error, 0);
	CHECK_EQ(txn_commit(&t), 0);
	CHECK_EQ(db_exec(&st->db, "COMMIT"), 0);
}
