/* What the scribe does with what it is given. */
#include "fs/scribe_inside.h"
#include "fs/sync.h"
#include "fs/upload.h"

enum { READ_MOST = 1 << 20 };

/* Of a draft, by the thread that owns its bytes; names and flags are read by all others. The statement takes no lock itself. */
#define SHARED(s, statement)                                                                                           \
	do {                                                                                                           \
		drafts_lock((s)->drafts);                                                                              \
		statement;                                                                                             \
		drafts_unlock((s)->drafts);                                                                            \
	} while (0)

static struct draft_file seen(struct scribe *s, const struct draft_file *f)
{
	struct draft_file now;

	SHARED(s, now = *f);
	return now;
}

static void set_upload(struct scribe *s, struct draft_file *f, struct upload *u)
{
	struct upload *old = f->upload;

	SHARED(s, f->upload = u);
	upload_free(old);
}

static int need_store(struct scribe *s)
{
	int r = view_check(s->view);

	/* What is said of an error is of the next one. */
	if (s->st)
		*s->st->errmsg = '\0';
	if (r || s->st)
		return r;
	if (!(s->st = view_handle(s->view)))
		return -ENOMEM;
	/* A batch of an archive fits (store/foreign.h); what else is written through here is small. */
	if (!(r = genstore_open(s->st, s->view->path, 0)) && !(r = db_exec(&s->st->db, "PRAGMA cache_size = -10240")))
		r = view_check(s->view);
	if (r)
		genstore_free(MOVE(s->st));
	return r;
}

bool scribe_uploads(struct scribe *s)
{
	for (int64_t i = drafts_first(s->drafts); i; i = drafts_next(s->drafts, i))
		if (drafts_own(s->drafts, i)->upload)
			return true;
	return false;
}

static int in_order(struct scribe *s)
{
	int n = 0;

	for (int64_t i = drafts_first(s->drafts); i; i = drafts_next(s->drafts, i)) {
		const struct draft_file *f = drafts_own(s->drafts, i);

		n += f->upload && upload_is_in_order(f->upload);
	}
	return n;
}

/* A metadata.json is small, and not to be taken for an archive. */
static int need_upload(struct scribe *s, struct draft_file *f)
{
	bool archive = !strstr(seen(s, f).name, "metadata.json");
	int r = need_store(s);
	struct upload *u;

	if (r || f->upload)
		return r;
	if (!(r = upload_new(s->st, archive && in_order(s) < SCRIBE_IN_ORDER, &u)))
		set_upload(s, f, u);
	return r;
}

/* Nothing more is written through a connection that failed to commit: whatever was going on there is lost. */
static void give_up_store(struct scribe *s)
{
	for (int64_t i = drafts_first(s->drafts); i; i = drafts_next(s->drafts, i)) {
		struct draft_file *f = drafts_own(s->drafts, i);

		if (f->upload && !f->received)
			SHARED(s, f->error = f->error ? f->error : -EIO);
		set_upload(s, f, NULL);
	}
	genstore_free(MOVE(s->st));
}

/* Whoever wrote it has a number; the words are for the log, and the directory's attribute. */
static void say(struct scribe *s, const struct draft_file *f, int r)
{
	const char *reason = s->st && *genstore_errmsg(s->st) ? genstore_errmsg(s->st) : strerror(-r);
	struct draft_dir dir;
	char line[1400];

	if (drafts_dir(s->drafts, f->dir, &dir))
		return;
	drafts_refuse(s->drafts, dir.number, reason);
	snprintf(line, sizeof(line), "refused 'generations/%s/%s': %s", dir.name, seen(s, f).name, reason);
	s->sink.say(s->sink.arg, line);
}

static int failed(struct scribe *s, struct draft_file *f, int r)
{
	say(s, f, r);
	SHARED(s, f->error = r);
	set_upload(s, f, NULL);
	if (s->st && s->st->db.broken)
		give_up_store(s);
	return r;
}

void scribe_drop(struct scribe *s, struct draft_file *f)
{
	set_upload(s, f, NULL);
	drafts_drop(s->drafts, f->number);
}

/* What came before its archive is shown by the store from now on. */
static void drop_metadata(struct scribe *s, int64_t dir)
{
	struct draft_file f;

	for (int64_t i = 0; !drafts_listed(s->drafts, dir, i, &f); i = f.number) {
		struct draft_file *own = drafts_own(s->drafts, f.number);

		SHARED(s, own->dead = true);
		if (!f.handles)
			scribe_drop(s, own);
	}
}

static int receive_archive(struct scribe *s, struct draft_file *f, const struct draft_dir *dir)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = upload_receive(f->upload, dir->name, &g);

	if (r)
		return r;
	drafts_bind(s->drafts, dir->number, g.id);
	drafts_changed(s->drafts, dir->number);
	drop_metadata(s, dir->number);
	SHARED(s, (f->received = true, f->found = f->dirty = false));
	return 0;
}

static int receive_metadata(struct scribe *s, struct draft_file *f, const struct draft_dir *dir)
{
	int r = upload_metadata(f->upload, dir->name);

	if (r)
		return r;
	SHARED(s, (f->received = true, f->found = !dir->generation, f->dirty = false));
	if (dir->generation)
		view_forget(s->view, dir->generation);
	drafts_changed(s->drafts, dir->number);
	return 0;
}

