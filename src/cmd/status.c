/* genstore status */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync_state.h"
#include "src/sync/lock.h"
#include "src/sync/publish.h"
#include "store/artifact_remote.h"

static void add_row(struct table *t, const struct generation *g, const struct sync_place *p)
{
	char words[32], human[HUMAN_SIZE];

	table_cell(t, g->request_id);
	table_cellf(t, "%s/%lld", g->app_name, (long long)g->generation_number);
	table_cell(t, p->row.remote);
	sync_state_words(p, g->archive_size, words);
	table_cell(t, words);
	table_cell(t, g->metadata_id ? human_bytes(g->archive_size, human) : NULL);
	table_cell(t, p->row.error ? p->row.error : p->row.url);
}

/* A line for each remote that it was asked for, one where there is none. */
static void add_rows(struct table *t, const struct generation *g, const struct sync_state *s)
{
	bool any = false;

	for (int i = 0; i < OUTBOX_REMOTES; i++) {
		if (s->places[i].row.id)
			add_row(t, g, &s->places[i]);
		any |= s->places[i].row.id != 0;
	}
	if (!any)
		add_row(t, g, &s->places[0]);
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
	sync_state_json(&j, s, g);
	out_object_more(&j);
}

static bool is_pending(const struct sync_place *p)
{
	return p->row.id && strcmp(p->row.state, "synced");
}

/* row: the row of the outbox that it is told for, 0: none. With two that are pending it is told with the first. */
static int print_one(struct cli *cli, int64_t generation, int64_t row, struct table *t)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(sync_state_release) struct sync_state s = SYNC_STATE_LOCAL;
	int r;

	if ((r = generation_get(cli->st, generation, &g)) || (r = sync_state_get(cli->st, generation, &s)))
		return r == -ENOENT ? 0 : r;
	for (int i = 0; row && i < OUTBOX_REMOTES; i++)
		if (is_pending(&s.places[i]) && s.places[i].row.id < row)
			return 0;
	if (cli->json)
		print_object(&g, &s);
	else
		add_rows(t, &g, &s);
	return 0;
}

static void print_artifact(struct cli *cli, const struct artifact_remote *o, struct table *t)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		table_cell(t, artifact_path(o->storage_path));
		table_cell(t, NULL);
		table_cell(t, "s3");
		table_cell(t, o->state);
		table_cell(t, NULL);
		table_cell(t, o->error ? o->error : o->storage_path);
		return;
	}
	out_object(&j, &line, "artifact");
	jw_str(&j, "storage_path", o->storage_path);
	jw_str(&j, "sync", o->state);
	jw_str(&j, "error", o->error);
	jw_str(&j, "retry_at", o->retry_at);
	out_object_more(&j);
}

static int print_artifacts(struct cli *cli, struct table *t)
{
	int64_t after = 0;
	int r;

	for (;;) {
		AUTO(artifact_remote_release) struct artifact_remote o = { 0 };

		if ((r = artifact_remote_pending(cli->st, after, &o)) <= 0)
			return r;
		after = o.id;
		print_artifact(cli, &o, t);
	}
}

static int print_pending(struct cli *cli, struct table *t)
{
	int64_t after = 0;
	int r;

	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };

		if ((r = outbox_pending(cli->st, after, &row)) <= 0)
			return r ? r : print_artifacts(cli, t);
		after = row.id;
		if ((r = print_one(cli, row.generation, row.id, t)))
			return r;
	}
}

static int print_named(struct cli *cli, int argc, char **argv, struct table *t)
{
	for (int i = 0; i < argc; i++) {
		AUTO(revision_release) struct revision rev = { 0 };
		int r = revision_find(cli->st, NULL, argv[i], &rev);

		if (r || (r = print_one(cli, rev.generation.id, 0, t)))
			return r;
	}
	return 0;
}

static void note_counts(const struct cli *cli, const char *remote, const struct outbox_counts *c, const char *where)
{
	cli_note(cli, "%s: %lld synced, %lld queued, %lld being sent, %lld failed; %s", remote, (long long)c->synced, (long long)c->queued,
		 (long long)c->syncing, (long long)c->failed, where);
}

static void add_counts(struct jw *j, const struct outbox_counts *c)
{
	jw_int(j, "synced", c->synced);
	jw_int(j, "queued", c->queued);
	jw_int(j, "syncing", c->syncing);
	jw_int(j, "failed", c->failed);
}

