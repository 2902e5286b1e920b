/*
 * Restoring a tree. Reading and inflating is one half of the work, making files (which the kernel does) the other: so a tree that does not
 * fit one parcel has a second thread, which makes the files of one parcel while the next one is filled.
 */
#include "store/restore_inside.h"
#include "store/foreign_index.h"
#include "store/walk.h"

#include <dirent.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

enum { PARCELS = 4 };

struct restore {
	struct genstore *st;
	const struct manifest *m;
	size_t next;           /* entry */
	struct object *object; /* of that entry, when some of it was read */
	int64_t at;

	struct maker maker;    /* the thread's, where there is one */
	struct parcel *parcels[PARCELS];
	bool has_thread;
	pthread_t thread;
	pthread_mutex_t lock;  /* for what follows */
	pthread_cond_t moved;
	int64_t filled, made;  /* parcels so far: number modulo PARCELS */
	bool ended;
	int error;             /* of the maker */
};

static int damaged(struct restore *x, const struct entry *e, const char *why)
{
	return walk_fail(x->st, -EBADMSG, "cannot restore", e->path, why);
}

/* Words for what the maker could not do. */
static int tell(struct restore *x, int r)
{
	const struct entry *e = x->maker.failed;

	if (!r)
		return 0;
	if (!e)
		return store_fail(x->st, r, "cannot set the time of a folder: %s", strerror(-r));
	return walk_fail(x->st, r, "cannot write", e->path, strerror(-r));
}

static int open_object(struct restore *x, const struct entry *e)
{
	int r = object_of_content(x->st, e->content, &x->object);

	if (r && r != -ENOENT)
		return r;
	if (r || object_size(x->object) != e->size)
		return damaged(x, e, "its content is not in the store; run 'genstore check'");
	x->at = 0;
	return 0;
}

/* The next bytes of a file: 1; 0: there is no room for them here. */
static int add_bytes(struct restore *x, struct parcel *p, const struct entry *e)
{
	size_t room = PARCEL_BYTES - p->used;
	int64_t left;
	ssize_t n;
	int r;

	/* What fits into one parcel is not cut. */
	if (e->size > (int64_t)room && p->used && !x->object)
		return 0;
	if (!x->object && (r = open_object(x, e)))
		return r;
	left = e->size - x->at;
	n = object_read(x->st, x->object, x->at, room, p->bytes + p->used);
	if (n < 0)
		return (int)n;
	if (n < min_i64(left, (int64_t)room))
		return damaged(x, e, "its content is shorter than it says; run 'genstore check'");
	p->parts[p->count++] = (struct part){ .entry = e, .at = p->used, .n = (size_t)n, .first = !x->at, .last = n == left };
	p->used += (size_t)n;
	x->at += n;
	if (n < left)
		return 1;
	object_unref(MOVE(x->object));
	x->next++;
	return 1;
}

/* The store is locked once for all of it, and free while files are made. */
static int fill(struct restore *x, struct parcel *p)
{
	int r = 1;

	TXN t = txn_begin_read(&x->st->db);

	if (t.error)
		return t.error;
	p->used = p->count = 0;
	while (r > 0 && x->next < x->m->count && p->count < PARCEL_PARTS && p->used < PARCEL_BYTES) {
		const struct entry *e = &x->m->entries[x->next];

		if (e->type == TAR_FILE) {
			r = add_bytes(x, p, e);
			continue;
		}
		p->parts[p->count++] = (struct part){ .entry = e, .first = true, .last = true };
		x->next++;
	}
	return r < 0 ? r : 0;
}

static void *make_parcels(void *arg)
{
	struct restore *x = arg;

	pthread_mutex_lock(&x->lock);
	for (;;) {
		const struct parcel *p;
		int r;

		while (x->made == x->filled && !x->ended)
			pthread_cond_wait(&x->moved, &x->lock);
		if (x->made == x->filled || x->error)
			break;
		/* Not before: until it is filled it is the other thread's, which may be about to get memory for it. */
		p = x->parcels[x->made % PARCELS];
		pthread_mutex_unlock(&x->lock);
		r = maker_make(&x->maker, p);
		pthread_mutex_lock(&x->lock);
		x->error = r;
		x->made++;
		pthread_cond_signal(&x->moved);
	}
	pthread_mutex_unlock(&x->lock);
	return NULL;
}

