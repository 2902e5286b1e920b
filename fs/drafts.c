/* Directories, and what all of it has in common. */
#include "fs/drafts_inside.h"

int drafts_new(struct drafts **ret_d)
{
	struct drafts *d = calloc(1, sizeof(*d));

	if (!d)
		return -ENOMEM;
	pthread_mutex_init(&d->lock, NULL);
	d->next = 1;
	d->lowest = INT64_MAX;
	*ret_d = d;
	return 0;
}

void drafts_free(struct drafts *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->dir_count; i++)
		free(d->dirs[i]);
	for (size_t i = 0; i < d->file_count; i++)
		free(d->files[i]);
	pthread_mutex_destroy(&d->lock);
	free(d);
}

void drafts_lock(struct drafts *d) { pthread_mutex_lock(&d->lock); }
void drafts_unlock(struct drafts *d) { pthread_mutex_unlock(&d->lock); }

bool drafts_any(struct drafts *d)
{
	return d && d->any;
}

struct draft_dir **drafts_dir_at(struct drafts *d, int64_t number)
{
	for (size_t i = 0; i < d->dir_count; i++)
		if (d->dirs[i]->number == number)
			return &d->dirs[i];
	return NULL;
}

static struct draft_dir *dir_named(struct drafts *d, const char *name)
{
	for (size_t i = 0; i < d->dir_count; i++)
		if (strcmp(d->dirs[i]->name, name) == 0)
			return d->dirs[i];
	return NULL;
}

static void remove_dir(struct drafts *d, struct draft_dir **at)
{
	free(*at);
	d->dir_count--;
	memmove(at, at + 1, (size_t)(&d->dirs[d->dir_count] - at) * sizeof(*at));
	d->any = d->dir_count > 0;
}

static bool in_use(const struct drafts *d, int64_t dir)
{
	for (size_t i = 0; i < d->file_count; i++)
		if (d->files[i]->dir == dir)
			return true;
	return false;
}

/* The oldest that is a generation's by now and has nothing more to remember. */
static bool make_room(struct drafts *d)
{
	for (size_t i = 0; i < d->dir_count && d->dir_count == DRAFT_DIRS_MAX; i++)
		if (d->dirs[i]->generation && !in_use(d, d->dirs[i]->number))
			remove_dir(d, &d->dirs[i]);
	return d->dir_count < DRAFT_DIRS_MAX;
}

static int add_dir(struct drafts *d, const char *name, int64_t generation, int64_t mtime, int64_t *ret_number)
{
	struct draft_dir *dir = make_room(d) ? calloc(1, sizeof(*dir)) : NULL;

	if (!dir)
		return d->dir_count == DRAFT_DIRS_MAX ? -ENOSPC : -ENOMEM;
	*dir = (struct draft_dir){ .number = d->next++, .generation = generation, .made = !generation, .mtime = mtime };
	snprintf(dir->name, sizeof(dir->name), "%s", name);
	d->dirs[d->dir_count++] = dir;
	d->any = true;
	*ret_number = dir->number;
	return 0;
}

int drafts_mkdir(struct drafts *d, const char *name, int64_t mtime, int64_t *ret_number)
{
	LOCKED(d);

	if (!id_is_request(name))
		return -EINVAL;
	return dir_named(d, name) ? -EEXIST : add_dir(d, name, 0, mtime, ret_number);
}

int drafts_dir_of(struct drafts *d, const char *name, int64_t generation, int64_t *ret_number)
{
	struct draft_dir *dir;
	LOCKED(d);

	if (!(dir = dir_named(d, name)))
		return add_dir(d, name, generation, 0, ret_number);
	dir->generation = generation;
	*ret_number = dir->number;
	return 0;
}

int drafts_rmdir(struct drafts *d, int64_t number)
{
	struct draft_dir **dir;
	LOCKED(d);

	if (!(dir = drafts_dir_at(d, number)))
		return -ENOENT;
	if ((*dir)->generation)
		return -EPERM;
	for (size_t i = 0; i < d->file_count; i++)
		if (d->files[i]->dir == number && d->files[i]->handles && !d->files[i]->dead)
			return -EBUSY;
	for (size_t i = 0; i < d->file_count; i++)
		d->files[i]->dead |= d->files[i]->dir == number;
	remove_dir(d, dir);
	return 0;
}

int drafts_dir(struct drafts *d, int64_t number, struct draft_dir *ret_dir)
{
	struct draft_dir **dir;
	LOCKED(d);

	if (!(dir = drafts_dir_at(d, number)))
		return -ENOENT;
	*ret_dir = **dir;
	return 0;
}

