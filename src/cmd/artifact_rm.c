/* genstore artifact rm */
#include "src/cmd/artifact.h"
#include "src/cmd/artifact_there.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"

static struct {
	const char *session, *organization;
	bool force, dry_run, remote;
} o;

static const struct opt options[] = {
	{ "session", 0, OPT_TEXT, &o.session, "S", "whose they are: a name or an id" },
	{ "org", 0, OPT_TEXT, &o.organization, "O", "of which organization, where several have a session of that name" },
	{ "dry-run", 'n', OPT_FLAG, &o.dry_run, NULL, "only say what would go" },
	{ "remote", 0, OPT_FLAG, &o.remote, NULL, "remove what was sent to a bucket from there, too; without it that stays" },
	{ "force", 'f', OPT_FLAG, &o.force, NULL, "do not ask before all of a folder goes" },
	{ 0 },
};

/* What an argument names: its filter borrows from `below`. */
struct victim {
	struct artifact_filter filter;
	struct buf below;
	struct artifact one; /* of a name */
	int64_t count;
};

static void victims_free(struct victim **v)
{
	for (struct victim *p = *v; p && (p->count || p->below.data || p->one.artifact_id); p++) {
		buf_release(&p->below);
		artifact_release(&p->one);
	}
	free(*v);
}

static int find(struct cli *cli, const struct session *s, const char *path, struct victim *v)
{
	int64_t bytes;
	int r;

	if (!artifact_is_folder(path)) {
		v->count = 1;
		return (r = artifact_find(cli->st, s, path, &v->one)) ? cli_fail(cli, r) : 0;
	}
	if ((r = artifact_locate(s, path, &v->below)))
		return cli_fail(cli, r);
	v->filter = (struct artifact_filter){ .session_id = s->id, .organization_id = s->organization_id, .below = buf_str(&v->below) };
	/* Of a readme's folder, which is the top, not all that is below. */
	if (!*artifact_path(v->filter.below))
		v->filter.type = "readme";
	if ((r = artifact_total(cli->st, &v->filter, &v->count, &bytes)))
		return cli_fail(cli, r);
	return v->count ? 0 : cli_error(cli, EXIT_NONE, "no artifacts in '%s' of this session", path);
}

/* One transaction for all that was named. */
static int remove_all(struct cli *cli, const struct victim *v, int count, const struct there *there, int64_t *ret_removed)
{
	TXN t = txn_begin(&cli->st->db);
	int64_t removed = 0;
	int r = t.error;

	for (int i = 0; i < count && !r; i++) {
		int64_t n = 1;

		r = v[i].one.artifact_id ? artifact_remove_one(cli->st, &v[i].one) : artifact_remove(cli->st, &v[i].filter, &n);
		removed += r ? 0 : n;
		r = r == -ENOENT ? 0 : r; /* named twice, or gone meanwhile */
	}
	if (r || (o.remote && (r = there_forget(cli->st, there))) || (r = txn_commit(&t)))
		return cli_fail(cli, r);
	*ret_removed = removed;
	return 0;
}

static int may_remove(struct cli *cli, const struct victim *v, int count, int64_t *ret_total)
{
	bool folder = false;

	for (int i = 0; i < count; i++) {
		folder |= v[i].below.len > 0;
		*ret_total += v[i].count;
	}
	if (!folder || o.dry_run || cli_confirm(cli, o.force, "remove %lld artifacts?", (long long)*ret_total))
		return 0;
	if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO) && !cli->json)
		return cli_error(cli, EXIT_FAILED, "nothing was removed");
	return cli_usage(cli, "%lld artifacts would go and nobody can be asked: add --force", (long long)*ret_total);
}

static int look_there(struct cli *cli, const struct victim *v, int count, struct there *there)
{
	int r = 0;

	for (int i = 0; i < count && !r; i++)
		r = v[i].one.artifact_id ? there_add(cli->st, &v[i].one, there) : there_add_all(cli->st, &v[i].filter, there);
	return r ? cli_fail(cli, r) : 0;
}

static int take_away(struct cli *cli, const struct victim *v, int count, const struct there *there, int64_t *ret_removed)
{
	int r;

	if ((o.remote && (r = there_remove(cli, there))) || (r = remove_all(cli, v, count, there, ret_removed)))
		return r;
	if (there->count && !o.remote)
		cli_note(cli, "%zu stay%s in the bucket '%s'; --remote removes %s there, too", there->count, there->count == 1 ? "s" : "",
			 there->items[0].bucket, there->count == 1 ? "it" : "them");
	return 0;
}

static void tell(const struct cli *cli, int64_t n, size_t there)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "%s %lld artifact%s", o.dry_run ? "would remove" : "removed", (long long)n, n == 1 ? "" : "s");
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, o.dry_run ? "would_remove" : "removed", n);
	jw_int(&j, o.remote ? "removed_remote" : "left_remote", (int64_t)there);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(victims_free) struct victim *v = calloc((size_t)argc + 1, sizeof(*v));
	AUTO(there_release) struct there there = { 0 };
	int64_t total = 0, removed = 0;
	struct session s;
	int r;

	if (!v)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = cli_open_writer(cli)) || (r = artifact_session(cli, o.organization, o.session, &s)))
		return r;
	/* All are found before the first goes: a mistyped one removes nothing. */
	for (int i = 0; i < argc; i++)
		if ((r = find(cli, &s, argv[i], &v[i])))
			return r;
	if ((r = may_remove(cli, v, argc, &total)) || (r = look_there(cli, v, argc, &there)) || (!o.dry_run && (r = take_away(cli, v, argc, &there, &removed))))
		return r;
	tell(cli, o.dry_run ? total : removed, there.count);
	return EXIT_DONE;
}

const struct command command_artifact_rm = {
	.name = "artifact rm", .access = FOR_USERS, .arguments = "TYPE/NAME|TYPE/... --session S", .summary = "removes artifacts", .options = options, .run = run,
	.min_args = 1, .max_args = -1,
	.more = "A path that ends in '/' stands for all that is in it.",
};