static int start_thread(struct restore *x)
{
	sigset_t all, before;
	int r;

	/* Signals are the business of the thread that is there already. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = pthread_create(&x->thread, NULL, make_parcels, x);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	x->has_thread = !r;
	return r ? store_fail(x->st, -r, "cannot start a thread: %s", strerror(r)) : 0;
}

/* The parcel to fill next, when it is free; NULL with x->error when there is no use in that. */
static int free_parcel(struct restore *x, struct parcel **ret_p)
{
	struct parcel **p = &x->parcels[x->filled % PARCELS];
	int r;

	pthread_mutex_lock(&x->lock);
	while (x->filled - x->made == PARCELS && !x->error)
		pthread_cond_wait(&x->moved, &x->lock);
	r = x->error;
	pthread_mutex_unlock(&x->lock);
	if (r)
		return r;
	if (!*p && (!(*p = calloc(1, sizeof(**p))) || !((*p)->bytes = malloc(PARCEL_BYTES))))
		return store_fail(x->st, -ENOMEM, "cannot restore: %s", strerror(ENOMEM));
	*ret_p = *p;
	return 0;
}

static int hand_over(struct restore *x, const struct parcel *p)
{
	int r;

	/* All in one: as fast without another thread. */
	if (!x->filled && x->next == x->m->count)
		return tell(x, maker_make(&x->maker, p));
	if (!x->has_thread && (r = start_thread(x)))
		return r;
	pthread_mutex_lock(&x->lock);
	x->filled++;
	pthread_cond_signal(&x->moved);
	pthread_mutex_unlock(&x->lock);
	return 0;
}

static void join(struct restore *x)
{
	pthread_mutex_lock(&x->lock);
	x->ended = true;
	pthread_cond_signal(&x->moved);
	pthread_mutex_unlock(&x->lock);
	if (x->has_thread)
		pthread_join(x->thread, NULL);
	x->has_thread = false;
}

static void restore_release(struct restore *x)
{
	join(x);
	maker_release(&x->maker);
	object_unref(x->object);
	for (size_t i = 0; i < PARCELS; i++)
		if (x->parcels[i])
			free(x->parcels[i]->bytes);
	for (size_t i = 0; i < PARCELS; i++)
		free(x->parcels[i]);
	pthread_cond_destroy(&x->moved);
	pthread_mutex_destroy(&x->lock);
}

static int check_empty(struct genstore *st, int dirfd)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *d = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *e;
	int r = 0;

	if (!d) {
		r = store_fail(st, -errno, "cannot read the folder to restore into: %s", strerror(errno));
		close_fd(&fd);
		return r;
	}
	while (!r && (e = readdir(d)))
		if (strcmp(e->d_name, ".") != 0 && strcmp(e->d_name, "..") != 0)
			r = walk_fail(st, -EEXIST, "the folder to restore into is not empty: there is", e->d_name,
				      "give a new or an empty one");
	closedir(d);
	return r;
}

/* All parcels. An error of reading is told after what was read before it has been made, as if there were one thread. */
static int run(struct restore *x)
{
	int r = 0, made;

	while (!r && x->next < x->m->count) {
		struct parcel *p = NULL;
		int bad;

		if ((r = free_parcel(x, &p)))
			break;
		bad = fill(x, p);
		r = hand_over(x, p);
		r = bad ? bad : r;
	}
	join(x);
	made = x->error ? x->error : r ? 0 : maker_end(&x->maker);
	return made ? tell(x, made) : r;
}

int restore_tree(struct genstore *st, const struct manifest *m, int dirfd, int64_t mtime, const struct restore_options *o)
{
	AUTO(restore_release) struct restore x = {
		.st = st, .m = m, .lock = PTHREAD_MUTEX_INITIALIZER, .moved = PTHREAD_COND_INITIALIZER,
	};
	int r;

	maker_init(&x.maker, dirfd, mtime, o);
	return (r = check_empty(st, dirfd)) ? r : run(&x);
}
