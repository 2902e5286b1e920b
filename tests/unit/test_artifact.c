/* Typed artifacts: whose they are, their paths, types of content, and the way in and out. */
#include "store/artifact.h"
#include "store/backup.h"
#include "store/check.h"
#include "store/migrate.h"
#include "store/mime.h"
#include "tests/unit/store_fixture.h"
#include "tests/unit/test.h"

static const struct artifact_place somewhere = { .organization = "acme", .session = "session123" };

static int put_at(struct genstore *st, const struct artifact_place *where, const char *type, const char *name, const char *text,
		  struct artifact_put *ret_put)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	int r;

	if ((r = artifact_batch_new(st, &b)) || (r = artifact_batch_bytes(b, type, name, text, strlen(text))))
		return r;
	return artifact_batch_commit(b, where, ret_put);
}

static int put(struct genstore *st, const char *type, const char *name, const char *text)
{
	struct artifact_put result;

	return put_at(st, &somewhere, type, name, text, &result);
}

/* What `path` has, as text; "" when it is not there. */
static const char *text_of(struct genstore *st, const char *path, char out[200])
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(object_unrefp) struct object *o = NULL;
	struct session s;
	ssize_t n = -1;

	if (!session_find(st, NULL, "session123", &s) && !artifact_find(st, &s, path, &a) && !artifact_open(st, &a, &o))
		n = object_read(st, o, 0, 199, out);
	out[n < 0 ? 0 : n] = '\0';
	return out;
}

#define NUMBER(sql) store_fixture_number(st, sql)

TEST(a_session_by_name_has_the_uuid5_of_it_in_its_organization_and_both_find_it)
{
	STORE st = store_fixture();
	char org[ID_UUID], other[ID_UUID], want[ID_UUID], again[ID_UUID];
	struct session a, b, c;

	CHECK(st);
	CHECK_EQ(organization_make(st, "acme", org), 0);
	CHECK_EQ(organization_make(st, "acme", again), 0);
	CHECK_STR(again, org);
	CHECK_EQ(session_make(st, org, "session123", &a), 0);
	CHECK_EQ(id_uuid5(org, "session123", want), 0);
	CHECK_STR(a.id, want);
	CHECK_EQ(session_make(st, org, a.id, &b), 0);
	CHECK_STR(b.id, a.id);
	CHECK_EQ(session_find(st, NULL, "session123", &b), 0);
	CHECK_STR(b.organization_id, org);
	for (char *p = want; *p; p++)
		*p = (char)(*p >= 'a' && *p <= 'f' ? *p - 32 : *p);
	CHECK_EQ(session_find(st, org, want, &b), 0);
	/* The same name elsewhere is another session, and asking for it without an organisation is not enough then. */
	CHECK_EQ(organization_make(st, "0F0E0D0C-0b0a-4908-8706-050403020100", other), 0);
	CHECK_STR(other, "0f0e0d0c-0b0a-4908-8706-050403020100");
	CHECK_EQ(session_find(st, other, "session123", &c), -ENOENT);
	CHECK_EQ(session_make(st, other, "session123", &c), 0);
	CHECK(strcmp(c.id, a.id) != 0);
	CHECK_EQ(session_find(st, NULL, "session123", &b), -ENOTUNIQ);
	CHECK_EQ(session_find(st, other, "session123", &b), 0);
	CHECK_STR(b.id, c.id);
}

TEST(a_session_of_another_organization_is_none_and_its_id_is_not_taken_over)
{
	STORE st = store_fixture();
	char org[ID_UUID], other[ID_UUID];
	struct session a, b;

	CHECK(st);
	CHECK_EQ(organization_make(st, "acme", org), 0);
	CHECK_EQ(organization_make(st, "evil", other), 0);
	CHECK_EQ(session_make(st, org, "s", &a), 0);
	CHECK_EQ(session_find(st, other, a.id, &b), -ENOENT);
	CHECK_EQ(session_make(st, other, a.id, &b), -EPERM);
	CHECK_EQ(NUMBER("SELECT count(*) FROM sessions"), 1);
	CHECK_EQ(organization_find(st, "nobody", org), -ENOENT);
	CHECK_STR(genstore_errmsg(st), "no organization 'nobody'");
}

