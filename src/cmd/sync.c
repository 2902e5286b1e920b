/* genstore sync */
#include "src/cmd/sync.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/setting.h"
#include "src/cmd/sync_state.h"
#include "src/sync/publish.h"
#include "src/sync/runner.h"
#include "store/artifact_path.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>

static struct {
	const char *to;
	bool all, detach, cancel, watch;
} o;

static const struct opt options[] = {
	{ "all", 'a', OPT_FLAG, &o.all, NULL, "all generations that have an archive" },
	{ "to", 0, OPT_TEXT, &o.to, "REMOTES", "where to: s3, github, or s3,github (setting sync.to: s3)" },
	{ "detach", 'd', OPT_FLAG, &o.detach, NULL, "in the background: 'genstore status' tells how far it is" },
	{ "cancel", 0, OPT_FLAG, &o.cancel, NULL, "takes out of the outbox what is not synced yet" },
	{ "watch", 'w', OPT_FLAG, &o.watch, NULL, "keeps at it until Ctrl-C: what fails is tried again, what is new is sent" },
	{ 0 },
};

int sync_check_remotes(struct cli *cli, const char *remotes)
{
	return outbox_remotes_check(remotes) ? cli_usage(cli, "'%s' is no remote: s3, github or s3,github", remotes) : 0;
}

int sync_can_send(struct genstore *st, const char *remote, struct buf *why)
{
	AUTO(settings_release) struct settings set = { 0 };
	AUTO(hosting_release) struct hosting hosting = { 0 };

	return strcmp(remote, "s3") ? hosting_load(st, &hosting, why) : settings_load(st, NULL, NULL, &set, why);
}

int sync_check_settings(struct cli *cli, const char *remotes)
{
	int i, r;

	while ((i = outbox_remote_next(&remotes)) >= 0) {
		AUTO(buf_release) struct buf why = BUF_INIT;

		if ((r = sync_can_send(cli->st, outbox_remotes[i], &why)))
			return cli_error(cli, cli_exit_code(r), "%s", buf_str(&why));
	}
	return 0;
}

/* What is told while it runs. */
struct sync_view {
	struct cli *cli;
	struct progress progress;
	bool counts;      /* the bar is there */
	int64_t failures;
	char *first_id;
	struct buf first; /* the first failure's words */
	bool differ;      /* another one had others */
	const char *what; /* failed */
};

static void sync_view_release(struct sync_view *v)
{
	buf_release(&v->first);
	free(v->first_id);
}

static void on_moved(struct sync_view *v, const struct sync_news *n)
{
	if (!n->total)
		return;
	if (!v->counts)
		progress_begin(&v->progress, v->cli, "syncing", n->total);
	v->counts = true;
	v->progress.total = n->total;
	progress_update(&v->progress, n->done, "bytes");
}

static const char *name_of(const struct sync_news *n)
{
	return n->storage_path ? n->storage_path : n->request_id;
}

static void print_object(const struct sync_news *n)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "sync");
	jw_str(&j, n->storage_path ? "storage_path" : "request_id", name_of(n));
	jw_str(&j, "remote", n->remote);
	jw_str(&j, "state", n->kind == SYNC_SYNCED ? "synced" : n->kind == SYNC_WAITS ? "queued" : "failed");
	if (n->kind == SYNC_SYNCED) {
		jw_str(&j, "url", n->url);
		if (n->objects) {
			jw_str(&j, "etag", n->objects[0].etag);
			jw_int(&j, "size", n->objects[0].size);
		}
		if (n->commit)
			jw_str(&j, "commit", n->commit);
	} else {
		jw_str(&j, "error", n->words);
	}
	out_object_end(&j);
}

static void on_synced(struct sync_view *v, const struct sync_news *n)
{
	progress_end(&v->progress);
	if (v->cli->json)
		print_object(n);
	else if (v->cli->verbosity >= 0) /* 'generate -q' prints the request id alone */
		printf("%s  %s\n", n->storage_path ? artifact_path(n->storage_path) : n->request_id, n->url);
	fflush(stdout);
}

static void note_failure(const struct sync_view *v, const char *request_id, const char *words)
{
	if (!v->cli->json)
		cli_note(v->cli, "'%s' is not synced: %s", request_id, words);
}

