/* genstore sync */
#include "src/cmd/sync.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync_state.h"
#include "src/sync/runner.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/signalfd.h>

static struct {
	const char *to;
	bool all, detach, cancel, watch;
} o = { .to = "s3" };

static const struct opt options[] = {
	{ "all", 'a', OPT_FLAG, &o.all, NULL, "all generations that have an archive" },
	{ "to", 0, OPT_TEXT, &o.to, "REMOTES", "where to (s3)" },
	{ "detach", 'd', OPT_FLAG, &o.detach, NULL, "in the background: 'genstore status' tells how far it is" },
	{ "cancel", 0, OPT_FLAG, &o.cancel, NULL, "takes out of the outbox what is not synced yet" },
	{ "watch", 'w', OPT_FLAG, &o.watch, NULL, "keeps at it until Ctrl-C: what fails is tried again, what is new is sent" },
	{ 0 },
};

int sync_check_remotes(struct cli *cli, const char *remotes)
{
	if (!strcmp(remotes, "s3"))
		return 0;
	if (!strcmp(remotes, "github") || !strcmp(remotes, "s3,github") || !strcmp(remotes, "github,s3"))
		return cli_usage(cli, "--to github is not in this version");
	return cli_usage(cli, "'%s' is no remote: s3", remotes);
}

int sync_check_settings(struct cli *cli)
{
	AUTO(settings_release) struct settings set = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = settings_load(cli->st, NULL, NULL, &set, &why);

	return r ? cli_error(cli, cli_exit_code(r), "%s", buf_str(&why)) : 0;
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

static void print_object(const struct sync_news *n)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "sync");
	jw_str(&j, "request_id", n->request_id);
	jw_str(&j, "remote", "s3");
	jw_str(&j, "state", n->kind == SYNC_SYNCED ? "synced" : n->kind == SYNC_WAITS ? "queued" : "failed");
	if (n->kind == SYNC_SYNCED) {
		jw_str(&j, "url", n->url);
		jw_str(&j, "etag", n->objects[0].etag);
		jw_int(&j, "size", n->objects[0].size);
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
	else
		printf("%s  %s\n", n->request_id, n->url);
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
		v->first_id = strdup(n->request_id);
		buf_adds(&v->first, n->words);
		return;
	}
	if (!v->differ && strcmp(n->words, buf_str(&v->first))) {
		note_failure(v, v->first_id ? v->first_id : "?", buf_str(&v->first));
		v->differ = true;
	}
	if (v->differ)
		note_failure(v, n->request_id, n->words);
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

static void tell(void *arg, const struct sync_news *n)
{
	static void (*const shows[])(struct sync_view *v, const struct sync_news *n) = {
		[SYNC_MOVED] = on_moved, [SYNC_SYNCED] = on_synced, [SYNC_FAILED] = on_failed, [SYNC_WAITS] = on_waits,
		[SYNC_ELSEWHERE] = on_elsewhere,
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
		return cli_error(cli, code_of(r), "%lld generations are not synced: %s", (long long)v->failures, buf_str(&v->first));
	if (v->failures)
		return cli_error(cli, code_of(r), "%lld generations are not synced; 'genstore status' says why", (long long)v->failures);
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
	const struct sync_news news = { .kind = SYNC_SYNCED, .request_id = row->request_id, .url = row->url, .objects = &archive };
	int r = remote_object_next(v->cli->st, row->id, "", &archive);

	if (r > 0)
		on_synced(v, &news);
	return r < 0 ? r : 0;
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

int sync_rows(struct cli *cli, const struct idlist *only, bool watch)
{
	AUTO(sync_view_release) struct sync_view v = { .cli = cli };
	AUTO(buf_release) struct buf why = BUF_INIT;
	sigset_t before;
	AUTO(close_fd) int fd = signals(&before);
	const struct sync_options so = { .only = only, .watch = watch, .wake_fd = fd, .tell = tell, .arg = &v };
	struct sync_result result = { 0 };
	int r = sync_run(cli->st, &so, &result, &why);

	signals_end(fd, &before);
	if (r) {
		progress_end(&v.progress);
		return cli_error(cli, cli_exit_code(r), "%s", *buf_str(&why) ? buf_str(&why) : strerror(-r));
	}
	if ((r = tell_others(&v, only, &result)))
		return cli_fail(cli, r);
	return verdict(&v, &result);
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

static int queue(struct cli *cli, const struct idlist *generations, struct idlist *rows)
{
	int64_t id, count;
	int r;

	TXN t = txn_begin(&cli->st->db);

	r = t.error;
	for (size_t i = 0; i < generations->count && !r; i++)
		if (!(r = outbox_add(cli->st, generations->ids[i], "s3", &id)))
			r = idlist_add(rows, id);
	if (!r && o.all)
		r = outbox_add_all(cli->st, "s3", &count);
	return r || (r = txn_commit(&t)) ? cli_fail(cli, r) : 0;
}

static int cancel_all(struct cli *cli, int64_t *count)
{
	for (;;) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };
		int r = outbox_pending(cli->st, 0, &row);

		if (r <= 0)
			return r;
		if ((r = outbox_cancel(cli->st, row.generation, row.remote)) && r != -ENOENT)
			return r;
		++*count;
	}
}

static int cancel(struct cli *cli, const struct idlist *generations, char **argv)
{
	int64_t count = 0;
	int r = o.all ? cancel_all(cli, &count) : 0;

	for (size_t i = 0; i < generations->count && !r; i++, count++) {
		if ((r = outbox_cancel(cli->st, generations->ids[i], "s3")) == -ENOENT)
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
	return sync_check_remotes(cli, o.to);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(idlist_release) struct idlist generations = { 0 }, rows = { 0 };
	int r;

	if ((r = check_options(cli, argc)) || (r = cli_open_writer(cli)) || (r = find_all(cli, argc, argv, &generations)))
		return r;
	if (o.cancel)
		return cancel(cli, &generations, argv);
	if ((r = queue(cli, &generations, &rows)))
		return r;
	if (o.detach)
		return (r = sync_check_settings(cli)) ? r : detach(cli);
	return sync_rows(cli, argc && !o.watch ? &rows : NULL, o.watch);
}

const struct command command_sync = {
	.name = "sync", .access = FOR_USERS, .arguments = "[REQ...]", .summary = "sends generations to a bucket", .options = options, .run = run,
	.max_args = -1,
	.more = "Without REQ and --all it goes on with what is in the outbox. The bucket is the setting s3.bucket\n"
		"(genstore config), keys are found as by Amazon's tools: in the environment, else in ~/.aws.",
};
