#include "fs/serve.h"
#include "fs/fetcher.h"
#include "fs/mounts.h"
#include "fs/ops.h"
#include "fs/scribe.h"
#include "fs/shown.h"
#include "fs/watch.h"
#include "fs/worker.h"

#include <fcntl.h>
#include <signal.h>
#include <syslog.h>
#include <time.h>

enum {
	WORKERS = 2,
	LOOK_MS = 150,      /* between two looks at the store */
	FIRST_LOOK_MS = 10, /* until the kernel has said INIT */
	READAHEAD_KIB = READ_MAX / 1024,
};

struct watching {
	struct server *server;
	struct watch *watch;
	const char *mountpoint;
	sigset_t signals;
	bool told;
};

static void drop_inode(void *arg, uint64_t ino, int64_t offset)
{
	struct server *s = arg;

	fuse_lowlevel_notify_inval_inode(s->session, shown_as(s->view, ino), offset, 0);
}

static void drop_entry(void *arg, uint64_t parent, const char *name)
{
	struct server *s = arg;

	fuse_lowlevel_notify_inval_entry(s->session, shown_as(s->view, parent), name, strlen(name));
}

static void drop_listing(void *arg, const struct draft_dir *dir)
{
	struct server *s = arg;

	fuse_lowlevel_notify_inval_inode(s->session, node_ino(NODE_DRAFT, dir->number, 0), 0, 0);
	if (dir->generation)
		fuse_lowlevel_notify_inval_inode(s->session, node_ino(NODE_METADATA, dir->generation, 0), 0, 0);
}

/* What nobody wants any more, and what changed by itself. */
static void look_at_drafts(struct server *s)
{
	for (int64_t i = 0; (i = drafts_idle(s->view->drafts, i, clock_ms()));) {
		const struct scribe_request drop = { .order = SCRIBE_DROP, .file = i };

		scribe_ask(s->scribe, &drop);
	}
	drafts_tell(s->view->drafts, drop_listing, s);
}

static void say_line(void *arg, const char *line)
{
	server_say(arg, "%s", line);
}

static void want_sending(void *arg)
{
	struct server *s = arg;

	s->sender.wanted = true;
}

/* As root only: the kernel's own read-ahead of 128 KiB is what everybody else has. */
static void raise_readahead(const char *mountpoint)
{
	char device[32], path[96], text[32];
	int fd, n = snprintf(text, sizeof(text), "%d\n", READAHEAD_KIB);

	if (mounts_find(mountpoint, device) <= 0)
		return;
	snprintf(path, sizeof(path), "/sys/class/bdi/%s/read_ahead_kb", device);
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd >= 0 && write(fd, text, (size_t)n) == n)
		n = 0;
	close_fd(&fd);
}

static void look(struct watching *w)
{
	const struct watch_sink sink = { drop_inode, drop_entry, w->server };
	int r = watch_look(w->watch, &sink);

	if (r == -ESTALE && !w->told)
		server_say(w->server, "'%s' is not the file that was mounted; unmount '%s' and mount it again", w->server->view->path,
			   w->mountpoint);
	else if (r && !w->told)
		server_say(w->server, "cannot follow '%s': %s", w->server->view->path, watch_errmsg(w->watch));
	w->told = r != 0;
	if (!w->server->scribe)
		return;
	look_at_drafts(w->server);
	sender_look(&w->server->sender, w->server->view, say_line, w->server);
}

static void nothing(int sig UNUSED)
{
}

/*
 * A worker. libfuse's own loop would cancel its threads wherever they are in the end; these are woken by a signal, so that each of them
 * answers what it has taken and closes its store.
 */
static void *work(void *arg)
{
	struct server *s = arg;
	struct fuse_buf request = { .mem = NULL };

	worker_warm_up(s);
	while (!fuse_session_exited(s->session)) {
		int r = fuse_session_receive_buf(s->session, &request);

		if (r == -EINTR)
			continue;
		if (r <= 0)
			break;
		fuse_session_process_buf(s->session, &request);
	}
	free(request.mem);
	s->working--;
	pthread_kill(s->main, SIGTERM);
	return NULL;
}

/*
 * The main thread watches, and takes the signals: so it is never in the middle of telling the kernel something when the session
 * ends, which could wait for an answer that nobody is left to give.
 */
static void watch(struct watching *w, int started)
{
	struct server *s = w->server;
	struct timespec wait = { .tv_nsec = FIRST_LOOK_MS * 1000000 };
	bool raised = false;

	while (s->working == started && sigtimedwait(&w->signals, NULL, &wait) < 0) {
		if (!s->started)
			continue;
		if (!raised)
			raise_readahead(w->mountpoint);
		raised = true;
		wait.tv_nsec = LOOK_MS * 1000000;
		look(w);
	}
}

/* Again and again, for a worker that was about to wait when the signal came. */
static void stop(struct server *s, const pthread_t workers[], int started)
{
	fuse_session_exit(s->session);
	while (s->working) {
		for (int i = 0; i < started; i++)
			pthread_kill(workers[i], SIGUSR1);
		nanosleep(&(struct timespec){ .tv_nsec = FIRST_LOOK_MS * 1000000 }, NULL);
	}
	for (int i = 0; i < started; i++)
		pthread_join(workers[i], NULL);
}

/* Before there is any other thread: the one that watches takes them. */
static sigset_t block_signals(void)
{
	sigset_t signals;

	sigemptyset(&signals);
	sigaddset(&signals, SIGTERM);
	sigaddset(&signals, SIGINT);
	sigaddset(&signals, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &signals, NULL);
	return signals;
}