/* Where all fail for one reason that is the command's error; else each is a line before it. */
static void on_failed(struct sync_view *v, const struct sync_news *n)
{
	progress_end(&v->progress);
	if (v->cli->json)
		print_object(n);
	if (!v->failures++) {
		v->what = n->storage_path ? "artifacts" : "generations";
		v->first_id = strdup(name_of(n));
		buf_adds(&v->first, n->words);
		return;
	}
	if (!v->differ && strcmp(n->words, buf_str(&v->first))) {
		note_failure(v, v->first_id ? v->first_id : "?", buf_str(&v->first));
		v->differ = true;
	}
	if (v->differ)
		note_failure(v, name_of(n), n->words);
}

static void on_waits(struct sync_view *v, const struct sync_news *n)
{
	if (v->cli->json)
		print_object(n);
	else
		cli_note(v->cli, "'%s' is not sent: %s", n->request_id, n->words);
}

static void on_elsewhere(struct sync_view *v, const struct sync_news *n UNUSED)
{
	cli_note(v->cli, "another genstore is syncing this store: waiting for it");
}

static void on_pause(struct sync_view *v, const struct sync_news *n)
{
	progress_end(&v->progress);
	cli_note(v->cli, "GitHub asks to wait %lld seconds", (long long)n->done);
}

static void tell(void *arg, const struct sync_news *n)
{
	static void (*const shows[])(struct sync_view *v, const struct sync_news *n) = {
		[SYNC_MOVED] = on_moved, [SYNC_SYNCED] = on_synced, [SYNC_FAILED] = on_failed, [SYNC_WAITS] = on_waits,
		[SYNC_ELSEWHERE] = on_elsewhere, [SYNC_PAUSES] = on_pause,
	};

	shows[n->kind](arg, n);
}

static void print_summary(const struct sync_result *r)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	jw_int(&j, "synced", r->synced);
	jw_int(&j, "failed", r->failed);
	jw_int(&j, "pending", r->left);
	jw_int(&j, "bytes", r->bytes);
	out_object_end(&j);
}

static int code_of(const struct sync_result *r)
{
	if (r->synced)
		return EXIT_PARTLY;
	return r->remote && r->r != -EEXIST ? EXIT_REMOTE : EXIT_FAILED;
}

static int verdict(struct sync_view *v, const struct sync_result *r)
{
	struct cli *cli = v->cli;

	progress_end(&v->progress);
	if (cli->json)
		print_summary(r);
	if (r->interrupted)
		return cli_error(cli, EXIT_INTERRUPTED, "interrupted: %lld still wait to be sent; 'genstore sync' goes on", (long long)r->left);
	if (v->failures == 1)
		return cli_error(cli, code_of(r), "'%s' is not synced: %s", v->first_id ? v->first_id : "?", buf_str(&v->first));
	if (v->failures && !v->differ)
		return cli_error(cli, code_of(r), "%lld %s are not synced: %s", (long long)v->failures, v->what, buf_str(&v->first));
	if (v->failures)
		return cli_error(cli, code_of(r), "%lld %s are not synced; 'genstore status' says why", (long long)v->failures, v->what);
	return EXIT_DONE;
}

/* SIGINT, SIGTERM and SIGHUP as a descriptor, so that what goes on is put down before the end. */
static int signals(sigset_t *ret_before)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGHUP);
	sigprocmask(SIG_BLOCK, &set, ret_before);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

/* What came meanwhile is heard already: it must not come again when signals go their usual way. */
static void signals_end(int fd, const sigset_t *before)
{
	struct signalfd_siginfo info;

	while (read(fd, &info, sizeof(info)) > 0)
		;
	sigprocmask(SIG_SETMASK, before, NULL);
}

static int tell_synced(struct sync_view *v, const struct outbox_row *row)
{
	AUTO(remote_object_release) struct remote_object archive = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	struct sync_news news = { .kind = SYNC_SYNCED, .request_id = row->request_id, .remote = row->remote, .url = row->url };
	int r;

	if ((r = generation_get(v->cli->st, row->generation, &g)) || (r = remote_object_next(v->cli->st, row->id, "", &archive)) < 0)
		return r;
	news.objects = r ? &archive : NULL;
	news.commit = r ? NULL : g.github_commit;
	on_synced(v, &news);
	return 0;
}

/* Rows of which nothing was told: they were there already, or another process sent them. */
static int tell_others(struct sync_view *v, const struct idlist *only, const struct sync_result *result)
{
	for (size_t i = 0; only && !result->synced && !result->failed && i < only->count; i++) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };
		int r = outbox_get(v->cli->st, only->ids[i], &row);

		if (!r && !strcmp(row.state, "synced"))
			r = tell_synced(v, &row);
		if (r && r != -ENOENT)
			return r;
	}
	return 0;
}

