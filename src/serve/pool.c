#include "src/serve/pool.h"
#include "store/access.h"

#include <pthread.h>
#include <time.h>

enum { WAIT_S = 10 };

struct pool {
	char *path;
	unsigned flags;
	pthread_mutex_t lock;
	pthread_cond_t given;
	struct genstore *idle[POOL_MAX];
	int count, lent; /* of those that are idle; of all others */
};

int pool_new(const char *path, bool writes, struct pool **ret_p)
{
	struct pool *p = calloc(1, sizeof(*p));

	if (!p || !(p->path = strdup(path))) {
		free(p);
		return -ENOMEM;
	}
	p->flags = writes ? 0 : GENSTORE_READ_ONLY;
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->given, NULL);
	*ret_p = p;
	return 0;
}

void pool_free(struct pool *p)
{
	if (!p)
		return;
	while (p->count)
		genstore_free(p->idle[--p->count]);
	pthread_cond_destroy(&p->given);
	pthread_mutex_destroy(&p->lock);
	free(p->path);
	free(p);
}

void pool_freep(struct pool **p)
{
	pool_free(*p);
}

/* One that is idle, the warmest first; NULL with a place for a new one, or -EBUSY. */
static int reserve(struct pool *p, struct genstore **ret_st)
{
	struct timespec until;
	int r = 0;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += WAIT_S;
	pthread_mutex_lock(&p->lock);
	while (!p->count && p->lent == POOL_MAX && !r)
		r = -pthread_cond_timedwait(&p->given, &p->lock, &until);
	if (p->count || p->lent < POOL_MAX) {
		*ret_st = p->count ? p->idle[--p->count] : NULL;
		p->lent++;
		r = 0;
	}
	pthread_mutex_unlock(&p->lock);
	return r ? -EBUSY : 0;
}

static void unreserve(struct pool *p, struct genstore *st)
{
	pthread_mutex_lock(&p->lock);
	p->lent--;
	if (st)
		p->idle[p->count++] = st;
	pthread_cond_signal(&p->given);
	pthread_mutex_unlock(&p->lock);
}

int pool_take(struct pool *p, struct genstore **ret_st, struct buf *why)
{
	struct genstore *st = NULL;
	int r = reserve(p, &st);

	if (r) {
		if (why)
			buf_adds(why, "everything is busy; try again");
		return r;
	}
	if (!st) {
		st = genstore_new();
		r = st ? genstore_open(st, p->path, p->flags) : -ENOMEM;
	}
	if (!r) {
		*ret_st = st;
		return 0;
	}
	if (why)
		buf_adds(why, st ? genstore_errmsg(st) : "no memory");
	genstore_free(st);
	unreserve(p, NULL);
	return r;
}

void pool_give(struct pool *p, struct genstore *st)
{
	/* A connection that lost a write is good for nothing any more. */
	if (st->db.broken) {
		genstore_free(st);
		st = NULL;
	}
	unreserve(p, st);
}

int loan_begin(struct loan *l, struct buf *why)
{
	int r = pool_take(l->pool, &l->st, why);

	if (r || (!*l->subject.user_id && !*l->subject.organization_id) || !(r = access_limit(l->st, &l->subject)))
		return r;
	if (why)
		buf_adds(why, genstore_errmsg(l->st));
	loan_end(l);
	return r;
}

void loan_end(struct loan *l)
{
	if (l->st)
		pool_give(l->pool, l->st);
	l->st = NULL;
}
