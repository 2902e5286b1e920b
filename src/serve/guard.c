#include "src/serve/guard.h"
#include "store/base/clock.h"

#include <pthread.h>
#include <sys/socket.h>

struct guarded {
	struct guarded *next, **at;
	int fd;
	int64_t until; /* INT64_MAX: nothing is waited for */
};

struct guard {
	pthread_mutex_t lock;
	struct guarded *list;
	struct guard_times times;
};

int guard_new(struct guard_times times, struct guard **ret_g)
{
	struct guard *g = calloc(1, sizeof(*g));

	if (!g)
		return -ENOMEM;
	g->times = times;
	pthread_mutex_init(&g->lock, NULL);
	*ret_g = g;
	return 0;
}

void guard_free(struct guard *g)
{
	if (!g)
		return;
	pthread_mutex_destroy(&g->lock);
	free(g);
}

struct guarded *guard_add(struct guard *g, int fd)
{
	struct guarded *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	pthread_mutex_lock(&g->lock);
	*c = (struct guarded){ .next = g->list, .at = &g->list, .fd = fd, .until = clock_ms() + g->times.head_ms };
	if (c->next)
		c->next->at = &c->next;
	g->list = c;
	pthread_mutex_unlock(&g->lock);
	return c;
}

static void set(struct guard *g, struct guarded *c, int64_t until)
{
	if (!c)
		return;
	pthread_mutex_lock(&g->lock);
	c->until = until;
	pthread_mutex_unlock(&g->lock);
}

void guard_head(struct guard *g, struct guarded *c)
{
	set(g, c, clock_ms() + g->times.body_ms);
}

void guard_body(struct guard *g, struct guarded *c, size_t n)
{
	if (!c)
		return;
	pthread_mutex_lock(&g->lock);
	/* One that is being shut down already stays so. */
	if (c->until != INT64_MAX)
		c->until += (int64_t)n * 1000 / g->times.rate;
	pthread_mutex_unlock(&g->lock);
}

void guard_pass(struct guard *g, struct guarded *c)
{
	set(g, c, INT64_MAX);
}

void guard_expect(struct guard *g, struct guarded *c)
{
	set(g, c, clock_ms() + g->times.head_ms);
}

void guard_drop(struct guard *g, struct guarded *c)
{
	if (!c)
		return;
	pthread_mutex_lock(&g->lock);
	*c->at = c->next;
	if (c->next)
		c->next->at = c->at;
	pthread_mutex_unlock(&g->lock);
	free(c);
}

int64_t guard_tick(void *arg)
{
	struct guard *g = arg;
	int64_t now = clock_ms(), next = INT64_MAX;

	pthread_mutex_lock(&g->lock);
	for (struct guarded *c = g->list; c; c = c->next) {
		/* The thread that reads from it sees its end, and closes it. */
		if (c->until <= now) {
			shutdown(c->fd, SHUT_RDWR);
			c->until = INT64_MAX;
		}
		next = min_i64(next, c->until);
	}
	pthread_mutex_unlock(&g->lock);
	return next;
}