/* What is 'syncing' while nobody is at it waits for the next who is. */
static int count(struct genstore *st, int remote, struct outbox_counts *c)
{
	bool held;
	int r;

	if ((r = outbox_count(st, outbox_remotes[remote], c)) || (r = lock_held(st, &held)))
		return r;
	c->queued += held ? 0 : c->syncing;
	c->syncing = held ? c->syncing : 0;
	return 0;
}

static int where_s3(struct genstore *st, char **ret_bucket, struct buf *where)
{
	int r = settings_bucket(st, ret_bucket);

	if (!r && *ret_bucket)
		buf_addf(where, "the bucket is '%s'", *ret_bucket);
	else
		buf_adds(where, "no bucket is configured");
	return r;
}

static int count_artifacts(struct genstore *st, struct artifact_remote_counts *c)
{
	bool held;
	int r;

	if ((r = artifact_remote_count(st, c)) || (r = lock_held(st, &held)))
		return r;
	c->queued += held ? 0 : c->syncing;
	c->syncing = held ? c->syncing : 0;
	return 0;
}

static void note_artifacts(const struct cli *cli, const struct artifact_remote_counts *c)
{
	if (c->synced + c->stale + c->queued + c->syncing + c->failed)
		cli_note(cli, "artifacts: %lld synced, %lld replaced since, %lld queued, %lld being sent, %lld failed", (long long)c->synced,
			 (long long)c->stale, (long long)c->queued, (long long)c->syncing, (long long)c->failed);
}

static void add_artifacts(struct jw *j, const struct artifact_remote_counts *c)
{
	jw_object(j, "artifacts");
	jw_int(j, "synced", c->synced);
	jw_int(j, "stale", c->stale);
	jw_int(j, "queued", c->queued);
	jw_int(j, "syncing", c->syncing);
	jw_int(j, "failed", c->failed);
	jw_end(j);
}

static void where_git(const struct hosting *h, struct buf *where)
{
	if (h->organization)
		buf_addf(where, "the organization is '%s'", h->organization);
	else if (h->template)
		buf_addf(where, "the git host is '%s'", h->template);
	else
		buf_adds(where, "no organization is configured");
}

static int print_summary(struct cli *cli)
{
	AUTO(buf_release) struct buf line = BUF_INIT, s3 = BUF_INIT, git = BUF_INIT, ignored = BUF_INIT;
	AUTO(hosting_release) struct hosting h = { 0 };
	AUTO(free_ptr) char *bucket = NULL;
	struct artifact_remote_counts artifacts;
	struct outbox_counts c, of_git;
	struct jw j;
	int r;

	if ((r = count(cli->st, OUTBOX_S3, &c)) || (r = count(cli->st, OUTBOX_GITHUB, &of_git)) || (r = where_s3(cli->st, &bucket, &s3)) ||
	    (r = count_artifacts(cli->st, &artifacts)))
		return r;
	hosting_load(cli->st, &h, &ignored);
	where_git(&h, &git);
	if (!cli->json) {
		note_counts(cli, "s3", &c, buf_str(&s3));
		/* For those who have anything to do with it. */
		if (h.organization || h.template || of_git.synced + of_git.queued + of_git.syncing + of_git.failed)
			note_counts(cli, "github", &of_git, buf_str(&git));
		note_artifacts(cli, &artifacts);
		return 0;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "bucket", bucket);
	add_counts(&j, &c);
	jw_object(&j, "github");
	jw_str(&j, "organization", h.organization);
	jw_str(&j, "remote_template", h.template);
	add_counts(&j, &of_git);
	jw_end(&j);
	add_artifacts(&j, &artifacts);
	out_object_end(&j);
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	static const char *const titles[] = { "REQUEST ID", "APP", "REMOTE", "STATE", "ARCHIVE", "WHERE, OR WHY NOT" };
	struct table t;
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	if (r)
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "llllrl");
	r = argc ? print_named(cli, argc, argv, &t) : print_pending(cli, &t);
	table_end(&t);
	if (r || (!argc && (r = print_summary(cli))))
		return cli_fail(cli, r);
	return EXIT_DONE;
}

const struct command command_status = {
	.name = "status", .access = FOR_USERS, .arguments = "[REQ...]", .summary = "what is synced, and what waits to be", .run = run, .max_args = -1,
};
