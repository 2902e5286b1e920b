/* The files among drafts. */
#include "fs/drafts_inside.h"
#include "store/base/clock.h"

static const struct { const char *name; enum draft_role role; } finals[] = {
	{ "app.tar.gz", DRAFT_ARCHIVE },
	{ "metadata.json", DRAFT_METADATA },
};

static struct draft_file *file_at(struct drafts *d, int64_t number)
{
	for (size_t i = 0; i < d->file_count; i++)
		if (d->files[i]->number == number)
			return d->files[i];
	return NULL;
}

/* Several may have one name: at most one of them is found under it, the others are being written by who does not know of each other. */
static struct draft_file *file_named(struct drafts *d, int64_t dir, const char *name, bool found)
{
	for (size_t i = 0; i < d->file_count; i++) {
		struct draft_file *f = d->files[i];

		if (f->dir == dir && !f->dead && f->found == found && (found || f->handles) && strcmp(f->name, name) == 0)
			return f;
	}
	return NULL;
}

int draft_role(const char *name, enum draft_role *ret_role)
{
	for (size_t i = 0; i < ARRAY_LEN(finals); i++) {
		if (!strstr(name, finals[i].name))
			continue;
		*ret_role = strcmp(name, finals[i].name) == 0 ? finals[i].role : DRAFT_TEMPORARY;
		return 0;
	}
	return -EROFS;
}

static int add_file(struct drafts *d, int64_t dir, const char *name, enum draft_role role, struct draft_file **ret_f)
{
	struct draft_file *f = d->file_count < DRAFT_FILES_MAX ? calloc(1, sizeof(*f)) : NULL;

	if (!f)
		return d->file_count == DRAFT_FILES_MAX ? -ENFILE : -ENOMEM;
	*f = (struct draft_file){ .number = d->next++, .dir = dir, .role = role, .mode = 0644, .found = role == DRAFT_TEMPORARY };
	snprintf(f->name, sizeof(f->name), "%s", name);
	d->files[d->file_count++] = f;
	*ret_f = f;
	return 0;
}

static void opened(struct draft_file *f, pid_t opener)
{
	f->handles++;
	f->touched = clock_ms();
	f->mtime = clock_now(NULL);
	if (opener)
		f->opener = opener;
}

int drafts_create(struct drafts *d, int64_t dir, const char *name, bool excl, pid_t opener, struct draft_file *ret_file)
{
	enum draft_role role;
	struct draft_file *f;
	int r = draft_role(name, &role);
	LOCKED(d);

	if (strlen(name) > DRAFT_NAME_MAX)
		return -ENAMETOOLONG;
	if (r || !drafts_dir_at(d, dir))
		return r ? r : -ENOENT;
	f = file_named(d, dir, name, true);
	if (f && f->received)
		return -EPERM;
	if (excl && (f || file_named(d, dir, name, false)))
		return -EEXIST;
	if (!f && (r = add_file(d, dir, name, role, &f)))
		return r;
	opened(f, opener);
	*ret_file = *f;
	return 0;
}

int drafts_open(struct drafts *d, int64_t number, pid_t opener, bool write, struct draft_file *ret_file)
{
	struct draft_file *f = NULL;
	LOCKED(d);

	if (!(f = file_at(d, number)) || f->dead)
		return -ESTALE;
	if (f->received && write)
		return -EPERM;
	/* Whoever opens it by name next has the one in the store, or a draft of his own. */
	if (write && f->role != DRAFT_TEMPORARY)
		f->found = false;
	opened(f, write ? opener : 0);
	*ret_file = *f;
	return 0;
}

int drafts_file(struct drafts *d, int64_t number, struct draft_file *ret_file)
{
	const struct draft_file *f;
	LOCKED(d);

	if (!(f = file_at(d, number)))
		return -ESTALE;
	*ret_file = *f;
	return 0;
}

int drafts_lookup(struct drafts *d, int64_t dir, const char *name, struct draft_file *ret_file)
{
	const struct draft_file *f;
	LOCKED(d);

	if (!(f = file_named(d, dir, name, true)))
		return -ENOENT;
	*ret_file = *f;
	return 0;
}

