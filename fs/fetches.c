#include "fs/fetches.h"

#include <pthread.h>

struct waiter {
	void *who;
	struct waiter *next;
};

/* A generation that somebody waits for. */
struct fetch {
	int64_t generation, done, total;
	bool begun, over;
	struct waiter *waiters;
	struct fetch *next;
};

struct failure {
	int64_t generation;
	char reason[FETCH_REASON_MAX];
};

struct fetches {
	pthread_mutex_t lock;
	pthread_cond_t more;
	struct fetch *list; /* in the order they were asked for */
	struct failure failures[FETCHES_FAILED];
	size_t failed;
	bool ended;
};

int fetches_new(struct fetches **ret_f)
{
	struct fetches *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	pthread_mutex_init(&f->lock, NULL);
	pthread_cond_init(&f->more, NULL);
	*ret_f = f;
	return 0;
}

static void free_fetch(struct fetch *x)
{
	for (struct waiter *w = x->waiters, *next; w; w = next) {
		next = w->next;
		free(w);
	}
	free(x);
}

void fetches_free(struct fetches *f)
{
	if (!f)
		return;
	for (struct fetch *x = f->list, *next; x; x = next) {
		next = x->next;
		free_fetch(x);
	}
	pthread_cond_destroy(&f->more);
	pthread_mutex_destroy(&f->lock);
	free(f);
}

/* One whose waiters are being given out takes no more. */
static struct fetch *find(struct fetches *f, int64_t generation, bool over)
{
	for (struct fetch *x = f->list; x; x = x->next)
		if (x->generation == generation && x->over == over)
			return x;
	return NULL;
}

static struct fetch *find_or_add(struct fetches *f, int64_t generation)
{
	struct fetch *x = find(f, generation, false), **last = &f->list;

	if (x || !(x = calloc(1, sizeof(*x))))
		return x;
	x->generation = generation;
	while (*last)
		last = &(*last)->next;
	*last = x;
	pthread_cond_signal(&f->more);
	return x;
}

int fetches_add(struct fetches *f, int64_t generation, void *who)
{
	struct waiter *w = malloc(sizeof(*w));
	struct fetch *x;
	int r = -ENOMEM;

	pthread_mutex_lock(&f->lock);
	if (f->ended) {
		r = -ECANCELED;
	} else if (w && (x = find_or_add(f, generation))) {
		*w = (struct waiter){ who, x->waiters };
		x->waiters = MOVE(w);
		r = 0;
	}
	pthread_mutex_unlock(&f->lock);
	free(w);
	return r;
}

bool fetches_take_back(struct fetches *f, const void *who)
{
	struct waiter *found = NULL;

	pthread_mutex_lock(&f->lock);
	for (struct fetch *x = f->list; x && !found; x = x->next)
		for (struct waiter **w = &x->waiters; *w && !found; w = found ? w : &(*w)->next)
			if ((*w)->who == who) {
				found = *w;
				*w = found->next;
			}
	pthread_mutex_unlock(&f->lock);
	free(found);
	return found;
}

static struct fetch *to_begin(struct fetches *f)
{
	for (struct fetch *x = f->list; x; x = x->next)
		if (!x->begun)
			return x;
	return NULL;
}

int64_t fetches_next(struct fetches *f)
{
	struct fetch *x = NULL;
	int64_t generation = 0;

	pthread_mutex_lock(&f->lock);
	while (!f->ended && !(x = to_begin(f)))
		pthread_cond_wait(&f->more, &f->lock);
	if (!f->ended && x) {
		x->begun = true;
		generation = x->generation;
	}
	pthread_mutex_unlock(&f->lock);
	return generation;
}

void fetches_moved(struct fetches *f, int64_t generation, int64_t done, int64_t total)
{
	struct fetch *x;

	pthread_mutex_lock(&f->lock);
	if ((x = find(f, generation, false))) {
		x->done = done;
		x->total = total;
	}
	pthread_mutex_unlock(&f->lock);
}

static void forget_failure(struct fetches *f, int64_t generation)
{
	for (size_t i = 0; i < FETCHES_FAILED; i++)
		if (f->failures[i].generation == generation)
			f->failures[i].generation = 0;
}

void fetches_over(struct fetches *f, int64_t generation, const char *reason)
{
	struct fetch *x;

	pthread_mutex_lock(&f->lock);
	if ((x = find(f, generation, false)))
		x->over = true;
	forget_failure(f, generation);
	if (reason) {
		struct failure *failure = &f->failures[f->failed++ % FETCHES_FAILED];

		failure->generation = generation;
		snprintf(failure->reason, sizeof(failure->reason), "%s", reason);
	}
	pthread_mutex_unlock(&f->lock);
}

static void drop(struct fetches *f, struct fetch *x)
{
	struct fetch **at = &f->list;

	while (*at != x)
		at = &(*at)->next;
	*at = x->next;
	free_fetch(x);
}

void *fetches_waiter(struct fetches *f, int64_t generation)
{
	struct waiter *w = NULL;
	struct fetch *x;
	void *who = NULL;

	pthread_mutex_lock(&f->lock);
	while (!w && (x = generation ? find(f, generation, true) : f->list)) {
		if ((w = x->waiters))
			x->waiters = w->next;
		else
			drop(f, x);
	}
	pthread_mutex_unlock(&f->lock);
	if (w)
		who = w->who;
	free(w);
	return who;
}

void fetches_end(struct fetches *f)
{
	pthread_mutex_lock(&f->lock);
	f->ended = true;
	pthread_cond_broadcast(&f->more);
	pthread_mutex_unlock(&f->lock);
}

bool fetches_words(struct fetches *f, int64_t generation, char *out, size_t n)
{
	const struct fetch *x;
	bool known = false;

	pthread_mutex_lock(&f->lock);
	if ((x = find(f, generation, false))) {
		known = true;
		snprintf(out, n, "fetching %lld %%", x->total > 0 ? (long long)min_i64(x->done * 100 / x->total, 100) : 0);
	}
	for (size_t i = 0; i < FETCHES_FAILED && !known; i++)
		if (f->failures[i].generation == generation) {
			known = true;
			snprintf(out, n, "failed: %s", f->failures[i].reason);
		}
	pthread_mutex_unlock(&f->lock);
	return known;
}