static int run_sync(struct cli *cli, const struct idlist *only, bool artifacts, bool watch)
{
	AUTO(sync_view_release) struct sync_view v = { .cli = cli };
	AUTO(buf_release) struct buf why = BUF_INIT;
	sigset_t before;
	AUTO(close_fd) int fd = signals(&before);
	const struct sync_options so = { .only = only, .artifacts = artifacts, .watch = watch, .wake_fd = fd, .tell = tell, .arg = &v };
	struct sync_result result = { 0 };
	int r = sync_run(cli->st, &so, &result, &why);

	signals_end(fd, &before);
	if (r) {
		progress_end(&v.progress);
		if (v.failures && !v.differ)
			note_failure(&v, v.first_id ? v.first_id : "?", buf_str(&v.first));
		return cli_error(cli, cli_exit_code(r), "%s", *buf_str(&why) ? buf_str(&why) : strerror(-r));
	}
	if ((r = tell_others(&v, only, &result)))
		return cli_fail(cli, r);
	return verdict(&v, &result);
}

int sync_rows(struct cli *cli, const struct idlist *only, bool watch)
{
	return run_sync(cli, only, false, watch);
}

int sync_artifacts(struct cli *cli, bool watch)
{
	static const struct idlist none = { .count = 0 };

	return run_sync(cli, &none, true, watch);
}

static int is_sendable(struct cli *cli, const struct generation *g)
{
	bool over = !strcmp(g->status, "completed") || !strcmp(g->status, "failed") || !strcmp(g->status, "cancelled");

	if (g->metadata_id || !over)
		return 0;
	return cli_error(cli, EXIT_FAILED, "'%s' has no archive: it is %s; there is nothing to send", g->request_id, g->status);
}

/* All of them or none. */
static int find_all(struct cli *cli, int argc, char **argv, struct idlist *generations)
{
	int r = 0;

	for (int i = 0; i < argc && !r; i++) {
		AUTO(revision_release) struct revision rev = { 0 };

		if ((r = cli_generation(cli, argv[i], &rev)) || (!o.cancel && (r = is_sendable(cli, &rev.generation))))
			return r;
		if ((r = idlist_add(generations, rev.generation.id)))
			return cli_fail(cli, r);
	}
	return 0;
}

static int queue_for(struct cli *cli, const char *remote, const struct idlist *generations, struct idlist *rows)
{
	int64_t id, count;
	int r = 0;

	for (size_t i = 0; i < generations->count && !r; i++)
		if (!(r = outbox_add(cli->st, generations->ids[i], remote, &id)))
			r = idlist_add(rows, id);
	return !r && o.all ? outbox_add_all(cli->st, remote, &count) : r;
}

static int queue(struct cli *cli, const char *remotes, const struct idlist *generations, struct idlist *rows)
{
	int i, r;

	TXN t = txn_begin(&cli->st->db);

	r = t.error;
	while (!r && (i = outbox_remote_next(&remotes)) >= 0)
		r = queue_for(cli, outbox_remotes[i], generations, rows);
	return r || (r = txn_commit(&t)) ? cli_fail(cli, r) : 0;
}

static bool is_in(const char *remotes, const char *remote)
{
	int i;

	while ((i = outbox_remote_next(&remotes)) >= 0)
		if (!strcmp(outbox_remotes[i], remote))
			return true;
	return false;
}

static int cancel_all(struct cli *cli, const char *remotes, int64_t *count)
{
	int64_t after = 0;

	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };
		int r = outbox_pending(cli->st, after, &row);

		if (r <= 0)
			return r;
		after = row.id;
		if (!is_in(remotes, row.remote))
			continue;
		if ((r = outbox_cancel(cli->st, row.generation, row.remote)) && r != -ENOENT)
			return r;
		*count += !r;
	}
}

/* -ENOENT: nothing of it was waiting for any of them. */
static int cancel_one(struct cli *cli, const char *remotes, int64_t generation, int64_t *count)
{
	int64_t before = *count;
	int i, r;

	while ((i = outbox_remote_next(&remotes)) >= 0) {
		if ((r = outbox_cancel(cli->st, generation, outbox_remotes[i])) && r != -ENOENT)
			return r;
		*count += !r;
	}
	return *count == before ? -ENOENT : 0;
}

