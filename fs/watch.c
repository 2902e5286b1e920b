#include "fs/watch.h"
#include "fs/drafts.h"
#include "fs/intern.h"
#include "fs/roll.h"
#include "store/base/clock.h"

/* A generation as it was at the last look. */
struct known {
	int64_t id;
	uint32_t user, app; /* interned */
	bool sealed, final;
	int64_t state; /* of one that is not final: a hash of status and updated_at */
};

/* What is to be told: a name below ino, or ino itself. */
struct note {
	uint64_t ino;
	int64_t offset;
	char *name; /* NULL: the inode */
};

struct notes {
	struct note *list;
	size_t count, room;
};

struct watch {
	struct view *v;
	struct genstore *st; /* NULL: to be opened */
	struct roll *roll;
	int64_t version;     /* PRAGMA data_version, of this connection */
	struct known *known; /* in order of id */
	size_t count, room;
	int64_t snapshot, apps, archives, metadata; /* the newest, and how many */
	int64_t artifacts, version_of_artifacts;    /* how many, and the newest */
	int64_t events, events_next;
	int64_t received;    /* drafts_newest() at the last look */
	struct notes now, before;
	char errmsg[256];
};

static void notes_clear(struct notes *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->list[i].name);
	n->count = 0;
}

/* Adds one unless it is like the last: what comes in bulk is of one kind. */
static int note(struct watch *w, uint64_t ino, int64_t offset, const char *name)
{
	struct notes *n = &w->now;
	struct note *last = n->count ? &n->list[n->count - 1] : NULL;
	char *copy = NULL;

	if (last && last->ino == ino && last->offset == offset && !last->name && !name)
		return 0;
	if (n->count == n->room) {
		size_t room = n->room ? 2 * n->room : 16;
		struct note *list = realloc(n->list, room * sizeof(*list));

		if (!list)
			return -ENOMEM;
		n->list = list;
		n->room = room;
	}
	if (name && !(copy = strdup(name)))
		return -ENOMEM;
	n->list[n->count++] = (struct note){ .ino = ino, .offset = offset, .name = copy };
	return 0;
}

static int note_inode(struct watch *w, enum node_kind kind, int64_t id, size_t entry)
{
	return note(w, node_ino(kind, id, entry), 0, NULL);
}

static int note_name(struct watch *w, enum node_kind kind, int64_t id, size_t entry, const char *name)
{
	return note(w, node_ino(kind, id, entry), 0, name);
}

static int note_app(struct watch *w, const struct known *k)
{
	int r;

	if ((r = note_inode(w, NODE_APP_DIR, k->app, 0)) || (r = note_inode(w, NODE_USER_DIR, k->user, 0)))
		return r;
	return note_name(w, NODE_APP_DIR, k->app, 0, "latest");
}

static bool is_final(const char *status)
{
	return strcmp(status, "completed") == 0 || strcmp(status, "failed") == 0 || strcmp(status, "cancelled") == 0;
}

static int64_t state_of(const char *status, const char *updated)
{
	return xxh3_64(status, strlen(status), (uint64_t)xxh3_64(updated, strlen(updated), 0));
}

/* Generations behind the last known one. */
static int find_new(struct watch *w, bool tell)
{
	STMT q = db_stmt(&w->st->db, "SELECT g.id, g.request_id, p.user_id, p.app_name, g.status, g.updated_at, a.metadata_id IS NOT NULL"
				     " FROM generation_requests g JOIN apps p ON p.id = g.app_id"
				     " LEFT JOIN archive a ON a.generation_request_id = g.id WHERE g.id > ? ORDER BY g.id");
	size_t before = w->count;
	int64_t user, app;
	int r;

	bind_i64(&q, w->count ? w->known[w->count - 1].id : 0);
	while ((r = stmt_step(&q)) > 0) {
		struct known *k;

		if (w->count == w->room) {
			size_t room = w->room ? 2 * w->room : 256;
			struct known *list = realloc(w->known, room * sizeof(*list));

			if (!list)
				return -ENOMEM;
			w->known = list;
			w->room = room;
		}
		k = &w->known[w->count];
		*k = (struct known){ .id = col_i64(&q, 0), .sealed = col_i64(&q, 6), .final = is_final(col_text(&q, 4)),
				     .state = state_of(col_text(&q, 4), col_text(&q, 5)) };
		if ((r = intern_number(w->v->users, col_text(&q, 2), &user)) ||
		    (r = node_app_number(w->v, col_text(&q, 2), col_text(&q, 3), &app)) || (r = roll_add(w->roll, k->id, col_text(&q, 1))))
			return r;
		drafts_adopt(w->v->drafts, roll_name(w->roll, k->id), k->id);
		k->user = (uint32_t)user;
		k->app = (uint32_t)app;
		w->archives += k->sealed;
		w->count++;
		if (tell && (w->count - before == 1 || k->app != k[-1].app) && (r = note_app(w, k)))
			return r;
	}
	return r < 0 || !tell || w->count == before ? r : note_inode(w, NODE_FIXED, 0, FIXED_GENERATIONS);
}

