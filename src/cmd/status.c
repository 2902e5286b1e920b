/* genstore status */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync_state.h"
#include "src/sync/lock.h"
#include "src/sync/settings.h"

static void add_row(struct table *t, const struct generation *g, const struct sync_state *s)
{
	char words[32], human[HUMAN_SIZE];

	table_cell(t, g->request_id);
	table_cellf(t, "%s/%lld", g->app_name, (long long)g->generation_number);
	sync_state_words(s, g->archive_size, words);
	table_cell(t, words);
	table_cell(t, g->metadata_id ? human_bytes(g->archive_size, human) : NULL);
	table_cell(t, s->row.error ? s->row.error : s->row.url);
}

static void print_object(const struct generation *g, const struct sync_state *s)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "generation");
	jw_str(&j, "request_id", g->request_id);
	jw_str(&j, "app_name", g->app_name);
	jw_int(&j, "generation_number", g->generation_number);
	jw_str(&j, "status", g->status);
	sync_state_json(&j, s, g->archive_size);
	out_object_more(&j);
}

static int print_one(struct cli *cli, int64_t generation, struct table *t)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(sync_state_release) struct sync_state s = { 0 };
	int r;

	if ((r = generation_get(cli->st, generation, &g)) || (r = sync_state_get(cli->st, generation, "s3", &s)))
		return r == -ENOENT ? 0 : r;
	if (cli->json)
		print_object(&g, &s);
	else
		add_row(t, &g, &s);
	return 0;
}

static int print_pending(struct cli *cli, struct table *t)
{
	int64_t after = 0;
	int r;

	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };

		if ((r = outbox_pending(cli->st, after, &row)) <= 0)
			return r;
		after = row.id;
		if ((r = print_one(cli, row.generation, t)))
			return r;
	}
}

static int print_named(struct cli *cli, int argc, char **argv, struct table *t)
{
	for (int i = 0; i < argc; i++) {
		AUTO(revision_release) struct revision rev = { 0 };
		int r = revision_find(cli->st, NULL, argv[i], &rev);

		if (r || (r = print_one(cli, rev.generation.id, t)))
			return r;
	}
	return 0;
}

static int print_summary(struct cli *cli)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	AUTO(free_ptr) char *bucket = NULL;
	struct outbox_counts c;
	bool held;
	struct jw j;
	int r;

	if ((r = outbox_count(cli->st, "s3", &c)) || (r = settings_bucket(cli->st, &bucket)) || (r = lock_held(cli->st, &held)))
		return r;
	if (!cli->json) {
		cli_note(cli, "s3: %lld synced, %lld queued, %lld being sent, %lld failed; %s%s%s", (long long)c.synced,
			 (long long)(c.queued + (held ? 0 : c.syncing)), (long long)(held ? c.syncing : 0), (long long)c.failed,
			 bucket ? "the bucket is '" : "no bucket is configured", bucket ? bucket : "", bucket ? "'" : "");
		return 0;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "bucket", bucket);
	jw_int(&j, "synced", c.synced);
	jw_int(&j, "queued", c.queued + (held ? 0 : c.syncing));
	jw_int(&j, "syncing", held ? c.syncing : 0);
	jw_int(&j, "failed", c.failed);
	out_object_end(&j);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const char *const titles[] = { "REQUEST ID", "APP", "S3", "ARCHIVE", "WHERE, OR WHY NOT" };
	struct table t;
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	if (r)
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "lllrl");
	r = argc ? print_named(cli, argc, argv, &t) : print_pending(cli, &t);
	table_end(&t);
	if (r || (!argc && (r = print_summary(cli))))
		return cli_fail(cli, r);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status", .access = FOR_USERS, .arguments = "[REQ...]", .summary = "what is synced, and what waits to be", .run = run, .max_args = -1,
};