TEST(what_is_no_name_makes_no_session)
{
	STORE st = store_fixture();
	char long_name[400], org[ID_UUID];
	struct session s;

	CHECK(st);
	CHECK_EQ(organization_make(st, "acme", org), 0);
	memset(long_name, 'x', sizeof(long_name));
	long_name[256] = '\0';
	const char *const bad[] = { "", "a\nb", "\xff", "\x7f", "a\xc2\x80", long_name };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		CHECK_EQ(session_make(st, org, bad[i], &s), -EINVAL);
		CHECK_EQ(conversation_make(st, org, bad[i], s.id), -EINVAL);
		CHECK_EQ(organization_make(st, bad[i], s.id), -EINVAL);
	}
	long_name[255] = '\0';
	CHECK_EQ(session_make(st, org, long_name, &s), 0);
}

TEST(content_types_are_the_designs_then_the_systems_and_never_a_guess)
{
	static const struct { const char *name, *type; } cases[] = {
		{ "main.yaml", "application/x-yaml" }, { "a.yml", "application/x-yaml" }, { "parameters.json", "application/json" },
		{ "modules/vpc/main.tf", "text/plain" }, { "handler.py", "text/x-python" }, { "a.js", "text/javascript" },
		{ "architecture.png", "image/png" }, { "deployment.SVG", "image/svg+xml" }, { "summary.pdf", "application/pdf" },
		{ "README.md", "text/markdown" }, { "estimate.csv", "text/csv" },
		{ "run.sh", "application/x-weight" }, { "page.html", "text/html" }, { "a.tar.gz", "application/x-compressed-tar" },
		{ "Makefile", "text/x-makefile" }, { "x/Makefile", "text/x-makefile" }, { "makefile.d", "application/octet-stream" },
		{ "a.C", "text/x-c++src" }, { "a.c", "text/x-csrc" }, { "main.tfvars", "application/octet-stream" },
		{ ".py", "application/octet-stream" }, { "noext", "application/octet-stream" }, { "a.", "application/octet-stream" },
	};
	struct mime m = { .globs = BUF_INIT };
	AUTO(buf_release) struct buf type = BUF_INIT;

	buf_adds(&m.globs, "# a comment\n50:application/x-shellscript:*.sh\n60:application/x-weight:*.sh\n50:text/html:*.html\n"
			   "50:application/gzip:*.gz\n50:application/x-compressed-tar:*.tar.gz\n50:text/x-makefile:makefile\n"
			   "50:text/x-c++src:*.C:cs\n50:text/x-csrc:*.c:cs\n50:application/x-own:*.tf\n50:broken\n:::\n50:x:*.t[0-9]\n");
	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		CHECK_EQ(mime_of(&m, cases[i].name, &type), 0);
		CHECK_STR(buf_str(&type), cases[i].type);
	}
	mime_release(&m);
	/* Without what the system knows there is the design's table. */
	CHECK_EQ(mime_of(&m, "a/b.csv", &type), 0);
	CHECK_STR(buf_str(&type), "text/csv");
	CHECK_EQ(mime_of(&m, "a.html", &type), 0);
	CHECK_STR(buf_str(&type), "application/octet-stream");
}

