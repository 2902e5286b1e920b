/* genstore audit */
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/audit.h"
#include "store/base/utf8.h"

enum { FOR_PEOPLE = 100, ROWS_AT_ONCE = 1000, ID_DIGITS = 19 };

static struct {
	const char *action, *subject, *user, *since, *until, *noted;
	int64_t limit, before;
	bool all;
} o = { .limit = INT64_MIN, .before = INT64_MAX };

static const struct opt options[] = {
	{ "action", 0, OPT_TEXT, &o.action, "A", "of that action, 'artifact.put', or of all that begin with it, 'artifact'" },
	{ "subject", 0, OPT_TEXT, &o.subject, "S", "of what has that id or key" },
	{ "user", 'u', OPT_TEXT, &o.user, "U", "by that user: a name or an id" },
	{ "since", 0, OPT_TEXT, &o.since, "TIME", "then or later: 2026-01-31, or with a time as RFC 3339 has it" },
	{ "until", 0, OPT_TEXT, &o.until, "TIME", "before that" },
	{ "limit", 'n', OPT_INT, &o.limit, "K", "at most so many (100 unless --json; --all: no limit)" },
	{ "all", 0, OPT_FLAG, &o.all, NULL, "all of them" },
	{ "before", 0, OPT_INT, &o.before, "ID", "older than that row: the next page" },
	{ "noted", 0, OPT_TEXT, &o.noted, "ID:HASH", "verify: also compare with what an earlier 'audit verify' printed" },
	{ 0 },
};

static void print_object(const struct audit_row *row)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "audit");
	jw_int(&j, "id", row->id);
	jw_str(&j, "created_at", row->created_at);
	jw_str(&j, "user_id", row->user_id);
	jw_str(&j, "user", row->user);
	jw_str(&j, "action", row->action);
	jw_str(&j, "subject", row->subject);
	out_json(&j, "details", row->details);
	out_object_more(&j);
}

static void add_row(struct table *t, const struct audit_row *row)
{
	table_cellf(t, "%lld", (long long)row->id);
	table_cell(t, row->created_at);
	table_cell(t, row->user ? row->user : row->user_id);
	table_cell(t, row->action);
	table_cell(t, row->subject);
	table_cell(t, row->details);
}

/* At most limit rows before *id, which moves on. 1: there may be more. */
static int print_some(struct cli *cli, const struct audit_filter *f, int64_t limit, bool titled, int64_t *id)
{
	static const char *const titles[] = { "ID", "TIME", "USER", "ACTION", "SUBJECT", "DETAILS" };
	struct table t;
	int r = 1;

	table_begin(&t, titles, ARRAY_LEN(titles), "rlllll");
	t.untitled = !titled;
	for (int64_t i = 0; i < limit && r > 0 && !ferror(stdout); i++) {
		AUTO(audit_row_release) struct audit_row row = { 0 };

		if ((r = audit_before(cli->st, f, *id, &row)) <= 0)
			break;
		*id = row.id;
		if (cli->json)
			print_object(&row);
		else
			add_row(&t, &row);
	}
	table_end(&t);
	return r;
}

static int list(struct cli *cli, const struct audit_filter *f, int64_t limit)
{
	AUTO(audit_row_release) struct audit_row next = { 0 };
	int64_t id = o.before, first = id;
	int r = 1;

	while (r > 0 && limit && !ferror(stdout)) {
		int64_t n = min_i64(limit, ROWS_AT_ONCE);

		r = print_some(cli, f, n, id == first, &id);
		limit -= n;
	}
	if (r > 0)
		r = audit_before(cli->st, f, id, &next);
	if (r < 0)
		return cli_fail(cli, r);
	if (!cli->json && r > 0)
		cli_note(cli, "there are more: --all, or --before %lld", (long long)id);
	if (!cli->json && id == first)
		cli_note(cli, "nothing of that kind in the trail");
	return EXIT_DONE;
}

struct problems {
	struct cli *cli;
	int64_t count;
};

static int tell_problem(void *arg, int64_t id, const char *words)
{
	struct problems *p = arg;
	AUTO(buf_release) struct buf line = BUF_INIT;
	AUTO(audit_row_release) struct audit_row row = { 0 };
	const struct audit_filter any = { 0 };
	struct jw j;
	bool there = id < INT64_MAX && audit_before(p->cli->st, &any, id + 1, &row) > 0 && row.id == id;

	p->count++;
	if (p->cli->json) {
		out_object(&j, &line, "problem");
		jw_str(&j, "kind", "audit");
		jw_int(&j, "id", id);
		jw_str(&j, "message", words);
		jw_str(&j, "action", there ? row.action : NULL);
		jw_str(&j, "subject", there ? row.subject : NULL);
		out_object_end(&j);
		return 0;
	}
	if (id)
		buf_addf(&line, "%lld", (long long)id);
	if (there)
		buf_addf(&line, " (%s '%s')", row.action, row.subject);
	buf_addf(&line, "%s%s", line.len ? ": " : "", words);
	AUTO(buf_release) struct buf safe = BUF_INIT;

	utf8_printable(&safe, buf_str(&line), line.len);
	puts(buf_str(&safe));
	return 0;
}

