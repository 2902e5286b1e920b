#include "store/app.h"
#include "store/access.h"
#include "store/base/buf.h"
#include "store/base/utf8.h"

bool app_name_valid(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	/* Spaces at an end cannot be seen. */
	if (!n || *name == ' ' || name[n - 1] == ' ' || n > APP_NAME_MAX || !utf8_plain(name, n) || strpbrk(name, "/:@"))
		return false;
	return strcmp(name, ".") != 0 && strcmp(name, "..") != 0 && strncmp(name, "req_", 4) != 0 && *name != '-';
}

static int take_id(struct stmt *q, char ret_id[ID_UUID])
{
	int r = stmt_step(q);

	if (r <= 0)
		return r < 0 ? r : -ENOENT;
	snprintf(ret_id, ID_UUID, "%s", col_text(q, 0));
	return 0;
}

int user_find_anybody(struct genstore *st, const char *name, char ret_id[ID_UUID])
{
	STMT q = db_stmt(&st->db, "SELECT id FROM users WHERE name = ?1 UNION ALL SELECT id FROM main.users WHERE id = ?1 LIMIT 1");
	int r;

	bind_text(&q, name);
	r = take_id(&q, ret_id);
	return r == -ENOENT ? store_fail(st, r, "no user '%s'", name) : r;
}

int user_find(struct genstore *st, const char *name, char ret_id[ID_UUID])
{
	int r;

	if (!name && *st->subject.user_id) {
		memcpy(ret_id, st->subject.user_id, ID_UUID);
		return 0;
	}
	r = user_find_anybody(st, name ? name : "local", ret_id);
	if (!r && access_is_limited(st) && strcmp(ret_id, st->subject.user_id) != 0)
		r = store_fail(st, -ENOENT, "no user '%s'", name ? name : "local");
	return r;
}

int user_name(struct genstore *st, const char *id, char **ret_name)
{
	STMT q = db_stmt(&st->db, "SELECT name FROM users WHERE id = ?");
	int r;

	bind_text(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no user '%s'", id);
	return col_dup(&q, 0, ret_name);
}

int app_find(struct genstore *st, const char *user_id, const char *name, char ret_id[ID_UUID])
{
	STMT q = db_stmt(&st->db, "SELECT id FROM apps WHERE user_id = ? AND app_name = ?");
	int r;

	bind_text(&q, user_id);
	bind_text(&q, name);
	r = take_id(&q, ret_id);
	return r == -ENOENT ? store_fail(st, r, "no app '%s'", name) : r;
}

int app_name(struct genstore *st, const char *app_id, char **ret_name)
{
	STMT q = db_stmt(&st->db, "SELECT app_name FROM apps WHERE id = ?");
	int r;

	bind_text(&q, app_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no app '%s'", app_id);
	return col_dup(&q, 0, ret_name);
}

static int insert_app(struct genstore *st, const char *user_id, const char *name, const char *id)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.apps(id, user_id, app_name, created_at) VALUES (?, ?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, id);
	bind_text(&q, user_id);
	bind_text(&q, name);
	bind_text(&q, now);
	return stmt_run(&q);
}

int app_create(struct genstore *st, const char *user_id, const char *name, char ret_id[ID_UUID])
{
	char id[ID_UUID];
	int r = id_uuid4(&st->ids, id);

	if (r || (r = insert_app(st, user_id, name, id)))
		return r;
	memcpy(ret_id, id, ID_UUID);
	return 0;
}

/* 0: it is there, and this user's. -EPERM: another's. */
static int owned_app(struct genstore *st, const char *user_id, const char *app_id)
{
	STMT q = db_stmt(&st->db, "SELECT user_id = ? FROM apps WHERE id = ?");
	int r;

	bind_text(&q, user_id);
	bind_text(&q, app_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : -ENOENT;
	return col_i64(&q, 0) ? 0 : -EPERM;
}

/* The name, or the first of "name (2)", "name (3)" ... that no other app of the user has. */
static int free_name(struct genstore *st, const char *user_id, const char *name, struct buf *out)
{
	char other[ID_UUID];
	int r = 0;

	for (int n = 1; !r; n++) {
		buf_reset(out);
		buf_adds(out, name);
		if (n > 1)
			buf_addf(out, " (%d)", n);
		r = buf_error(out) ? -ENOMEM : app_find(st, user_id, buf_str(out), other);
	}
	return r == -ENOENT ? 0 : r;
}

int app_adopt(struct genstore *st, const char *user_id, const char *app_id, const char *name, char ret_id[ID_UUID])
{
	AUTO(buf_release) struct buf taken = BUF_INIT;
	int r = id_is_uuid(app_id) ? owned_app(st, user_id, app_id) : -EPERM;

	if (r == -EPERM)
		return store_fail(st, -ENOENT, "no app '%s' of this user", app_id);
	if (r == -ENOENT && !(r = free_name(st, user_id, name, &taken)))
		r = insert_app(st, user_id, buf_str(&taken), app_id);
	if (!r)
		memcpy(ret_id, app_id, ID_UUID);
	return r;
}