static int forget(struct watch *w, struct known *k)
{
	struct draft_dir dir;
	int r;

	view_forget(w->v, k->id);
	drafts_forget(w->v->drafts, k->id, &dir);
	if ((r = note_name(w, NODE_FIXED, 0, FIXED_GENERATIONS, roll_name(w->roll, k->id))) ||
	    (r = note_inode(w, NODE_FIXED, 0, FIXED_GENERATIONS)) || (r = note_app(w, k)))
		return r;
	w->archives -= k->sealed;
	roll_remove(w->roll, k->id);
	return 0;
}

/* Merges the ids that there are with those known. Only when their numbers differ. */
static int find_removed(struct watch *w)
{
	STMT q = db_stmt(&w->st->db, "SELECT id FROM generation_requests ORDER BY id");
	size_t kept = 0;
	int r = 0, more = stmt_step(&q);

	for (size_t i = 0; i < w->count && more >= 0 && !r; i++) {
		struct known *k = &w->known[i];

		while (more > 0 && col_i64(&q, 0) < k->id)
			more = stmt_step(&q);
		if (more > 0 && col_i64(&q, 0) == k->id)
			w->known[kept++] = *k;
		else if (more >= 0 && (r = forget(w, k)))
			w->known[kept++] = *k;
	}
	if (more < 0 || r)
		return more < 0 ? more : r;
	w->count = kept;
	return 0;
}