TEST(types_have_the_folders_of_the_design)
{
	const struct session s = { "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222" };
	static const struct { const char *path, *want; } cases[] = {
		{ "terraform/modules/vpc/main.tf", "terraform/modules/vpc/main.tf" }, { "diagrams/a.png", "diagrams/a.png" },
		{ "diagram/a.png", "diagrams/a.png" }, { "README.md", "README.md" }, { "readme/README.md", "README.md" },
		{ "mine/x", "mine/x" }, { "/README.md", "/README.md" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf path = BUF_INIT;

		CHECK_EQ(artifact_locate(&s, cases[i].path, &path), 0);
		CHECK(!strncmp(buf_str(&path), "organizations/22222222-2222-4222-8222-222222222222/sessions/"
				"11111111-1111-4111-8111-111111111111/artifacts/", 107));
		CHECK_STR(buf_str(&path) + 107, cases[i].want);
		CHECK_STR(artifact_path(buf_str(&path)), cases[i].want);
	}
	CHECK_STR(artifact_type_of("diagrams"), "diagram");
	CHECK_STR(artifact_type_of(""), "");
	CHECK_STR(artifact_path("elsewhere/x"), "");
}

TEST(names_that_lead_elsewhere_or_cannot_be_shown_are_not_kept)
{
	STORE st = store_fixture();
	char over[300], part[300], key[1100];
	static const struct { const char *type, *name; int r; } cases[] = {
		{ "terraform", "../x", -ENOTSUP }, { "terraform", "a/../x", -ENOTSUP }, { "terraform", "..", -ENOTSUP },
		{ "terraform", "./x", -ENOTSUP }, { "terraform", "/etc/passwd", -ENOTSUP }, { "terraform", "a//b", -ENOTSUP },
		{ "terraform", "a/", -ENOTSUP }, { "terraform", "", -ENOTSUP }, { "terraform", "a\nb", -ENOTSUP },
		{ "terraform", "a\x1b[31m", -ENOTSUP }, { "terraform", "a\x7f", -ENOTSUP }, { "terraform", "\xc2\x85", -ENOTSUP },
		{ "terraform", "\xff\xfe", -ENOTSUP }, { "terraform", "\xed\xa0\x80", -ENOTSUP }, { "terraform", "..\\x", -ENOTSUP },
		{ "readme", "docs/README.md", -ENOTSUP }, { "readme", "bundle.zip", -ENOTSUP },
		{ "", "x", -EINVAL }, { ".", "x", -EINVAL }, { "..", "x", -EINVAL }, { "a/b", "x", -EINVAL }, { "Terraform", "x", -EINVAL },
		{ "t\xc3\xa4", "x", -EINVAL }, { "bundle.zip", "x", -EINVAL }, { "a b", "x", -EINVAL },
		{ "terraform", "..a/.b/...", 0 }, { "terraform", "bundle.zip", 0 }, { "terraform", "gr\xc3\xbc\xc3\x9f""e/\xe5\x90\x8d.txt", 0 },
	};

	CHECK(st);
	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		CHECK_EQ(put(st, cases[i].type, cases[i].name, "x"), cases[i].r);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifacts"), 3);
	memset(over, 'x', sizeof(over));
	over[256] = over[100] = '/';
	over[257] = '\0';
	over[256] = 'y';
	CHECK_EQ(put(st, "terraform", over, "x"), -ENAMETOOLONG);
	CHECK(strstr(genstore_errmsg(st), "its name has more than 255 characters"));
	over[255] = '\0';
	CHECK_EQ(put(st, "terraform", over, "x"), 0);
	memset(part, 'y', sizeof(part));
	memcpy(part, "\xc3\xa4\xc3\xa4", 4);
	part[256] = '\0';
	CHECK_EQ(put(st, "terraform", part, "x"), -ENAMETOOLONG);
	CHECK(strstr(genstore_errmsg(st), "a part of its name has more than 255 bytes"));
	for (int i = 0; i < 4; i++) {
		for (int k = 0; k < 63; k++)
			memcpy(key + 253 * i + 4 * k, "\xf0\x9f\x98\x80/", 5);
		key[253 * i + 252] = i < 3 ? '/' : '\0';
	}
	CHECK_EQ(put(st, "terraform", key, "x"), -ENAMETOOLONG);
	CHECK(strstr(genstore_errmsg(st), "1024 bytes"));
	memset(over, 'x', 51);
	over[51] = '\0';
	CHECK_EQ(put(st, over, "x", "x"), -EINVAL);
	CHECK(strstr(genstore_errmsg(st), "more than 50 characters"));
	over[50] = '\0';
	CHECK_EQ(put(st, over, "x", "x"), 0);
}

TEST(putting_a_name_again_replaces_the_bytes_and_keeps_the_id)
{
	STORE st = store_fixture();
	struct artifact_place where = somewhere;
	struct artifact_put result;
	int64_t first, second;
	char text[200];

	CHECK(st);
	where.metadata = "{ \"tool\": \"tf 1.7\" }";
	where.conversation = "talk";
	st->clock.fixed = 1700000000;
	CHECK_EQ(put_at(st, &where, "terraform", "main.tf", "one", &result), 0);
	CHECK_EQ(result.added, 1);
	first = NUMBER("SELECT id FROM artifact_content");
	st->clock.fixed = 1700000100;
	CHECK_EQ(put_at(st, &where, "terraform", "main.tf", "one", &result), 0);
	CHECK_EQ(result.unchanged, 1);
	CHECK_EQ(NUMBER("SELECT id FROM artifact_content"), first);
	CHECK_EQ(NUMBER("SELECT count(*) FROM audit_log WHERE action LIKE 'artifact.%'"), 1);
	CHECK_EQ(put_at(st, &somewhere, "terraform", "main.tf", "three", &result), 0);
	CHECK_EQ(result.replaced, 1);
	CHECK_STR(text_of(st, "terraform/main.tf", text), "three");
	second = NUMBER("SELECT id FROM artifact_content");
	CHECK(second > first);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifacts WHERE file_size = 5 AND metadata IS NULL AND mime_type = 'text/plain'"
			" AND created_at = '2023-11-14T22:13:20Z' AND conversation_id IS NOT NULL"), 1);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifact_content WHERE stored_at = '2023-11-14T22:15:00Z'"), 1);
	CHECK_EQ(NUMBER("SELECT count(*) FROM audit_log AS l JOIN artifacts AS a ON l.subject = a.artifact_id WHERE l.action = 'artifact.replace'"
			" AND l.details ->> '$.storage_path' = a.storage_path AND l.details ->> '$.size_before' = 3 AND l.details ->> '$.size' = 5"
			" AND l.details ->> '$.sha256_before' = '7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed'"), 1);
	/* Metadata alone is a change too, and no new version of the bytes. */
	CHECK_EQ(put_at(st, &where, "terraform", "main.tf", "three", &result), 0);
	CHECK_EQ(result.replaced, 1);
	CHECK_EQ(NUMBER("SELECT id FROM artifact_content"), second);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifacts WHERE metadata = '{\"tool\":\"tf 1.7\"}'"), 1);
}

