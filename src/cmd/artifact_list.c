/* genstore artifact list */
#include "src/cmd/artifact.h"
#include "src/cmd/out.h"
#include "store/artifact_remote.h"

enum { FOR_PEOPLE = 100, AT_ONCE = 1000 };

static struct {
	const char *session, *organization, *conversation, *type, *since, *until, *after;
	int64_t limit;
	bool all;
} o = { .limit = INT64_MIN };

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "of that session: a name or an id" },
	{ "conversation", 0, OPT_TEXT, &o.conversation, "C", "of that conversation" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "of that organization" },
	{ "type", 't', OPT_TEXT, &o.type, "T", "of that type" },
	{ "since", 0, OPT_TEXT, &o.since, "TIME", "created then or later: 2026-01-31, or with a time as RFC 3339 has it" },
	{ "until", 0, OPT_TEXT, &o.until, "TIME", "created before that" },
	{ "limit", 'n', OPT_INT, &o.limit, "K", "at most so many (100 unless --json; --all: no limit)" },
	{ "all", 0, OPT_FLAG, &o.all, NULL, "all of them" },
	{ "after", 0, OPT_TEXT, &o.after, "PATH", "the next page: what 'next' said" },
	{ 0 },
};

/* What the filter borrows. */
struct query {
	struct artifact_filter filter;
	struct session session;
	char organization[ID_UUID], conversation[ID_UUID], since[CLOCK_TEXT], until[CLOCK_TEXT];
};

static int set_times(struct cli *cli, struct query *q)
{
	int r;

	if ((o.since && (r = cli_time(cli, "since", o.since, q->since))) ||
	    (o.until && (r = cli_time(cli, "until", o.until, q->until))))
		return r;
	q->filter.type = o.type ? artifact_type_of(o.type) : NULL;
	q->filter.since = o.since ? q->since : NULL;
	q->filter.until = o.until ? q->until : NULL;
	return 0;
}

static int set_owner(struct cli *cli, struct query *q)
{
	const char *organization;
	int r;

	if (o.organization && (r = organization_find(cli->st, o.organization, q->organization)))
		return cli_fail(cli, r);
	organization = o.organization ? q->organization : NULL;
	if (o.session && (r = session_find(cli->st, organization, o.session, &q->session)))
		return cli_fail(cli, r);
	if (o.session)
		organization = q->session.organization_id;
	if (o.conversation && (r = conversation_find(cli->st, organization, o.conversation, q->conversation)))
		return cli_fail(cli, r);
	q->filter.organization_id = organization;
	q->filter.session_id = o.session ? q->session.id : NULL;
	q->filter.conversation_id = o.conversation ? q->conversation : NULL;
	return 0;
}

static void print_objects(const struct artifact_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		AUTO(buf_release) struct buf line = BUF_INIT;
		struct jw j;

		out_object(&j, &line, "artifact");
		artifact_fields(&j, &l->items[i]);
		out_object_more(&j);
	}
}

static int add_state(struct cli *cli, struct table *t, const struct artifact *a)
{
	AUTO(artifact_remote_release) struct artifact_remote there = { 0 };
	int r = artifact_remote_get(cli->st, a->storage_path, &there);

	table_cell(t, artifact_remote_state(r ? NULL : &there, a));
	return r == -ENOENT ? 0 : r;
}

/* Where it is told whether they are in a bucket: where any is, or is to be. */
static int print_table(struct cli *cli, const struct artifact_list *l, bool goes_on, bool with_state)
{
	const char *titles[6] = { "ARTIFACT", "SIZE", "CONTENT", "CREATED" };
	size_t columns = 4;
	int r = 0;
	char human[HUMAN_SIZE];
	struct table t;

	if (with_state)
		titles[columns++] = "SYNC";
	if (!o.session)
		titles[columns++] = "SESSION";
	table_begin(&t, titles, columns, "lrllll");
	t.untitled = goes_on;
	for (size_t i = 0; i < l->count && !r; i++) {
		const struct artifact *a = &l->items[i];

		table_cell(&t, artifact_path(a->storage_path));
		table_cell(&t, human_bytes(a->file_size, human));
		table_cell(&t, a->mime_type);
		table_cell(&t, a->created_at);
		r = with_state ? add_state(cli, &t, a) : 0;
		if (!o.session)
			table_cell(&t, a->session_id);
	}
	table_end(&t);
	return r;
}

/* In steps: no statement is open while a pager is read. */
static int print(struct cli *cli, const struct query *q, int64_t limit, char **ret_next)
{
	AUTO(free_ptr) char *after = o.after ? strdup(o.after) : NULL;
	int64_t left = limit;
	bool more = true, with_state = false;
	int r = cli->json ? 0 : artifact_remote_any(cli->st, &with_state);

	if (r)
		return cli_fail(cli, r);
	while (more && left && !ferror(stdout)) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		if ((r = artifact_page(cli->st, &q->filter, after, min_i64(left, AT_ONCE), &l)))
			return cli_fail(cli, r);
		if (cli->json)
			print_objects(&l);
		else
			r = print_table(cli, &l, left != limit, with_state);
		if (r)
			return cli_fail(cli, r);
		left -= (int64_t)l.count;
		more = l.more;
		if (!l.count)
			break;
		free(after);
		if (!(after = strdup(l.items[l.count - 1].storage_path)))
			return cli_error(cli, EXIT_FAILED, "no memory");
	}
	if (more && after)
		*ret_next = MOVE(after);
	return 0;
}

static int summary(struct cli *cli, const struct query *q, const char *next)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	int64_t count, bytes;
	struct jw j;
	int r = artifact_total(cli->st, &q->filter, &count, &bytes);

	if (r)
		return cli_fail(cli, r);
	if (!cli->json) {
		if (next)
			cli_note(cli, "there are more, %lld in all: --all, or --after '%s'", (long long)count, next);
		return 0;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "total_size", bytes);
	jw_str(&j, "session_id", q->filter.session_id);
	jw_int(&j, "artifacts", count);
	jw_str(&j, "next", next);
	out_object_end(&j);
	return 0;
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	int64_t limit = o.all || (cli->json && o.limit == INT64_MIN) ? INT64_MAX : o.limit == INT64_MIN ? FOR_PEOPLE : o.limit;
	AUTO(free_ptr) char *next = NULL;
	struct query q = { .filter.type = NULL };
	int r;

	if (limit < 0)
		return cli_usage(cli, "--limit takes 0 or more");
	if ((r = set_times(cli, &q)) || (r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = set_owner(cli, &q)) ||
	    (r = print(cli, &q, limit, &next)))
		return r;
	return summary(cli, &q, next);
}

const struct command command_artifact_list = {
	.name = "artifact list", .access = FOR_USERS, .arguments = "", .summary = "lists artifacts in the order of their paths", .options = options, .run = run,
};
