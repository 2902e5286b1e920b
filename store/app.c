#include "store/app.h"
#include "store/base/utf8.h"

bool app_name_valid(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	/* Spaces at an end cannot be seen. */
	if (!n || *name == ' ' || name[n - 1] == ' ' || n > APP_NAME_MAX || !utf8_valid(name, n) || strpbrk(name, "/:@"))
		return false;
	for (size_t i = 0; i < n; i++) {
		const unsigned char c = (unsigned char)name[i];

		if (c < 0x20 || c == 0x7f || (c == 0xc2 && (unsigned char)name[i + 1] < 0xa0))
			return false;
	}
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

int user_find(struct genstore *st, const char *name, char ret_id[ID_UUID])
{
	STMT q = db_stmt(&st->db, "SELECT id FROM users WHERE name = ?1 OR id = ?1 ORDER BY name <> ?1 LIMIT 1");
	int r;

	bind_text(&q, name ? name : "local");
	r = take_id(&q, ret_id);
	return r == -ENOENT ? store_fail(st, r, "no user '%s'", name ? name : "local") : r;
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

int app_create(struct genstore *st, const char *user_id, const char *name, char ret_id[ID_UUID])
{
	STMT q = db_stmt(&st->db, "INSERT INTO apps(id, user_id, app_name, created_at) VALUES (?, ?, ?, ?)");
	char id[ID_UUID], now[CLOCK_TEXT];
	int r;

	if ((r = id_uuid4(&st->ids, id)))
		return r;
	store_now(st, now);
	bind_text(&q, id);
	bind_text(&q, user_id);
	bind_text(&q, name);
	bind_text(&q, now);
	if ((r = stmt_run(&q)))
		return r;
	memcpy(ret_id, id, ID_UUID);
	return 0;
}

int audit_add(struct genstore *st, const char *action, const char *subject, const char *details)
{
	STMT q = db_stmt(&st->db, "INSERT INTO audit_log(created_at, action, subject, details) VALUES (?, ?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, now);
	bind_text(&q, action);
	bind_text(&q, subject);
	bind_text(&q, details);
	return stmt_run(&q);
}
