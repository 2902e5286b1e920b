#include "fs/worker.h"
#include "fs/shown.h"

#include <stdarg.h>
#include <syslog.h>

int server_init(struct server *s, struct view *v)
{
	*s = (struct server){ .view = v, .ready = -1, .main = pthread_self() };
	pthread_mutex_init(&s->reports, NULL);
	return -pthread_key_create(&s->workers, worker_free);
}

void server_release(struct server *s)
{
	pthread_key_delete(s->workers);
	pthread_mutex_destroy(&s->reports);
}

void server_say(const struct server *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	if (s->syslog) {
		vsyslog(LOG_ERR, fmt, ap);
	} else {
		char line[1200];

		vsnprintf(line, sizeof(line), fmt, ap);
		fprintf(stderr, "genstore: %s\n", line);
	}
	va_end(ap);
}

void worker_free(void *p)
{
	struct worker *w = p;

	genstore_free(w->st);
	free(w->buf);
	free(w);
}

static struct worker *worker_new(struct server *s)
{
	struct worker *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->server = s;
	w->view = s->view;
	w->buf = malloc(READ_MAX);
	if (!w->buf || pthread_setspecific(s->workers, w)) {
		worker_free(w);
		return NULL;
	}
	return w;
}

static int get(struct server *s, struct worker **ret_w)
{
	struct worker *w = pthread_getspecific(s->workers);
	int r;

	if (s->view->replaced)
		return -ESTALE;
	if (!w && !(w = worker_new(s)))
		return -ENOMEM;
	if (!w->st && (r = view_open(w->view, &w->st)))
		return r;
	*ret_w = w;
	return 0;
}

int worker_get(fuse_req_t req, struct worker **ret_w)
{
	return get(fuse_req_userdata(req), ret_w);
}

int worker_own(struct server *s, struct worker **ret_w)
{
	return get(s, ret_w);
}

void worker_warm_up(struct server *s)
{
	struct worker *w;
	int64_t id;

	/* A look-up makes SQLite read the schema, once for each connection. Whatever fails fails again when somebody asks. */
	if (!get(s, &w))
		generation_id(w->st, "", &id);
}

static bool is_news(struct server *s, uint64_t ino)
{
	bool news = true;

	pthread_mutex_lock(&s->reports);
	for (size_t i = 0; i < REPORTED; i++)
		news = news && s->reported[i] != ino;
	if (news)
		s->reported[s->report++ % REPORTED] = ino;
	pthread_mutex_unlock(&s->reports);
	return news;
}

/* What was known of a generation can be old: its bytes went, or came back. */
static bool is_old(struct worker *w, fuse_ino_t ino, ssize_t r)
{
	return !w->renewed && (r == -EBADMSG || r == -EUCLEAN || r == -EREMOTE) && node_renewed(w->view, w->st, shown_ino(w->view, ino));
}

bool worker_again(struct worker *w, fuse_ino_t ino, ssize_t r)
{
	bool again = w && r == -EROFS && !w->again;

	if (!w)
		return false;
	if ((w->renewed = is_old(w, ino, r)))
		return true;
	if (again)
		genstore_free(MOVE(w->st));
	else if ((r == -EBADMSG || r == -EUCLEAN || r == -EIO || r == -ENOMEM) && is_news(w->server, ino))
		server_say(w->server, "%s", *genstore_errmsg(w->st) ? genstore_errmsg(w->st) : strerror((int)-r));
	w->again = again;
	return again;
}

void worker_tell(struct worker *w, fuse_ino_t ino, const char *more)
{
	if (is_news(w->server, ino))
		server_say(w->server, "%s%s", genstore_errmsg(w->st), more);
}
