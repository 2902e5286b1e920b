#include "fs/roll.h"

#include <pthread.h>

/* name NULL: removed. Such entries are swept when they are half of the roll. */
struct line {
	int64_t id;
	char *name;
};

struct roll {
	pthread_rwlock_t lock;
	struct line *lines;
	size_t count, room, gaps;
};

int roll_new(struct roll **ret_roll)
{
	struct roll *roll = calloc(1, sizeof(*roll));

	if (!roll)
		return -ENOMEM;
	pthread_rwlock_init(&roll->lock, NULL);
	*ret_roll = roll;
	return 0;
}

void roll_free(struct roll *roll)
{
	if (!roll)
		return;
	for (size_t i = 0; i < roll->count; i++)
		free(roll->lines[i].name);
	free(roll->lines);
	pthread_rwlock_destroy(&roll->lock);
	free(roll);
}

/* The first line behind the id. */
static size_t behind(const struct roll *roll, int64_t id)
{
	size_t low = 0, high = roll->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (roll->lines[middle].id > id)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int grow(struct roll *roll)
{
	size_t room = roll->room ? 2 * roll->room : 256;
	struct line *lines = realloc(roll->lines, room * sizeof(*lines));

	if (!lines)
		return -ENOMEM;
	roll->lines = lines;
	roll->room = room;
	return 0;
}

int roll_add(struct roll *roll, int64_t id, const char *name)
{
	char *copy = strdup(name);
	int r = copy ? 0 : -ENOMEM;

	pthread_rwlock_wrlock(&roll->lock);
	if (!r && roll->count == roll->room)
		r = grow(roll);
	if (!r)
		roll->lines[roll->count++] = (struct line){ .id = id, .name = copy };
	pthread_rwlock_unlock(&roll->lock);
	if (r)
		free(copy);
	return r;
}

static struct line *find(const struct roll *roll, int64_t id)
{
	size_t i = behind(roll, id);

	return i && roll->lines[i - 1].id == id ? &roll->lines[i - 1] : NULL;
}

const char *roll_name(const struct roll *roll, int64_t id)
{
	const struct line *l = find(roll, id);

	return l ? l->name : NULL;
}

static void sweep(struct roll *roll)
{
	size_t kept = 0;

	for (size_t i = 0; i < roll->count; i++)
		if (roll->lines[i].name)
			roll->lines[kept++] = roll->lines[i];
	roll->count = kept;
	roll->gaps = 0;
}

void roll_remove(struct roll *roll, int64_t id)
{
	struct line *l;

	pthread_rwlock_wrlock(&roll->lock);
	if ((l = find(roll, id)) && l->name) {
		free(MOVE(l->name));
		roll->gaps++;
	}
	if (roll->gaps > roll->count / 2)
		sweep(roll);
	pthread_rwlock_unlock(&roll->lock);
}

int roll_each(struct roll *roll, int64_t after, int (*f)(void *arg, int64_t id, const char *name), void *arg)
{
	int r = 0;

	pthread_rwlock_rdlock(&roll->lock);
	for (size_t i = behind(roll, after); i < roll->count && !r; i++)
		if (roll->lines[i].name)
			r = f(arg, roll->lines[i].id, roll->lines[i].name);
	pthread_rwlock_unlock(&roll->lock);
	return r;
}