/* By its name. The one place at which something becomes visible. */
static int receive(struct scribe *s, struct draft_file *f, enum draft_role role)
{
	struct draft_dir dir;
	int r;

	if ((r = drafts_dir(s->drafts, f->dir, &dir)) || (r = need_upload(s, f)))
		return r;
	r = role == DRAFT_ARCHIVE ? receive_archive(s, f, &dir) : receive_metadata(s, f, &dir);
	/* What was committed to a file that is not there any more is nowhere. */
	if (!r)
		r = view_check(s->view);
	if (!r) {
		drafts_refuse(s->drafts, dir.number, NULL);
		return 0;
	}
	say(s, f, r);
	SHARED(s, f->refused = r);
	if (s->st->db.broken)
		give_up_store(s);
	return r;
}

static int do_write(struct scribe *s, struct draft_file *f, const struct job *job)
{
	int r;

	if (f->error)
		return f->error;
	if ((r = need_upload(s, f)) || (r = upload_write(f->upload, job->what.offset, job->data, job->what.n)))
		return failed(s, f, r);
	return (int)job->what.n;
}

static int do_truncate(struct scribe *s, struct draft_file *f, int64_t size)
{
	int r;

	if (f->error)
		return f->error;
	if (f->received)
		return -EPERM;
	if ((r = need_upload(s, f)) || (r = upload_truncate(f->upload, size)))
		return failed(s, f, r);
	SHARED(s, (f->size = size, f->dirty = true, f->refused = 0));
	return 0;
}

static int do_sync(struct scribe *s, struct draft_file *f)
{
	int r;

	if (f->error || f->received || !f->upload)
		return f->error;
	return (r = upload_sync(f->upload)) ? failed(s, f, r) : 0;
}

static int do_flush(struct scribe *s, struct draft_file *f, unsigned flags)
{
	struct draft_file now = seen(s, f);

	if (now.error || now.refused || now.received || !now.dirty || now.dead)
		return now.error ? now.error : now.refused;
	if (flags & SCRIBE_KILLED)
		SHARED(s, f->dead = true);
	if ((flags & (SCRIBE_KILLED | SCRIBE_LAST)) != SCRIBE_LAST)
		return 0;
	return now.role == DRAFT_TEMPORARY ? do_sync(s, f) : receive(s, f, now.role);
}

static int do_release(struct scribe *s, struct draft_file *f)
{
	struct draft_file now = seen(s, f);
	bool whole = now.dirty && !now.dead && !now.error && !now.refused && !now.received;

	/* Somebody opened it again meanwhile. */
	if (now.handles)
		return 0;
	if (whole && now.role != DRAFT_TEMPORARY)
		receive(s, f, now.role);
	now = seen(s, f);
	/* What stays: a temporary file, and a metadata.json that waits for its archive. */
	if (now.dead || now.error || !now.found || (!now.received && now.role != DRAFT_TEMPORARY))
		scribe_drop(s, f);
	return 0;
}

static int do_rename(struct scribe *s, struct draft_file *f, const char *name)
{
	struct draft_file *other;
	enum draft_role role;
	int r = f->error;

	if (r || (r = draft_role(name, &role)))
		return r;
	if (role == DRAFT_TEMPORARY)
		return -EINVAL;
	if ((r = receive(s, f, role)))
		return r;
	/* Whoever writes to that name still has lost. */
	for (int64_t i = drafts_first(s->drafts); i; i = drafts_next(s->drafts, i)) {
		other = drafts_own(s->drafts, i);
		if (other != f && other->dir == f->dir)
			SHARED(s, other->dead |= other->role == role);
	}
	SHARED(s, (f->role = role, snprintf(f->name, sizeof(f->name), "%s", name)));
	if (!seen(s, f).handles && !f->found)
		scribe_drop(s, f);
	return 0;
}

static ssize_t do_read(struct scribe *s, struct draft_file *f, int64_t offset, size_t n)
{
	if (!s->reply && !(s->reply = malloc(READ_MOST)))
		return -ENOMEM;
	return f->upload ? upload_read(f->upload, offset, n < READ_MOST ? n : READ_MOST, s->reply) : 0;
}

int scribe_queue(struct scribe *s, int64_t generation, const char *remotes)
{
	bool send = false;
	char line[1200];
	int r = need_store(s);

	if (!r)
		r = *remotes ? sync_queue(s->view, s->st, generation, remotes, &send) : sync_cancel(s->st, generation);
	if (!r)
		r = view_check(s->view);
	if (!r && send)
		s->sink.send(s->sink.arg);
	if (!r || (r == -ENODATA && !*remotes))
		return r;
	snprintf(line, sizeof(line), "cannot sync: %s", s->st && *genstore_errmsg(s->st) ? genstore_errmsg(s->st) : strerror(-r));
	s->sink.say(s->sink.arg, line);
	if (s->st && s->st->db.broken)
		give_up_store(s);
	return r;
}

ssize_t scribe_run(struct scribe *s, struct draft_file *f, const struct job *job)
{
	if (!f)
		return -ESTALE;
	if (job->write)
		return do_write(s, f, job);
	switch (job->what.order) {
	case SCRIBE_READ:
		return do_read(s, f, job->what.offset, job->what.n);
	case SCRIBE_TRUNCATE:
		return do_truncate(s, f, job->what.offset);
	case SCRIBE_SYNC:
		return do_sync(s, f);
	case SCRIBE_FLUSH:
		return do_flush(s, f, job->what.flags);
	case SCRIBE_RELEASE:
		return do_release(s, f);
	case SCRIBE_RENAME:
		return do_rename(s, f, job->name);
	case SCRIBE_DROP:
		if (!seen(s, f).handles)
			scribe_drop(s, f);
		return 0;
	case SCRIBE_QUEUE: /* is of no draft */
		break;
	}
	return -EINVAL;
}
