#include "fs/fetcher.h"
#include "fs/fetches.h"
#include "fs/hooks.h"
#include "fs/shown.h"

#include <sys/eventfd.h>

struct fetcher {
	struct server *server;
	struct fetches *fetches;
	pthread_t threads[FETCHERS];
	size_t started;
	int stop; /* an eventfd: who fetches gives up */
};

/* A request that was put aside. */
struct aside {
	fuse_req_t req;
	struct later what;
	char name[NODE_NAME_MAX + 1];
};

int fetcher_errno(ssize_t r)
{
	return r == -EREMOTE ? EIO : (int)-r;
}

static int generation_of(struct worker *w, fuse_ino_t ino, int64_t *ret_generation)
{
	struct node n;
	struct head h;
	int r = node_of(shown_ino(w->view, ino), &n);

	if (r || (r = node_head(w->view, w->st, &n, &h)))
		return r;
	*ret_generation = h.generation;
	return 0;
}

/* The reader was interrupted: he need not wait for what is fetched all the same. */
static void interrupted(fuse_req_t req, void *data)
{
	struct aside *a = data;
	struct server *s = fuse_req_userdata(req);

	if (!fetches_take_back(s->view->fetches, a))
		return;
	fuse_reply_err(req, EINTR);
	free(a);
}

static bool put_aside(struct server *s, fuse_req_t req, int64_t generation, const struct later *l)
{
	struct aside *a = calloc(1, sizeof(*a));

	if (!a)
		return false;
	*a = (struct aside){ .req = req, .what = *l };
	if (l->name)
		snprintf(a->name, sizeof(a->name), "%s", l->name);
	a->what.name = l->name ? a->name : NULL;
	/* Once it is added it is anybody's. What is interrupted just now waits to the end of the fetching. */
	fuse_req_interrupt_func(req, interrupted, a);
	if (!fetches_add(s->view->fetches, generation, a))
		return true;
	fuse_req_interrupt_func(req, NULL, NULL);
	free(a);
	return false;
}

bool fetcher_later(fuse_req_t req, ssize_t r, const struct later *l)
{
	struct server *s = fuse_req_userdata(req);
	struct worker *w = pthread_getspecific(s->workers);
	int64_t generation;

	if (r != -EREMOTE || !w || w->last)
		return false;
	if (!s->view->fetches || s->view->nohydrate) {
		worker_tell(w, l->ino, s->view->nohydrate ? "; this mount fetches nothing (nohydrate)" : "");
		return false;
	}
	return !generation_of(w, l->ino, &generation) && put_aside(s, req, generation, l);
}

static void moved(void *arg, int64_t done, int64_t total)
{
	const struct mount_fetch *m = arg;

	fetches_moved(m->view->fetches, m->generation, done, total);
}

static int fetch(struct fetcher *f, struct worker *w, int64_t generation)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	char name[ID_REQUEST_MAX + 1] = "?";
	struct mount_fetch m = {
		.store = w->view->path, .request_id = name, .generation = generation, .cancel_fd = f->stop, .view = w->view, .moved = moved,
	};
	int r = generation_name(w->st, generation, name);

	m.arg = &m;
	if (!r)
		r = view_check(w->view);
	if (!r)
		r = w->view->hooks->fetch(&m, &why);
	view_forget(w->view, generation);
	if (r && !why.len)
		buf_adds(&why, strerror(-r));
	if (r && r != -EINTR)
		server_say(f->server, "cannot fetch '%s': %s", name, buf_str(&why));
	fetches_over(f->fetches, generation, r ? buf_str(&why) : NULL);
	return r;
}

static void answer(struct aside *a, int r)
{
	fuse_req_interrupt_func(a->req, NULL, NULL);
	if (r)
		fuse_reply_err(a->req, EIO);
	else
		a->what.again(a->req, &a->what);
	free(a);
}

static void *work(void *arg)
{
	struct fetcher *f = arg;
	int64_t generation;
	struct worker *w;
	struct aside *a;

	while ((generation = fetches_next(f->fetches))) {
		int r = worker_own(f->server, &w);

		if (!r) {
			w->last = true;
			r = fetch(f, w, generation);
		} else {
			fetches_over(f->fetches, generation, strerror(-r));
		}
		while ((a = fetches_waiter(f->fetches, generation)))
			answer(a, r);
	}
	return NULL;
}

int fetcher_new(struct server *s, struct fetcher **ret_f)
{
	struct fetcher *f = calloc(1, sizeof(*f));
	int r = f ? fetches_new(&f->fetches) : -ENOMEM;

	if (r) {
		free(f);
		return r;
	}
	f->server = s;
	s->view->fetches = f->fetches;
	f->stop = eventfd(0, EFD_CLOEXEC);
	if (f->stop < 0)
		r = -errno;
	for (; !r && f->started < FETCHERS; f->started++)
		if ((r = -pthread_create(&f->threads[f->started], NULL, work, f)))
			break;
	if (r && !f->started) {
		fetcher_free(f);
		return r;
	}
	*ret_f = f;
	return 0;
}

void fetcher_free(struct fetcher *f)
{
	struct aside *a;

	if (!f)
		return;
	fetches_end(f->fetches);
	if (f->stop >= 0 && eventfd_write(f->stop, 1))
		server_say(f->server, "cannot stop what is being fetched: %s", strerror(errno));
	for (size_t i = 0; i < f->started; i++)
		pthread_join(f->threads[i], NULL);
	while ((a = fetches_waiter(f->fetches, 0)))
		answer(a, -EINTR);
	f->server->view->fetches = NULL;
	fetches_free(f->fetches);
	close_fd(&f->stop);
	free(f);
}
