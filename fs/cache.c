#include "fs/cache.h"

#include <pthread.h>

enum { BUCKETS = 1024 };

struct item {
	int64_t key;
	void *thing;
	size_t cost;
	struct item *chain;        /* in its bucket */
	struct item *newer, *older;
};

struct cache {
	const struct cache_class *class;
	pthread_mutex_t lock;
	size_t budget, cost;
	struct item *newest, *oldest;
	struct item *buckets[BUCKETS];
};

int cache_new(const struct cache_class *class, size_t budget, struct cache **ret_c)
{
	struct cache *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->class = class;
	c->budget = budget;
	pthread_mutex_init(&c->lock, NULL);
	*ret_c = c;
	return 0;
}

static struct item **bucket_of(struct cache *c, int64_t key)
{
	return &c->buckets[((uint64_t)key * 0x9e3779b97f4a7c15u) >> 54];
}

static struct item **find(struct cache *c, int64_t key)
{
	struct item **at = bucket_of(c, key);

	while (*at && (*at)->key != key)
		at = &(*at)->chain;
	return at;
}

static void unlink_item(struct cache *c, struct item *i)
{
	*(i->newer ? &i->newer->older : &c->newest) = i->older;
	*(i->older ? &i->older->newer : &c->oldest) = i->newer;
}

static void link_newest(struct cache *c, struct item *i)
{
	i->newer = NULL;
	i->older = c->newest;
	*(c->newest ? &c->newest->newer : &c->oldest) = i;
	c->newest = i;
}

static void drop(struct cache *c, struct item *i)
{
	struct item **at = find(c, i->key);

	*at = i->chain;
	unlink_item(c, i);
	c->cost -= i->cost;
	c->class->unref(i->thing);
	free(i);
}

void cache_free(struct cache *c)
{
	if (!c)
		return;
	while (c->oldest)
		drop(c, c->oldest);
	pthread_mutex_destroy(&c->lock);
	free(c);
}

void *cache_get(struct cache *c, int64_t key)
{
	void *thing = NULL;
	struct item *i;

	pthread_mutex_lock(&c->lock);
	if ((i = *find(c, key))) {
		unlink_item(c, i);
		link_newest(c, i);
		thing = c->class->ref(i->thing);
	}
	pthread_mutex_unlock(&c->lock);
	return thing;
}

void cache_put(struct cache *c, int64_t key, void *thing, size_t cost)
{
	struct item *i = calloc(1, sizeof(*i));

	if (!i)
		return;
	pthread_mutex_lock(&c->lock);
	if (*find(c, key)) {
		free(i);
	} else {
		while (c->oldest && c->cost + cost > c->budget)
			drop(c, c->oldest);
		*i = (struct item){ .key = key, .thing = c->class->ref(thing), .cost = cost, .chain = *bucket_of(c, key) };
		*bucket_of(c, key) = i;
		link_newest(c, i);
		c->cost += cost;
	}
	pthread_mutex_unlock(&c->lock);
}