TEST(metadata_is_a_json_object_or_nothing)
{
	static const char *const bad[] = { "", "x", "[1]", "1", "{\"a\":1,\"a\":2}", "{\"a\":" };
	STORE st = store_fixture();
	struct artifact_place where = somewhere;
	struct artifact_put result;
	AUTO(free_ptr) char *large = malloc(ARTIFACT_METADATA_MAX + 100);

	CHECK(st && large);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		where.metadata = bad[i];
		CHECK_EQ(put_at(st, &where, "terraform", "a", "x", &result), -EINVAL);
	}
	memset(large, ' ', ARTIFACT_METADATA_MAX + 1);
	memcpy(large, "{}", 2);
	large[ARTIFACT_METADATA_MAX + 1] = '\0';
	where.metadata = large;
	CHECK_EQ(put_at(st, &where, "terraform", "a", "x", &result), -EINVAL);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifacts"), 0);
}

TEST(a_name_is_not_a_file_and_a_folder)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(put(st, "terraform", "modules/vpc/main.tf", "x"), 0);
	CHECK_EQ(put(st, "terraform", "modules/vpc", "x"), -EISDIR);
	CHECK_EQ(put(st, "terraform", "modules", "x"), -EISDIR);
	CHECK_EQ(put(st, "readme", "terraform", "x"), -EISDIR);
	CHECK_EQ(put(st, "terraform", "modules/vpc/main.tf/deeper", "x"), -ENOTDIR);
	CHECK_EQ(put(st, "readme", "README.md", "x"), 0);
	CHECK_EQ(put(st, "readme.md", "x", "x"), 0);
	CHECK_EQ(put(st, "terraform", "modules/vpc.tf", "x"), 0);
	CHECK_EQ(put(st, "terraform", "modules/vpc0", "x"), 0);
	CHECK_EQ(NUMBER("SELECT count(*) FROM artifacts"), 5);
}

