/* Tables, out of SQL files that build on each other. */
#include "src/facts/json_help.h"
#include "tests/unit/facts_fixture.h"
#include "tests/unit/test.h"

#define BUF AUTO(buf_release) struct buf
#define SCHEMA(...) schema_of(&out, __VA_ARGS__, NULL)

TEST(tables_and_columns_together_have_a_ceiling_over_all_files)
{
	static const char sql[] = "create table a (b int); create table c (d text, e text);";
	AUTO(json_unref) json_t *tables = json_object(), *more = json_object();
	size_t left = 12000;

	CHECK_EQ(sql_read(tables, "a.sql", span_of(sql), &left), 0);
	CHECK_EQ(sql_read(more, "b.sql", span_of(sql), &left), 0);
	CHECK_EQ(sql_read(more, "c.sql", span_of("insert into a values (1); alter table a add c int;"), &left), 0);
	CHECK_EQ(sql_read(more, "d.sql", span_of(sql), &left), 0);
	CHECK_EQ(sql_read(tables, "e.sql", span_of(sql), &left), -EFBIG);
	CHECK_EQ(sql_read(tables, "g.sql", span_of(sql), &(size_t){ 0 }), -EFBIG);
}

TEST(a_table_has_its_columns_and_not_its_constraints)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("a.sql",
			 "-- users; with a ';' in here\n"
			 "CREATE TABLE IF NOT EXISTS public.Users (\n"
			 "  id SERIAL PRIMARY KEY,\n  \"Full Name\" VARCHAR(255)  NOT NULL DEFAULT 'a, (b) ''c''' UNIQUE, /* , x int */\n"
			 "  price numeric(10, 2) DEFAULT NULL,\n  tags text[] DEFAULT '{}'::text[] NOT NULL,\n"
			 "  key text, at timestamp with time zone default now(),\n"
			 "  owner int REFERENCES \"people\" (id) ON DELETE SET NULL,\n"
			 "  CONSTRAINT c CHECK (price > 0), PRIMARY KEY (id), UNIQUE (owner), FOREIGN KEY (owner) REFERENCES people(id)\n);\n"),
		  "T users |  | \n"
		  "T users | Full Name | varchar(255) not null default 'a, (b) ''c''' unique\n"
		  "T users | at | timestamp with time zone default now()\n"
		  "T users | id | serial primary key\n"
		  "T users | key | text\n"
		  "T users | owner | int references \"people\"(id) on delete set null\n"
		  "T users | price | numeric(10, 2) default null\n"
		  "T users | tags | text[] not null default '{}'::text[]\n");
}

TEST(mysql_and_sql_server_have_their_own_quotes)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("a.sql",
			 "# a comment, isn't it\n/*!40101 SET x='y' */;\nCREATE TABLE `t` (`id` int unsigned NOT NULL AUTO_INCREMENT,\n"
			 "`s` enum('a','it\\'s') DEFAULT 'a' COMMENT 'x\\'); DROP TABLE t;',\nPRIMARY KEY (`id`), KEY `k` (`s`), UNIQUE KEY `u` (`s`)) ENGINE=InnoDB;"),
		  "T t |  | \nT t | id | int unsigned not null auto_increment\nT t | s | enum('a', 'it\\'s') default 'a' comment 'x\\'); DROP TABLE t;'\n");
	CHECK_STR(SCHEMA("a.sql", "CREATE TABLE [dbo].[My Table] ([Id] int IDENTITY(1,1) NOT NULL, INDEX ix (Id), key int)"),
		  "T My Table |  | \nT My Table | Id | int not null identity(1, 1)\nT My Table | key | int\n");
}

TEST(steps_build_on_each_other)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql", "create table a (x int, y text not null default 'q', z int); create table b (k int); create table gone (k int);",
			 "2.sql", "ALTER TABLE ONLY a ADD COLUMN w uuid, DROP COLUMN IF EXISTS z CASCADE, ADD CONSTRAINT c UNIQUE (x);\n"
				  "ALTER TABLE a ALTER COLUMN x TYPE bigint USING x::bigint, ALTER x SET NOT NULL, ALTER y DROP DEFAULT, ALTER y DROP NOT NULL;\n"
				  "DROP TABLE IF EXISTS gone, nothing CASCADE;",
			 "3.sql", "alter table a rename column w to v; ALTER TABLE a ALTER v SET DEFAULT gen_random_uuid(); alter table b rename to c;"
				  "ALTER TABLE nobody ADD x int; alter table c add (m int, n int); RENAME TABLE c TO d;"),
		  "T a |  | \nT a | v | uuid default gen_random_uuid()\nT a | x | bigint not null\nT a | y | text\n"
		  "T d |  | \nT d | k | int\nT d | m | int\nT d | n | int\n");
}