static int cancel(struct cli *cli, const struct idlist *generations, char **argv)
{
	const char *remotes = o.to ? o.to : "s3,github";
	int64_t count = 0;
	int r = o.all ? cancel_all(cli, remotes, &count) : 0;

	for (size_t i = 0; i < generations->count && !r; i++) {
		if ((r = cancel_one(cli, remotes, generations->ids[i], &count)) == -ENOENT)
			return cli_error(cli, EXIT_NONE, "nothing of '%s' waits to be sent", argv[i]);
	}
	if (r)
		return cli_fail(cli, r);
	cli_note(cli, "%lld taken out of the outbox", (long long)count);
	return EXIT_DONE;
}

int sync_spawn(const char *store_path, pid_t *ret_pid)
{
	extern char **environ;
	char program[] = "genstore", quiet[] = "--quiet", store[] = "--store", command[] = "sync";
	char *argv[] = { program, quiet, store, (char *)(uintptr_t)store_path, command, NULL };
	posix_spawn_file_actions_t files;
	posix_spawnattr_t attributes;
	sigset_t none, usual;
	int r;

	sigemptyset(&none);
	sigemptyset(&usual);
	sigaddset(&usual, SIGPIPE);
	posix_spawn_file_actions_init(&files);
	posix_spawnattr_init(&attributes);
	posix_spawnattr_setsigmask(&attributes, &none);
	posix_spawnattr_setsigdefault(&attributes, &usual);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		posix_spawn_file_actions_addopen(&files, fd, "/dev/null", O_RDWR, 0);
	r = posix_spawn(ret_pid, "/proc/self/exe", &files, &attributes, argv, environ);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&files);
	return -r;
}

static int detach(struct cli *cli)
{
	pid_t pid;
	int r = sync_spawn(cli->store_path, &pid);

	if (r)
		return cli_error(cli, EXIT_FAILED, "cannot go on in the background: %s; 'genstore sync' sends what is queued", strerror(-r));
	cli_note(cli, "syncing in the background; 'genstore status' tells how far it is");
	return EXIT_DONE;
}

static int check_options(struct cli *cli, int argc)
{
	if (o.all && argc)
		return cli_usage(cli, "--all and REQ exclude each other");
	if (o.cancel && (o.detach || o.watch))
		return cli_usage(cli, "--cancel goes with neither --detach nor --watch");
	if (o.cancel && !o.all && !argc)
		return cli_usage(cli, "say what to cancel: REQ... or --all");
	if (o.detach && o.watch)
		return cli_usage(cli, "--detach and --watch exclude each other");
	return o.to ? sync_check_remotes(cli, o.to) : 0;
}

/* Nobody reads there what cannot be sent. */
static int check_detached(struct cli *cli, const char *to, int argc)
{
	AUTO(buf_release) struct buf ignored = BUF_INIT;

	if (o.to || o.all || argc)
		return sync_check_settings(cli, to);
	return sync_can_send(cli->st, "github", &ignored) ? sync_check_settings(cli, "s3") : 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(idlist_release) struct idlist generations = { 0 }, rows = { 0 };
	AUTO(free_ptr) char *set = NULL;
	const char *to;
	int r;

	if ((r = check_options(cli, argc)) || (r = cli_open_writer(cli)) || (r = find_all(cli, argc, argv, &generations)))
		return r;
	if (o.cancel)
		return cancel(cli, &generations, argv);
	if (!(to = o.to) && (r = cli_setting(cli, "sync.to", &set)))
		return r;
	to = to ? to : set;
	if ((r = queue(cli, to, &generations, &rows)))
		return r;
	if (o.detach)
		return (r = check_detached(cli, to, argc)) ? r : detach(cli);
	return sync_rows(cli, argc && !o.watch ? &rows : NULL, o.watch);
}

const struct command command_sync = {
	.name = "sync", .access = FOR_USERS, .arguments = "[REQ...]", .summary = "sends generations to a bucket, and to GitHub", .options = options, .run = run,
	.max_args = -1,
	.more = "Without REQ and --all it goes on with what is in the outbox. The bucket is the setting s3.bucket\n"
		"(genstore config), keys are found as by Amazon's tools: in the environment, else in ~/.aws. On GitHub each\n"
		"generation is a private repository in github.organization; another git host is git.remote_template. The token\n"
		"is GENSTORE_GIT_TOKEN, for github.com also GH_TOKEN, or what git's credential helpers know.",
};