TEST(a_batch_is_all_or_nothing)
{
	STORE st = store_fixture();
	AUTO(artifact_batch_freep) struct artifact_batch *twice = NULL, *bad = NULL;
	struct artifact_put result;

	CHECK(st);
	CHECK_EQ(artifact_batch_new(st, &twice), 0);
	CHECK_EQ(artifact_batch_bytes(twice, "diagram", "a", "1", 1), 0);
	CHECK_EQ(artifact_batch_bytes(twice, "terraform", "b", "2", 1), 0);
	CHECK_EQ(artifact_batch_bytes(twice, "diagrams", "a", "3", 1), 0);
	CHECK_EQ(artifact_batch_commit(twice, &somewhere, &result), -EEXIST);
	CHECK_STR(genstore_errmsg(st), "cannot put 'diagrams/a': two of the files have this name; put one of them under another");
	CHECK_EQ(artifact_batch_new(st, &bad), 0);
	CHECK_EQ(artifact_batch_bytes(bad, "terraform", "a", "1", 1), 0);
	CHECK_EQ(artifact_batch_bytes(bad, "terraform", "a/b", "1", 1), 0);
	CHECK_EQ(artifact_batch_commit(bad, &somewhere, &result), -ENOTDIR);
	CHECK_EQ(NUMBER("SELECT (SELECT count(*) FROM artifacts) + (SELECT count(*) FROM audit_log) + (SELECT count(*) FROM organizations)"), 0);
}

TEST(a_collection_between_taking_bytes_and_naming_them_is_noticed)
{
	STORE st = store_fixture();
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	struct artifact_put result;
	struct gc_result gone;
	char text[200];

	CHECK(st);
	CHECK_EQ(put(st, "terraform", "a", "the same bytes"), 0);
	CHECK_EQ(artifact_batch_new(st, &b), 0);
	CHECK_EQ(artifact_batch_bytes(b, "terraform", "b", "the same bytes", 14), 0);
	CHECK_EQ(put(st, "terraform", "a", "other bytes"), 0);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(gone.contents, 1);
	CHECK_EQ(artifact_batch_commit(b, &somewhere, &result), -ESTALE);
	CHECK_EQ(put(st, "terraform", "b", "the same bytes"), 0);
	CHECK_STR(text_of(st, "terraform/b", text), "the same bytes");
}

TEST(gc_keeps_what_artifacts_have_and_takes_what_they_had)
{
	STORE st = store_fixture();
	struct gc_result gone;
	int64_t removed;
	char text[200];

	CHECK(st);
	CHECK_EQ(put(st, "terraform", "a", "first"), 0);
	CHECK_EQ(put(st, "terraform", "b", "second"), 0);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(gone.contents, 0);
	CHECK_EQ(put(st, "terraform", "a", "third"), 0);
	CHECK_EQ(NUMBER("SELECT count(*) FROM content"), 3);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(gone.contents, 1);
	CHECK_STR(text_of(st, "terraform/a", text), "third");
	CHECK_EQ(artifact_remove(st, &(struct artifact_filter){ .type = "terraform" }, &removed), 0);
	CHECK_EQ(removed, 2);
	CHECK_EQ(NUMBER("SELECT count(*) FROM audit_log WHERE action = 'artifact.remove' AND details ->> '$.size' > 4"), 2);
	CHECK_EQ(gc_run(st, NULL, &gone), 0);
	CHECK_EQ(gone.contents, 2);
	CHECK_STR(text_of(st, "terraform/a", text), "");
}

