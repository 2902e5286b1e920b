/* genstore list */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync_state.h"
#include "store/idlist.h"

enum { FOR_PEOPLE = 100, ROWS_AT_ONCE = 1000, COLUMNS = 7 };

static struct {
	const char *app, *status, *before;
	int64_t limit;
	bool all;
} o = { .limit = INT64_MIN };

static const struct opt options[] = {
	{ "app", 'a', OPT_TEXT, &o.app, "NAME", "of that app only" },
	{ "status", 0, OPT_TEXT, &o.status, "S", "queued, generating, paused, completed, failed or cancelled" },
	{ "limit", 'n', OPT_INT, &o.limit, "K", "at most so many (100 unless --json; --all: no limit)" },
	{ "all", 0, OPT_FLAG, &o.all, NULL, "all of them" },
	{ "before", 0, OPT_TEXT, &o.before, "REQ", "older than that one: the next page" },
	{ 0 },
};

/*
 * Ids first, rows later: a statement that stays open while a pager is read would keep writers waiting.
 * One row more than is asked for tells whether there are more.
 */
static int collect(struct genstore *st, const char *sql, int64_t before, int64_t limit, struct idlist *ids)
{
	STMT q = db_stmt(&st->db, sql);
	int r;

	bind_i64(&q, before);
	bind_text(&q, o.status);
	bind_i64(&q, limit < 0 ? -1 : limit + 1);
	bind_text(&q, o.app);
	while ((r = stmt_step(&q)) > 0)
		if ((r = idlist_add(ids, col_i64(&q, 0))))
			break;
	return r;
}

static int find(struct genstore *st, int64_t before, int64_t limit, struct idlist *ids)
{
	if (o.app)
		return collect(st, "SELECT g.id FROM apps AS a JOIN generation_requests AS g ON g.app_id = a.id"
				   " WHERE a.app_name = ?4 AND g.id < ?1 AND (?2 IS NULL OR g.status = ?2)"
				   " ORDER BY g.id DESC LIMIT ?3", before, limit, ids);
	return collect(st, "SELECT id FROM generation_requests WHERE id < ?1 AND (?2 IS NULL OR status = ?2) AND ?4 IS NULL"
			   " ORDER BY id DESC LIMIT ?3", before, limit, ids);
}

static void add_row(struct table *t, const struct generation *g, const struct sync_state *s)
{
	char size[HUMAN_SIZE], words[32];

	table_cell(t, g->request_id);
	table_cellf(t, "%s/%lld", g->app_name, (long long)g->generation_number);
	table_cell(t, g->status);
	table_cellf(t, "%lld", (long long)g->current_iteration);
	table_cell(t, g->metadata_id ? human_bytes(g->archive_size, size) : NULL);
	table_cell(t, g->created_at);
	if (t->columns < COLUMNS)
		return;
	sync_state_words(&s->places[s->first], g->archive_size, words);
	table_cellf(t, "%s%s", words, g->away ? ", evicted" : "");
}

static void print_object(const struct generation *g, const struct sync_state *s)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "generation");
	out_generation(&j, g);
	sync_state_json(&j, s, g);
	out_object_more(&j);
}

static int print_some(struct cli *cli, const int64_t *ids, size_t count, bool titled)
{
	static const char *const titles[COLUMNS] = { "REQUEST ID", "APP", "STATUS", "ITERATIONS", "ARCHIVE", "CREATED", "SYNC" };
	struct table t;
	bool any;
	int r = sync_state_any(cli->st, &any);

	/* The last column is for those who sync. */
	table_begin(&t, titles, any ? COLUMNS : COLUMNS - 1, "lllrrll");
	t.untitled = !titled;
	for (size_t i = 0; i < count && !r && !ferror(stdout); i++) {
		AUTO(generation_release) struct generation g = { 0 };
		AUTO(sync_state_release) struct sync_state s = SYNC_STATE_LOCAL;

		r = generation_get(cli->st, ids[i], &g);
		if (!r && any)
			r = sync_state_get(cli->st, ids[i], &s);
		if (!r && cli->json)
			print_object(&g, &s);
		else if (!r)
			add_row(&t, &g, &s);
		/* Removed since its id was read. */
		r = r == -ENOENT ? 0 : r;
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : 0;
}

static int print_all(struct cli *cli, const struct idlist *ids, int64_t limit)
{
	size_t count = limit >= 0 && ids->count > (size_t)limit ? (size_t)limit : ids->count;
	int r = 0;

	for (size_t i = 0; i < count && !r && !ferror(stdout); i += ROWS_AT_ONCE)
		r = print_some(cli, ids->ids + i, count - i < ROWS_AT_ONCE ? count - i : ROWS_AT_ONCE, !i);
	if (!r && !cli->json && count < ids->count && o.limit == INT64_MIN)
		cli_note(cli, "the newest %zu; --all shows all", count);
	if (!r && !cli->json && !ids->count)
		cli_note(cli, "no generations");
	return r;
}

static int check_options(struct cli *cli, int64_t *ret_limit)
{
	static const char *const states[] = { "queued", "generating", "paused", "completed", "failed", "cancelled" };
	bool known = !o.status;

	for (size_t i = 0; i < ARRAY_LEN(states) && !known; i++)
		known = strcmp(o.status, states[i]) == 0;
	if (!known)
		return cli_usage(cli, "no such status: '%s'", o.status);
	if (o.limit != INT64_MIN && (o.limit < 1 || o.limit > INT32_MAX))
		return cli_usage(cli, "--limit is 1 or more");
	if (o.limit != INT64_MIN && o.all)
		return cli_usage(cli, "--limit and --all exclude each other");
	*ret_limit = o.limit > 0 ? o.limit : o.all || cli->json ? -1 : FOR_PEOPLE;
	return 0;
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	AUTO(idlist_release) struct idlist ids = { 0 };
	int64_t limit = FOR_PEOPLE, before = INT64_MAX;
	int r;

	if ((r = check_options(cli, &limit)) || (r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if (o.before) {
		AUTO(revision_release) struct revision rev = { 0 };

		if ((r = cli_generation(cli, o.before, &rev)))
			return r;
		before = rev.generation.id;
	}
	if ((r = find(cli->st, before, limit, &ids)))
		return cli_fail(cli, r);
	return print_all(cli, &ids, limit);
}

const struct command command_list = {
	.name = "list", .access = FOR_USERS, .arguments = "", .summary = "lists the generations, newest first", .options = options, .run = run,
};