int drafts_listed(struct drafts *d, int64_t dir, int64_t after, struct draft_file *ret_file)
{
	LOCKED(d);

	for (size_t i = 0; i < d->file_count; i++) {
		const struct draft_file *f = d->files[i];

		if (f->dir != dir || f->number <= after || !f->received || f->dead)
			continue;
		*ret_file = *f;
		return 0;
	}
	return -ENOENT;
}

int drafts_unlink(struct drafts *d, int64_t number)
{
	struct draft_file *f;
	LOCKED(d);

	if (!(f = file_at(d, number)) || f->dead)
		return -ENOENT;
	if (f->received)
		return -EPERM;
	f->dead = true;
	return 0;
}

int drafts_rename(struct drafts *d, int64_t number, const char *name)
{
	struct draft_file *f, *old;
	enum draft_role role;
	int r;
	LOCKED(d);

	if (!(f = file_at(d, number)) || f->dead)
		return -ENOENT;
	if ((r = draft_role(name, &role)))
		return r;
	if (role != DRAFT_TEMPORARY || f->received)
		return -EPERM;
	if ((old = file_named(d, f->dir, name, true)) == f)
		return 0;
	if (old)
		old->dead = true;
	snprintf(f->name, sizeof(f->name), "%s", name);
	f->role = DRAFT_TEMPORARY;
	f->found = true;
	return 0;
}

bool drafts_close(struct drafts *d, int64_t number)
{
	struct draft_file *f;
	LOCKED(d);

	if (!(f = file_at(d, number)))
		return false;
	f->touched = clock_ms();
	return --f->handles == 0;
}

int drafts_grow(struct drafts *d, int64_t number, int64_t end)
{
	struct draft_file *f;
	LOCKED(d);

	if (!(f = file_at(d, number)))
		return -ESTALE;
	if (f->error || f->received)
		return f->error ? f->error : -EPERM;
	f->size = max_i64(f->size, end);
	f->mtime = clock_now(NULL);
	f->touched = clock_ms();
	f->dirty = true;
	f->refused = 0;
	return 0;
}

void drafts_reveal(struct drafts *d, int64_t number)
{
	struct draft_file *f;
	LOCKED(d);

	if ((f = file_at(d, number)))
		f->found = true;
}

void drafts_set(struct drafts *d, int64_t number, int64_t mode, int64_t mtime)
{
	struct draft_file *f;
	LOCKED(d);

	if (!(f = file_at(d, number)))
		return;
	if (mode >= 0)
		f->mode = (mode_t)mode & 0777;
	if (mtime >= 0)
		f->mtime = mtime;
}

int64_t drafts_idle(struct drafts *d, int64_t after, int64_t now_ms)
{
	LOCKED(d);

	for (size_t i = 0; i < d->file_count; i++) {
		const struct draft_file *f = d->files[i];
		bool old = now_ms - f->touched > DRAFT_IDLE * 1000 && !f->received;

		if (f->number > after && !f->handles && (f->dead || old))
			return f->number;
	}
	return 0;
}

struct draft_file *drafts_own(struct drafts *d, int64_t number)
{
	LOCKED(d);

	return file_at(d, number);
}

void drafts_drop(struct drafts *d, int64_t number)
{
	LOCKED(d);

	for (size_t i = 0; i < d->file_count; i++) {
		if (d->files[i]->number != number)
			continue;
		free(d->files[i]);
		d->file_count--;
		memmove(&d->files[i], &d->files[i + 1], (d->file_count - i) * sizeof(*d->files));
		return;
	}
}

int64_t drafts_next(struct drafts *d, int64_t number)
{
	LOCKED(d);

	for (size_t i = 0; i < d->file_count; i++)
		if (d->files[i]->number > number)
			return d->files[i]->number;
	return 0;
}

int64_t drafts_first(struct drafts *d)
{
	return drafts_next(d, 0);
}