TEST(pages_of_artifacts_follow_their_paths)
{
	static const char *const names[] = { "b", "a/z", "a-b", "d", "c" };
	const struct artifact_place other = { .organization = "other", .session = "s2", .conversation = "talk" };
	STORE st = store_fixture();
	struct artifact_filter f = { 0 };
	struct artifact_put mine, theirs;
	AUTO(buf_release) struct buf got = BUF_INIT;
	AUTO(free_ptr) char *after = NULL;
	int64_t count, bytes;
	bool more = true;

	CHECK(st);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		CHECK_EQ(put_at(st, &somewhere, "terraform", names[i], "xyz", &mine), 0);
		CHECK_EQ(put_at(st, &other, "pricing", names[i], "xyzt", &theirs), 0);
	}
	f.session_id = mine.session.id;
	f.organization_id = mine.session.organization_id;
	while (more) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		CHECK_EQ(artifact_page(st, &f, after, 2, &l), 0);
		for (size_t i = 0; i < l.count; i++)
			buf_addf(&got, "%s ", l.items[i].artifact_name);
		buf_adds(&got, "| ");
		more = l.more;
		free(after);
		after = strdup(l.items[l.count - 1].storage_path);
	}
	CHECK_STR(buf_str(&got), "a-b a/z | b c | d | ");
	CHECK_EQ(artifact_total(st, &f, &count, &bytes), 0);
	CHECK_EQ(count, 5);
	CHECK_EQ(bytes, 15);
	f = (struct artifact_filter){ .organization_id = theirs.session.organization_id };
	CHECK_EQ(artifact_total(st, &f, &count, &bytes), 0);
	CHECK_EQ(bytes, 20);
	char talk[ID_UUID];

	CHECK_EQ(conversation_find(st, NULL, "talk", talk), 0);
	const struct { struct artifact_filter f; int64_t want; } filters[] = {
		{ { .session_id = mine.session.id }, 5 }, { { .conversation_id = talk }, 5 },
		{ { .conversation_id = talk, .type = "terraform" }, 0 }, { { .type = "pricing" }, 5 }, { { .since = "2000" }, 10 },
		{ { .until = "2000" }, 0 }, { { .session_id = mine.session.id, .organization_id = theirs.session.organization_id }, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(filters); i++) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		CHECK_EQ(artifact_total(st, &filters[i].f, &count, &bytes), 0);
		CHECK_EQ(count, filters[i].want);
		CHECK_EQ(artifact_page(st, &filters[i].f, NULL, INT64_MAX, &l), 0);
		CHECK_EQ(l.count, filters[i].want);
	}
}

struct found {
	int count;
	char words[256];
};

static void note(void *arg, const char *kind, const char *subject UNUSED, const char *words)
{
	struct found *f = arg;

	if (!f->count++)
		snprintf(f->words, sizeof(f->words), "%s: %s", kind, words);
}