static int serve_session(struct server *s, struct watch *w, const char *mountpoint)
{
	struct watching watching = { .server = s, .watch = w, .mountpoint = mountpoint };
	struct sigaction wake = { .sa_handler = nothing }, ignore = { .sa_handler = SIG_IGN };
	pthread_t workers[WORKERS];
	int started, r = 0;

	watching.signals = block_signals();
	sigaction(SIGUSR1, &wake, NULL);
	sigaction(SIGPIPE, &ignore, NULL);
	s->main = pthread_self();
	for (started = 0; started < WORKERS; started++) {
		s->working++;
		if ((r = pthread_create(&workers[started], NULL, work, s))) {
			s->working--;
			break;
		}
	}
	if (started)
		watch(&watching, started);
	stop(s, workers, started);
	return started ? 0 : -r;
}

static void quiet(enum fuse_log_level level UNUSED, const char *fmt UNUSED, va_list ap UNUSED)
{
}

static int add_options(const struct mount_options *o, struct fuse_args *args)
{
	AUTO(free_ptr) char *options = NULL, *source = NULL;

	if (asprintf(&source, "fsname=%s", o->store) < 0)
		source = NULL;
	if (!source || fuse_opt_add_arg(args, "genstore") || fuse_opt_add_arg(args, "-o") ||
	    fuse_opt_add_opt(&options, "nosuid,nodev,default_permissions,max_read=1048576,subtype=genstore") ||
	    fuse_opt_add_opt(&options, o->read_only ? "ro" : "rw") ||
	    (o->noexec && fuse_opt_add_opt(&options, "noexec")) ||
	    (o->allow_other && fuse_opt_add_opt(&options, "allow_other")) || fuse_opt_add_opt_escaped(&options, source) ||
	    fuse_opt_add_arg(args, options))
		return -ENOMEM;
	return 0;
}

static int mount_session(const struct mount_options *o, struct server *s, struct buf *why)
{
	AUTO(fuse_opt_free_args) struct fuse_args args = FUSE_ARGS_INIT(0, NULL);
	int r = add_options(o, &args);

	if (r)
		return r;
	fuse_set_log_func(quiet);
	if (!(s->session = fuse_session_new(&args, &server_ops, sizeof(server_ops), s))) {
		buf_addf(why, "cannot mount on '%s': the options do not go together", o->mountpoint);
		return -EINVAL;
	}
	errno = 0;
	if (fuse_session_mount(s->session, o->mountpoint)) {
		r = errno ? -errno : -EPERM;
		buf_addf(why, "cannot mount on '%s': %s%s", o->mountpoint, strerror(-r),
			 o->allow_other && getuid() ? "; allow_other needs 'user_allow_other' in /etc/fuse.conf" : "");
		fuse_session_destroy(s->session);
		return r;
	}
	return 0;
}

static int start_scribe(struct server *s, struct view *v)
{
	const struct scribe_sink sink = { say_line, want_sending, s };
	int r = drafts_new(&v->drafts);

	return r ? r : scribe_new(v, &sink, &s->scribe);
}

static int serve_view(const struct mount_options *o, struct view *v, int ready, struct buf *why)
{
	AUTO(server_release) struct server s;
	struct watch *watch;
	int r;

	if ((r = server_init(&s, v)))
		return r;
	s.ready = ready;
	s.syslog = !o->foreground;
	if ((r = watch_new(v, &watch)))
		return r;
	if (!(r = mount_session(o, &s, why))) {
		block_signals();
		if (!o->read_only)
			r = start_scribe(&s, v);
		if (!r && v->hooks)
			r = fetcher_new(&s, &s.fetcher);
		if (!r)
			r = serve_session(&s, watch, o->mountpoint);
		/* The kernel waits for answers that these still owe. */
		fetcher_free(s.fetcher);
		scribe_free(s.scribe);
		/* What was asked for just before. */
		if (s.scribe)
			sender_look(&s.sender, v, say_line, &s);
		fuse_session_unmount(s.session);
		fuse_session_destroy(s.session);
	}
	watch_free(watch);
	return r;
}

/* The first to open the store, for the words when that fails. */
static int try_open(const char *path, struct buf *why)
{
	struct genstore *st = genstore_new();
	int r = st ? genstore_open(st, path, GENSTORE_READ_ONLY) : -ENOMEM;

	if (r)
		buf_adds(why, st ? genstore_errmsg(st) : "no memory");
	genstore_free(st);
	return r;
}

int serve(const struct mount_options *o, int ready, struct buf *why)
{
	struct view *v;
	int r;

	if ((r = try_open(o->store, why)))
		return r;
	if (!o->foreground)
		openlog("genstore", LOG_PID, LOG_DAEMON);
	if (!(r = view_new(o->store, &v))) {
		v->noviews = o->noviews;
		v->nohydrate = o->nohydrate;
		v->at = o->at;
		v->subject = o->subject;
		v->hooks = o->hooks;
		v->uid = o->uid < 0 ? v->uid : (uid_t)o->uid;
		v->gid = o->gid < 0 ? v->gid : (gid_t)o->gid;
		r = serve_view(o, v, ready, why);
		drafts_free(v->drafts);
		view_free(v);
	}
	if (r && !why->len)
		buf_addf(why, "cannot mount '%s': %s", o->store, strerror(-r));
	return r;
}