TEST(mysql_modifies_and_changes_columns)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql", "create table t (a int, b int);", "2.sql",
			 "alter table t modify column a bigint not null after b, change b c varchar(10) first, add index i (a), drop index j, drop primary key;"),
		  "T t |  | \nT t | a | bigint not null\nT t | c | varchar(10)\n");
}

TEST(sqlite_makes_a_table_anew_and_renames_it)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql", "create table t (a, b);", "2.sql",
			 "CREATE TABLE new_t (a INTEGER PRIMARY KEY AUTOINCREMENT, c TEXT AS (a) STORED) STRICT; INSERT INTO new_t SELECT a, 'x;y' FROM t;\n"
			 "DROP TABLE t; ALTER TABLE new_t RENAME TO t; CREATE VIRTUAL TABLE f USING fts5(a, b); CREATE TEMP TABLE s (a);\n"
			 "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET a = 1; DELETE FROM t; END;"),
		  "T f |  | \nT t |  | \nT t | a | integer primary key autoincrement\nT t | c | text as(a) stored\n");
}

TEST(a_table_that_is_there_is_not_made_again_if_not_exists)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql", "create table t (a int);", "2.sql", "create table if not exists t (b int); create table u as select 1;"),
		  "T t |  | \nT t | a | int\nT u |  | \n");
	CHECK_STR(SCHEMA("1.sql", "create table t (a int);", "2.sql", "create or replace table t (b int);"), "T t |  | \nT t | b | int\n");
}

TEST(functions_and_data_are_passed_over)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql",
			 "CREATE FUNCTION f() RETURNS void AS $body$ BEGIN CREATE TABLE no (a int); END; $body$ LANGUAGE plpgsql;\n"
			 "DO $$ DROP TABLE x; $$; SELECT E'it\\'s; ' || 'b\\'; create table yes (a int);\n"
			 "\\connect other's\nCOPY yes (a) FROM stdin;\n1\nisn't; create table no2 (a int);\n\\.\ncreate table also (a int);\n"
			 "COPY yes TO '/x'; create table last (a int)"),
		  "T also |  | \nT also | a | int\nT last |  | \nT last | a | int\nT yes |  | \nT yes | a | int\n");
}

TEST(the_way_back_of_a_migration_is_not_taken)
{
	BUF out = BUF_INIT;

	CHECK_STR(SCHEMA("1.sql", "-- +goose Up\ncreate table a (x int);\n-- +goose Down\ndrop table a;"), "T a |  | \nT a | x | int\n");
	CHECK_STR(SCHEMA("1.sql", "-- migrate:up\ncreate table a (x int);\n-- migrate:down\ndrop table a;"), "T a |  | \nT a | x | int\n");
}

TEST(what_ends_too_early_leaves_what_was_before)
{
	static const char *const ends[] = { "create table t (", "create table t", "create", "alter table a add", "alter table a alter x", "create table \"t",
					    "alter table a rename", "drop table", "select 'x", "/* x", "$$ x", "alter table a add x int default", "create table (a int)", };
	BUF out = BUF_INIT;

	for (size_t i = 0; i < ARRAY_LEN(ends); i++)
		CHECK(strncmp(SCHEMA("1.sql", "create table a (b int);", "2.sql", ends[i]), "T a |  | \nT a | b | int\n", 23) == 0);
}

TEST(files_of_one_folder_of_steps_belong_together)
{
	struct span s = sql_folder("db/migrations/2024_x/migration.sql");

	CHECK(span_is(s, "db/migrations"));
	s = sql_folder("db/schema/a.sql");
	CHECK(span_is(s, "db/schema"));
	s = sql_folder("a.sql");
	CHECK(span_is(s, ""));
	s = sql_folder("drizzle/0000_x.sql");
	CHECK(span_is(s, "drizzle"));
}