TEST(check_finds_an_artifact_that_is_not_what_it_was)
{
	static const struct { const char *sql, *words; } cases[] = {
		{ "UPDATE artifacts SET artifact_name = 'b'", "artifact: its storage_path is not that of its session, type and name" },
		{ "UPDATE artifacts SET file_size = 4", "artifact: it has 4 bytes, its content 5" },
		{ "UPDATE artifacts SET created_at = 'x'", "artifact: created_at is not a time" },
		{ "UPDATE artifact_content SET stored_at = 'x'", "artifact: stored_at is not a time" },
		{ "UPDATE artifact_content SET content_id = 77", "reference: row 1 refers to a row of 'content' that does not exist" },
		{ "UPDATE sessions SET organization_id = (SELECT organization_id FROM organizations WHERE name = 'evil')",
		  "artifact: its session belongs to another organization" },
		{ "UPDATE row_sums SET sum = sum + 1 WHERE table_name = 'artifacts'", "row: the row does not fit its sum: it was damaged" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		STORE st = store_fixture();
		struct found f = { 0 };
		const struct check_options o = { .problem = note, .arg = &f };
		struct check_result result;
		char id[ID_UUID];

		CHECK(st);
		CHECK_EQ(put(st, "terraform", "a", "first"), 0);
		CHECK_EQ(organization_make(st, "evil", id), 0);
		CHECK_EQ(check_store(st, CHECK_READ_DATA, &o, &result), 0);
		CHECK_EQ(result.artifacts, 1);
		CHECK_EQ(db_exec(&st->db, "PRAGMA foreign_keys = OFF"), 0);
		CHECK_EQ(db_exec(&st->db, cases[i].sql), 0);
		CHECK_EQ(check_store(st, 0, &o, &result), -EUCLEAN);
		CHECK(strstr(f.words, strchr(cases[i].words, ':')));
	}
}

TEST(a_row_that_was_damaged_serves_no_bytes)
{
	STORE st = store_fixture();
	char text[200];

	CHECK(st);
	CHECK_EQ(put(st, "terraform", "a", "first"), 0);
	CHECK_EQ(put(st, "terraform", "b", "other"), 0);
	/* As a bit that flips would: the triggers do not see it. */
	CHECK_EQ(db_exec(&st->db, "DROP TRIGGER artifact_content_is_changed; UPDATE artifact_content SET content_id = 3 - content_id"), 0);
	CHECK_STR(text_of(st, "terraform/a", text), "");
	CHECK(strstr(genstore_errmsg(st), "of 'artifact_content' is damaged"));
}

TEST(a_backup_has_the_artifacts_and_their_bytes)
{
	STORE st = store_fixture();
	AUTO(free_ptr) char *path = NULL;
	char text[200] = "";

	CHECK(st);
	CHECK_EQ(put(st, "diagram", "a.png", "picture"), 0);
	CHECK(asprintf(&path, "%s.copy", st->path) > 0);
	CHECK_EQ(backup_store(st, path, NULL), 0);
	{
		HANDLE copy = genstore_new();

		CHECK_EQ(genstore_open(copy, path, 0), 0);
		text_of(copy, "diagrams/a.png", text);
	}
	unlink(path);
	CHECK_STR(text, "picture");
}

TEST(of_artifacts_with_one_path_the_migration_keeps_the_newest)
{
	STORE st = store_fixture();

	CHECK(st);
	CHECK_EQ(migrate_to(st, 9, false, NULL), 0);
	CHECK_EQ(db_exec(&st->db, "INSERT INTO organizations (name) VALUES ('o');"
			 "INSERT INTO artifacts (organization_id, artifact_type, artifact_name, storage_path, file_size, created_at)"
			 " SELECT organization_id, 't', 'n', column1, column2, column3 FROM organizations, (VALUES ('p', 1, '2024-01-01T00:00:00Z'),"
			 " ('p', 2, '2024-01-03T00:00:00Z'), ('p', 3, '2024-01-02T00:00:00Z'), ('q', 4, NULL))"), 0);
	CHECK_EQ(migrate_to(st, migrate_newest(), false, NULL), 0);
	CHECK_EQ(NUMBER("SELECT count(*) || '' || sum(file_size) FROM artifacts"), 26);
	CHECK_EQ(NUMBER("SELECT count(*) FROM audit_log WHERE action = 'artifact.remove' AND details ->> '$.storage_path' = 'p'"), 2);
	CHECK_EQ(NUMBER("SELECT count(*) FROM row_sums WHERE table_name = 'artifacts' AND sum IS NOT NULL"), 2);
	/* Rows of other programs have no bytes here. */
	AUTO(artifact_release) struct artifact a = { 0 };
	struct object *o;

	CHECK_EQ(artifact_get(st, "p", &a), 0);
	CHECK_EQ(artifact_open(st, &a, &o), -ENODATA);
	CHECK_EQ(artifact_remove_one(st, &a), 0);
	CHECK_EQ(artifact_get(st, "p", &a), -ENOENT);
}