/* "12:" and a hash, as this command prints it. */
static int parse_noted(struct cli *cli, struct audit_head *ret_noted)
{
	size_t digits = strspn(o.noted, "0123456789");
	const char *hash = o.noted + digits + 1;

	if (!digits || digits > ID_DIGITS || o.noted[digits] != ':' || strlen(hash) != HEX_SHA256_SIZE - 1 ||
	    hex_decode(hash, SHA256_SIZE, ret_noted->hash))
		return cli_usage(cli, "--noted takes what 'genstore audit verify' printed, not '%s'", o.noted);
	ret_noted->last_id = strtoll(o.noted, NULL, 10);
	return 0;
}

static void tell_whole(const struct cli *cli, const struct audit_head *head, int64_t rows)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char hex[HEX_SHA256_SIZE];
	struct jw j;

	hex_encode(head->hash, SHA256_SIZE, hex);
	if (!cli->json) {
		printf("%lld:%s\n", (long long)head->last_id, hex);
		cli_note(cli, "the trail is whole: %lld row%s; the line is where it ends: keep it elsewhere, and give it to --noted later",
			 (long long)rows, rows == 1 ? "" : "s");
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "rows", rows);
	jw_int(&j, "problems", 0);
	jw_int(&j, "last_id", head->last_id);
	jw_str(&j, "hash", hex);
	out_object_end(&j);
}

static int verify(struct cli *cli)
{
	struct problems p = { .cli = cli };
	struct audit_head head, noted;
	int64_t rows;
	int r;

	if (o.action || o.subject || o.user || o.since || o.until || o.all || o.limit != INT64_MIN || o.before != INT64_MAX)
		return cli_usage(cli, "'audit verify' looks at the whole trail: it takes --noted only");
	if ((o.noted && (r = parse_noted(cli, &noted))) || (r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	/* The head first: rows that come meanwhile are behind it. */
	if (((r = audit_head_get(cli->st, &head)) && r != -EUCLEAN) ||
	    (r = audit_verify(cli->st, o.noted ? &noted : NULL, tell_problem, &p, &rows)))
		return cli_fail(cli, r);
	if (p.count)
		return cli_error(cli, EXIT_DAMAGED, "the trail of '%s' is not whole: %lld problem%s", cli->store_path, (long long)p.count,
				 p.count == 1 ? "" : "s");
	tell_whole(cli, &head, rows);
	return EXIT_DONE;
}

/* One who is no more has left his id in the trail. */
static int find_user(struct cli *cli, char ret_id[ID_UUID])
{
	int r = user_find(cli->st, o.user, ret_id);

	if (r == -ENOENT && id_is_uuid(o.user)) {
		snprintf(ret_id, ID_UUID, "%s", o.user);
		return 0;
	}
	return r ? cli_fail(cli, r) : 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	char user[ID_UUID], since[CLOCK_TEXT], until[CLOCK_TEXT];
	const struct audit_filter f = { .action = o.action, .subject = o.subject, .user_id = o.user ? user : NULL,
					.since = o.since ? since : NULL, .until = o.until ? until : NULL };
	int r;

	if (argc)
		return !strcmp(argv[0], "verify") ? verify(cli) : cli_usage(cli, "'audit' can verify, not '%s'", argv[0]);
	if (o.noted)
		return cli_usage(cli, "--noted is for 'audit verify'");
	if (o.limit != INT64_MIN && (o.limit < 1 || o.all))
		return cli_usage(cli, o.all ? "--limit and --all exclude each other" : "--limit is 1 or more");
	if ((o.since && (r = cli_time(cli, "since", o.since, since))) || (o.until && (r = cli_time(cli, "until", o.until, until))) ||
	    (r = cli_open(cli, GENSTORE_READ_ONLY)) || (o.user && (r = find_user(cli, user))))
		return r;
	return list(cli, &f, o.limit > 0 ? o.limit : o.all || cli->json ? INT64_MAX : FOR_PEOPLE);
}

const struct command command_audit = {
	.name = "audit", .arguments = "[verify]", .summary = "who changed what, newest first; whether the trail of it is whole", .options = options,
	.run = run, .max_args = 1,
};