/* Its directory shows more than before: an archive, another time. */
static int look_at(struct watch *w, struct known *k)
{
	STMT q = db_stmt(&w->st->db, "SELECT status, updated_at, EXISTS (SELECT 1 FROM archive WHERE generation_request_id = g.id)"
				     " FROM generation_requests g WHERE id = ?");
	int64_t state;
	bool sealed;
	int r;

	bind_i64(&q, k->id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	state = state_of(col_text(&q, 0), col_text(&q, 1));
	sealed = col_i64(&q, 2);
	if (state == k->state && sealed == k->sealed)
		return 0;
	k->state = state;
	w->archives += sealed - k->sealed;
	k->sealed = sealed;
	k->final = is_final(col_text(&q, 0));
	if ((r = note_inode(w, NODE_GENERATION, k->id, 0)) || (r = note_inode(w, NODE_ITERATIONS, k->id, 0)))
		return r;
	return note_inode(w, NODE_LOG, k->id, 0);
}

static int find_changed(struct watch *w, bool all)
{
	int r = 0;

	for (size_t i = 0; i < w->count && !r; i++)
		if (!w->known[i].sealed && (all || !w->known[i].final))
			r = look_at(w, &w->known[i]);
	return r;
}

static int find_snapshots(struct watch *w)
{
	STMT q = db_stmt(&w->st->db, "SELECT id, generation_request_id, iteration_number FROM iteration_snapshots WHERE id > ? ORDER BY id");
	char name[32];
	int r;

	bind_i64(&q, w->snapshot);
	while ((r = stmt_step(&q)) > 0) {
		int64_t generation = col_i64(&q, 1);

		snprintf(name, sizeof(name), "%lld", (long long)col_i64(&q, 2));
		if ((r = note_inode(w, NODE_ITERATIONS, generation, 0)) || (r = note_name(w, NODE_ITERATIONS, generation, 0, name)))
			return r;
		w->snapshot = col_i64(&q, 0);
	}
	return r;
}

/* Where each log that grew ended before: what the page there shows behind that is not yet the log. */
static int find_logs(struct watch *w)
{
	STMT q = db_stmt(&w->st->db, "SELECT generation_request_id, min(position), max(id) FROM generation_events WHERE id > ?"
				     " GROUP BY +generation_request_id");
	int64_t next = w->events;
	int r;

	bind_i64(&q, w->events);
	while ((r = stmt_step(&q)) > 0) {
		if ((r = note(w, node_ino(NODE_LOG, col_i64(&q, 0), 0), col_i64(&q, 1), NULL)))
			return r;
		next = max_i64(next, col_i64(&q, 2));
	}
	if (!r)
		w->events_next = next;
	return r;
}

/* A metadata.json that was handed in after its archive: another file than before, and perhaps in another app. */
static int find_metadata(struct watch *w, int64_t metadata)
{
	STMT q = db_stmt(&w->st->db, "SELECT g.id, p.user_id, p.app_name FROM received v JOIN generation_requests g ON g.request_id = v.request_id"
				     " JOIN apps p ON p.id = g.app_id WHERE v.metadata_id IS NOT NULL AND v.archive = 1 ORDER BY g.id");
	size_t i = 0;
	int r;

	while ((r = stmt_step(&q)) > 0) {
		int64_t id = col_i64(&q, 0), app;

		while (i < w->count && w->known[i].id < id)
			i++;
		view_forget(w->v, id);
		if ((r = note_inode(w, NODE_METADATA, id, 0)) || (r = note_inode(w, NODE_GENERATION, id, 0)) ||
		    (r = node_app_number(w->v, col_text(&q, 1), col_text(&q, 2), &app)))
			return r;
		if (i == w->count || w->known[i].id != id || w->known[i].app == app)
			continue;
		if ((r = note_app(w, &w->known[i])))
			return r;
		w->known[i].app = (uint32_t)app;
		if ((r = note_app(w, &w->known[i])))
			return r;
	}
	if (!r)
		w->metadata = metadata;
	return r;
}

struct totals {
	int64_t generations, archives, apps, metadata, artifacts, version_of_artifacts;
};

static int total(struct watch *w, struct totals *ret_t)
{
	STMT q = db_stmt(&w->st->db, "SELECT (SELECT count(*) FROM generation_requests), (SELECT count(*) FROM archive),"
				     " (SELECT count(*) FROM apps), (SELECT count(*) FROM received WHERE metadata_id IS NOT NULL),"
				     " (SELECT count(*) FROM artifacts), (SELECT coalesce(max(id), 0) FROM artifact_content)");
	int r = stmt_step(&q);

	if (r <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_t = (struct totals){ col_i64(&q, 0), col_i64(&q, 1), col_i64(&q, 2), col_i64(&q, 3), col_i64(&q, 4), col_i64(&q, 5) };
	return 0;
}

static int find_apps(struct watch *w, int64_t apps)
{
	int64_t users = intern_count(w->v->users);
	int r = note_inode(w, NODE_FIXED, 0, FIXED_APPS);

	for (int64_t i = 1; i <= users && !r; i++)
		r = note_inode(w, NODE_USER_DIR, i, 0);
	if (!r)
		w->apps = apps;
	return r;
}

/* Something was put, replaced or removed: which folder it was in is not looked for. Names are remembered for half a second at most. */
static int find_artifacts(struct watch *w, const struct totals *t)
{
	int64_t paths = intern_count(w->v->paths);
	int r = note_inode(w, NODE_FIXED, 0, FIXED_ORGANIZATIONS);

	for (int64_t i = 1; i <= paths && !r; i++) {
		const char *path = intern_text(w->v->paths, i);

		/* Of a bundle it begins with the tag. */
		if (path[strlen(path) - 1] == '/' && *path == 'o')
			r = note_inode(w, NODE_FOLDER, i, 0);
	}
	if (!r) {
		w->artifacts = t->artifacts;
		w->version_of_artifacts = t->version_of_artifacts;
	}
	return r;
}

static bool is_known(const void *arg, int64_t id)
{
	const struct watch *w = arg;
	size_t lo = 0, hi = w->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (w->known[mid].id < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < w->count && w->known[lo].id == id;
}

/* What was received through this mount and removed between two looks: nobody here has ever known it. */
static int find_lost(struct watch *w, int64_t received)
{
	struct draft_dir dir;
	int64_t id;
	int r;

	while ((id = drafts_lost(w->v->drafts, received, is_known, w))) {
		view_forget(w->v, id);
		if (drafts_forget(w->v->drafts, id, &dir) && ((r = note_name(w, NODE_FIXED, 0, FIXED_GENERATIONS, dir.name)) ||
							      (r = note_inode(w, NODE_FIXED, 0, FIXED_GENERATIONS))))
			return r;
	}
	return 0;
}

/* All of it in one state of the store, which has what was received before. */
static int find_all(struct watch *w, int64_t received)
{
	struct totals t;
	int r;

	TXN txn = txn_begin_read(&w->st->db);

	if ((r = txn.error) || (r = find_new(w, true)) || (r = find_changed(w, false)) || (r = total(w, &t)))
		return r;
	if (t.generations != (int64_t)w->count && (r = find_removed(w)))
		return r;
	if ((r = find_lost(w, received)) || (t.archives != w->archives && (r = find_changed(w, true))))
		return r;
	if (t.apps != w->apps && (r = find_apps(w, t.apps)))
		return r;
	if (t.metadata != w->metadata && (r = find_metadata(w, t.metadata)))
		return r;
	if ((t.artifacts != w->artifacts || t.version_of_artifacts != w->version_of_artifacts) && (r = find_artifacts(w, &t)))
		return r;
	if ((r = find_snapshots(w)) || (r = find_logs(w)))
		return r;
	return note_inode(w, NODE_FIXED, 0, FIXED_STATUS);
}

static int data_version(struct watch *w, int64_t *ret_version)
{
	STMT q = db_stmt(&w->st->db, "PRAGMA data_version");
	int r = stmt_step(&q);

	if (r <= 0)
		return r < 0 ? r : -EUCLEAN;
	*ret_version = col_i64(&q, 0);
	return 0;
}

static void tell(const struct notes *n, const struct watch_sink *sink)
{
	for (size_t i = 0; i < n->count; i++) {
		if (n->list[i].name)
			sink->entry(sink->arg, n->list[i].ino, n->list[i].name);
		else
			sink->inode(sink->arg, n->list[i].ino, n->list[i].offset);
	}
}

/* What was found is told even when the look broke off: nothing of it would be found again. */
static void publish(struct watch *w, const struct watch_sink *sink)
{
	struct notes swap = w->before;

	tell(&w->before, sink);
	notes_clear(&w->before);
	if (!w->now.count)
		return;
	tell(&w->now, sink);
	w->v->events = w->events = w->events_next;
	w->v->generations = (int64_t)w->count;
	w->v->changed = clock_now(NULL);
	swap.count = 0;
	w->before = w->now;
	w->now = swap;
}

static int look(struct watch *w)
{
	int64_t version, received = drafts_newest(w->v->drafts);
	int r;

	if (!w->st && (r = view_open(w->v, &w->st)))
		return r;
	if ((r = data_version(w, &version)) || (version == w->version && received == w->received))
		return r;
	if ((r = find_all(w, received)))
		return r;
	w->version = version;
	w->received = received;
	return 0;
}

int watch_look(struct watch *w, const struct watch_sink *sink)
{
	int r = view_check(w->v);

	if (!r)
		r = look(w);
	if (r) {
		snprintf(w->errmsg, sizeof(w->errmsg), "%s", w->st ? genstore_errmsg(w->st) : strerror(-r));
		genstore_free(MOVE(w->st));
		w->version = 0;
	}
	publish(w, sink);
	return r;
}

const char *watch_errmsg(const struct watch *w)
{
	return w->errmsg;
}

static int baseline(struct watch *w)
{
	struct totals t;
	int r;

	if ((r = view_open(w->v, &w->st)))
		return r;
	TXN txn = txn_begin_read(&w->st->db);

	if ((r = txn.error) || (r = data_version(w, &w->version)) || (r = find_new(w, false)) || (r = total(w, &t)) ||
	    (r = view_look(w->v, w->st)))
		return r;
	STMT q = db_stmt(&w->st->db, "SELECT coalesce(max(id), 0) FROM iteration_snapshots");

	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -EUCLEAN;
	w->snapshot = col_i64(&q, 0);
	w->apps = t.apps;
	w->metadata = t.metadata;
	w->artifacts = t.artifacts;
	w->version_of_artifacts = t.version_of_artifacts;
	w->events = w->events_next = w->v->events;
	return 0;
}

int watch_new(struct view *v, struct watch **ret_w)
{
	struct watch *w = calloc(1, sizeof(*w));
	int r;

	if (!w)
		return -ENOMEM;
	w->v = v;
	if ((r = roll_new(&w->roll)) || (r = baseline(w))) {
		watch_free(w);
		return r;
	}
	v->roll = w->roll;
	*ret_w = w;
	return 0;
}

void watch_free(struct watch *w)
{
	if (!w)
		return;
	if (w->v->roll == w->roll)
		w->v->roll = NULL;
	roll_free(w->roll);
	free(w->known);
	notes_clear(&w->now);
	notes_clear(&w->before);
	free(w->now.list);
	free(w->before.list);
	genstore_free(w->st);
	free(w);
}