int drafts_dir_named(struct drafts *d, const char *name, struct draft_dir *ret_dir)
{
	const struct draft_dir *dir;
	LOCKED(d);

	if (!(dir = dir_named(d, name)))
		return -ENOENT;
	*ret_dir = *dir;
	return 0;
}

int drafts_dir_for(struct drafts *d, int64_t generation, struct draft_dir *ret_dir)
{
	LOCKED(d);

	for (size_t i = 0; i < d->dir_count; i++) {
		if (d->dirs[i]->generation != generation)
			continue;
		*ret_dir = *d->dirs[i];
		return 0;
	}
	return -ENOENT;
}

int64_t drafts_alias(struct drafts *d, int64_t generation)
{
	if (!d || generation < d->lowest)
		return 0;
	LOCKED(d);
	for (size_t i = 0; i < d->dir_count; i++)
		if (d->dirs[i]->made && d->dirs[i]->generation == generation)
			return d->dirs[i]->number;
	return 0;
}

static void bind_dir(struct drafts *d, struct draft_dir *dir, int64_t generation)
{
	dir->generation = generation;
	if (dir->made)
		d->lowest = min_i64(d->lowest, generation);
}

void drafts_bind(struct drafts *d, int64_t number, int64_t generation)
{
	struct draft_dir **dir;
	LOCKED(d);

	if ((dir = drafts_dir_at(d, number)))
		bind_dir(d, *dir, generation);
}

void drafts_adopt(struct drafts *d, const char *name, int64_t generation)
{
	struct draft_dir *dir;

	if (!drafts_any(d))
		return;
	LOCKED(d);
	if (!(dir = dir_named(d, name)) || dir->generation)
		return;
	bind_dir(d, dir, generation);
	dir->tell = 2;
}

void drafts_refuse(struct drafts *d, int64_t number, const char *reason)
{
	struct draft_dir **dir;
	LOCKED(d);

	if ((dir = drafts_dir_at(d, number)))
		snprintf((*dir)->reason, sizeof((*dir)->reason), "%s", reason ? reason : "");
}

bool drafts_forget(struct drafts *d, int64_t generation, struct draft_dir *ret_dir)
{
	if (!drafts_any(d))
		return false;
	LOCKED(d);
	for (size_t i = 0; i < d->dir_count; i++) {
		if (d->dirs[i]->generation != generation)
			continue;
		*ret_dir = *d->dirs[i];
		remove_dir(d, &d->dirs[i]);
		return true;
	}
	return false;
}

int64_t drafts_newest(struct drafts *d)
{
	int64_t newest = 0;

	if (!drafts_any(d))
		return 0;
	LOCKED(d);
	for (size_t i = 0; i < d->dir_count; i++)
		newest = max_i64(newest, d->dirs[i]->generation);
	return newest;
}

int64_t drafts_lost(struct drafts *d, int64_t up_to, bool (*is_there)(const void *arg, int64_t generation), const void *arg)
{
	if (!drafts_any(d))
		return 0;
	LOCKED(d);
	for (size_t i = 0; i < d->dir_count; i++) {
		int64_t generation = d->dirs[i]->generation;

		if (generation && generation <= up_to && !is_there(arg, generation))
			return generation;
	}
	return 0;
}

int drafts_each_dir(struct drafts *d, int64_t after, int64_t above, int (*f)(void *arg, const struct draft_dir *dir), void *arg)
{
	int r = 0;
	LOCKED(d);

	for (size_t i = 0; i < d->dir_count && !r; i++) {
		const struct draft_dir *dir = d->dirs[i];

		if (dir->made && dir->number > after && (!dir->generation || dir->generation > above))
			r = f(arg, dir);
	}
	return r;
}

void drafts_changed(struct drafts *d, int64_t number)
{
	struct draft_dir **dir;
	LOCKED(d);

	if ((dir = drafts_dir_at(d, number)))
		(*dir)->tell = 2;
}

void drafts_tell(struct drafts *d, void (*f)(void *arg, const struct draft_dir *dir), void *arg)
{
	for (size_t i = 0;; i++) {
		struct draft_dir dir = { .tell = 0 };

		drafts_lock(d);
		if (i < d->dir_count && d->dirs[i]->tell) {
			d->dirs[i]->tell--;
			dir = *d->dirs[i];
		}
		bool end = i >= d->dir_count;
		drafts_unlock(d);
		if (end)
			return;
		/* Outside of the lock: it may wait for somebody who waits for the lock. */
		if (dir.number)
			f(arg, &dir);
	}
}

