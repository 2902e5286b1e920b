#include "store/member.h"
#include "store/access.h"
#include "store/app.h"
#include "store/audit.h"
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "store/session.h"

#include <ctype.h>

/* In any case of its letters. */
static bool as_uuid(const char *text, char out[ID_UUID])
{
	size_t n = strlen(text);

	for (size_t i = 0; i < ID_UUID; i++)
		out[i] = i < n ? (char)tolower((unsigned char)text[i]) : '\0';
	return n < ID_UUID && id_is_uuid(out);
}

static int check_name(struct genstore *st, const char *what, const char *name, size_t max)
{
	char id[ID_UUID];

	/* A name that is a UUID would be taken for somebody's id. */
	if (*name && *name != '-' && utf8_plain(name, strlen(name)) && utf8_length(name) <= max && !strchr(name, '/') && !as_uuid(name, id))
		return 0;
	return store_fail(st, -EINVAL, "the name of %s has 1 to %zu characters without / and control characters, is no UUID and does not begin with -",
			  what, max);
}

static int take_id(struct genstore *st, const char *given, char out[ID_UUID])
{
	if (!given)
		return id_uuid4(&st->ids, out);
	return as_uuid(given, out) ? 0 : store_fail(st, -EINVAL, "'%s' is not a UUID", given);
}

/* A statement with texts, to its first row: 1, or 0 where there is none. */
static int ask_with(struct genstore *st, const char *sql, const char *const *texts, size_t n)
{
	STMT q = db_stmt(&st->db, sql);

	for (size_t i = 0; i < n; i++)
		bind_text(&q, texts[i]);
	return stmt_step(&q);
}
#define ASK(st, sql, ...) ask_with(st, sql, (const char *const[]){ __VA_ARGS__ }, ARRAY_LEN(((const char *const[]){ __VA_ARGS__ })))

int user_add(struct genstore *st, const char *name, const char *id, const char *email, char ret_id[ID_UUID])
{
	char now[CLOCK_TEXT];
	int r;

	if ((r = check_name(st, "a user", name, USER_NAME_MAX)) || (r = take_id(st, id, ret_id)))
		return r;
	if (email && (strlen(email) > USER_EMAIL_MAX || !utf8_plain(email, strlen(email)) || !strchr(email, '@')))
		return store_fail(st, -EINVAL, "'%s' is not an address", email);

	TXN t = txn_begin(&st->db);

	if ((r = t.error))
		return r;
	if ((r = ASK(st, "SELECT 1 FROM main.users WHERE name = ? OR id = ?", name, ret_id)))
		return r < 0 ? r : store_fail(st, -EEXIST, "there is a user '%s' already, or one with this id; name another one", name);
	store_now(st, now);
	if ((r = ASK(st, "INSERT INTO main.users (id, name, email, created_at) VALUES (?, ?, ?, ?)", ret_id, name, email, now)) ||
	    (r = audit_change(st, "user.add", ret_id, "name", NULL, name)))
		return r;
	return txn_commit(&t);
}

int user_is_known(struct genstore *st, const char *id, bool *ret_known)
{
	int r = ASK(st, "SELECT 1 FROM main.users WHERE id = ?", id);

	*ret_known = r > 0;
	return r < 0 ? r : 0;
}

int user_meet(struct genstore *st, const char *id)
{
	char now[CLOCK_TEXT];
	bool known;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = user_is_known(st, id, &known)) || known)
		return r;
	store_now(st, now);
	if ((r = ASK(st, "INSERT INTO main.users (id, name, created_at) VALUES (?1, ?1, ?2)", id, now)) || (r = audit_change(st, "user.add", id, "name", NULL, id)))
		return r;
	return txn_commit(&t);
}

/* Whether an organization would have nobody who may give roles any more. */
static int owned_alone(struct genstore *st, const char *user_id, const char *organization_id, char **ret_name)
{
	STMT q = db_stmt(&st->db, "SELECT o.name FROM main.memberships AS m JOIN main.organizations AS o USING (organization_id)"
				  " WHERE m.user_id = ?1 AND m.role = 'owner' AND (?2 IS NULL OR m.organization_id = ?2) AND NOT EXISTS"
				  " (SELECT 1 FROM main.memberships AS other WHERE other.organization_id = m.organization_id"
				  "  AND other.role = 'owner' AND other.user_id <> ?1) LIMIT 1");
	int r;

	bind_text(&q, user_id);
	bind_text(&q, organization_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	return (r = col_dup(&q, 0, ret_name)) ? r : 1;
}

int user_remove(struct genstore *st, const char *user_id)
{
	AUTO(free_ptr) char *name = NULL, *organization = NULL;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = user_name(st, user_id, &name)))
		return r;
	if (!strcmp(name, "local"))
		return store_fail(st, -ENOTEMPTY, "the user 'local' stays: what nobody else is named for is his");
	if ((r = ASK(st, "SELECT 1 FROM main.apps WHERE user_id = ?1 UNION ALL SELECT 1 FROM main.generation_requests WHERE user_id = ?1", user_id)))
		return r < 0 ? r : store_fail(st, -ENOTEMPTY, "the user '%s' has apps; 'genstore rm' them first", name);
	if ((r = owned_alone(st, user_id, NULL, &organization)))
		return r < 0 ? r : store_fail(st, -ENOTEMPTY, "the organization '%s' has no other owner than '%s'; 'genstore org grant' makes one", organization, name);
	if ((r = db_exec(&st->db, "PRAGMA secure_delete = ON")) || (r = ASK(st, "DELETE FROM main.users WHERE id = ?", user_id)) ||
	    (r = audit_change(st, "user.remove", user_id, "name", name, NULL)))
		return r;
	return txn_commit(&t);
}

void user_release(struct user *u)
{
	char **texts[] = { &u->id, &u->name, &u->email, &u->created_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

/* 1: a row, its first columns copied. */
static int next(struct stmt *q, char **const *into, size_t n)
{
	int r = stmt_step(q);

	for (size_t i = 0; i < n && r > 0; i++) {
		int bad;

		free(MOVE(*into[i]));
		if ((bad = col_dup(q, (int)i, into[i])))
			r = bad;
	}
	return r;
}

int user_next(struct genstore *st, const char *after, struct user *ret_u)
{
	STMT q = db_stmt(&st->db, "SELECT id, name, email, created_at, (SELECT count(*) FROM apps WHERE user_id = u.id),"
				  " (SELECT count(*) FROM memberships WHERE user_id = u.id) FROM users AS u WHERE name > ? ORDER BY name LIMIT 1");
	char **into[] = { &ret_u->id, &ret_u->name, &ret_u->email, &ret_u->created_at };
	int r;

	bind_text(&q, after);
	if ((r = next(&q, into, ARRAY_LEN(into))) > 0) {
		ret_u->apps = col_i64(&q, 4);
		ret_u->organizations = col_i64(&q, 5);
	}
	return r;
}

static int put_member(struct genstore *st, const char *organization_id, const char *user_id, const char *role)
{
	char now[CLOCK_TEXT];

	store_now(st, now);
	return ASK(st, "INSERT INTO main.memberships (organization_id, user_id, role, created_at) VALUES (?, ?, ?, ?)"
		       " ON CONFLICT (organization_id, user_id) DO UPDATE SET role = excluded.role", organization_id, user_id, role, now);
}

/* NULL: no role. */
static int audit_role(struct genstore *st, const char *organization_id, const char *user_id, const char *before, const char *after)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "user_id", user_id);
	jw_str(&j, "role", after);
	jw_str(&j, "role_before", before);
	jw_end(&j);
	return buf_error(&details) ? buf_error(&details) : audit_write(st, after ? "org.grant" : "org.revoke", organization_id, buf_str(&details));
}

int organization_add(struct genstore *st, const char *name, const char *id, const char *owner, char ret_id[ID_UUID])
{
	char now[CLOCK_TEXT];
	int r;

	if ((r = check_name(st, "an organization", name, SESSION_NAME_MAX)) || (r = take_id(st, id, ret_id)))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error))
		return r;
	if ((r = ASK(st, "SELECT 1 FROM main.organizations WHERE name = ? OR organization_id = ?", name, ret_id)))
		return r < 0 ? r : store_fail(st, -EEXIST, "there is an organization '%s' already, or one with this id; name another one", name);
	store_now(st, now);
	if ((r = ASK(st, "INSERT INTO main.organizations (organization_id, name, created_at) VALUES (?, ?, ?)", ret_id, name, now)) ||
	    (r = audit_change(st, "org.add", ret_id, "name", NULL, name)))
		return r;
	if (owner && ((r = put_member(st, ret_id, owner, "owner")) || (r = audit_role(st, ret_id, owner, NULL, "owner"))))
		return r;
	return txn_commit(&t);
}

int organization_remove(struct genstore *st, const char *organization_id)
{
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = access_check(st, organization_id, ACCESS_ADMINISTER)))
		return r;
	if ((r = ASK(st, "SELECT 1 FROM main.artifacts WHERE organization_id = ?", organization_id)))
		return r < 0 ? r : store_fail(st, -ENOTEMPTY, "the organization has artifacts; 'genstore artifact rm' them first");
	if ((r = ASK(st, "DELETE FROM main.organizations WHERE organization_id = ?", organization_id)) ||
	    (r = audit_write(st, "org.remove", organization_id, NULL)))
		return r;
	return txn_commit(&t);
}

void organization_release(struct organization *o)
{
	char **texts[] = { &o->id, &o->name, &o->created_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

int organization_next(struct genstore *st, const char *after, struct organization *ret_o)
{
	STMT q = db_stmt(&st->db, "SELECT organization_id, name, created_at, (SELECT count(*) FROM memberships AS m WHERE m.organization_id = o.organization_id),"
				  " (SELECT count(*) FROM sessions AS s WHERE s.organization_id = o.organization_id),"
				  " (SELECT count(*) FROM artifacts AS a WHERE a.organization_id = o.organization_id),"
				  " (SELECT coalesce(sum(file_size), 0) FROM artifacts AS a WHERE a.organization_id = o.organization_id)"
				  " FROM organizations AS o WHERE name > ? ORDER BY name LIMIT 1");
	char **into[] = { &ret_o->id, &ret_o->name, &ret_o->created_at };
	int64_t *numbers[] = { &ret_o->members, &ret_o->sessions, &ret_o->artifacts, &ret_o->bytes };
	int r;

	bind_text(&q, after);
	if ((r = next(&q, into, ARRAY_LEN(into))) > 0)
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			*numbers[i] = col_i64(&q, (int)(ARRAY_LEN(into) + i));
	return r;
}

/* The role that the user has, NULL for none: a copy. */
static int role_of(struct genstore *st, const char *organization_id, const char *user_id, char **ret_role)
{
	STMT q = db_stmt(&st->db, "SELECT role FROM main.memberships WHERE organization_id = ? AND user_id = ?");
	int r;

	bind_text(&q, organization_id);
	bind_text(&q, user_id);
	return (r = stmt_step(&q)) <= 0 ? r : col_dup(&q, 0, ret_role);
}

/* Before an owner is one no more. */
static int check_owners(struct genstore *st, const char *organization_id, const char *user_id)
{
	AUTO(free_ptr) char *name = NULL;
	int r = owned_alone(st, user_id, organization_id, &name);

	return r <= 0 ? r : store_fail(st, -EBUSY, "the organization '%s' would have no owner any more; make somebody else one first", name);
}

int member_grant(struct genstore *st, const char *organization_id, const char *user_id, const char *role)
{
	AUTO(free_ptr) char *before = NULL;
	int r;

	if (!access_is_role(role))
		return store_fail(st, -EINVAL, "'%s' is no role; there are owner, member and viewer", role);

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = access_check(st, organization_id, ACCESS_ADMINISTER)) || (r = role_of(st, organization_id, user_id, &before)))
		return r;
	if (before && !strcmp(before, role))
		return 0;
	if ((strcmp(role, "owner") != 0 && (r = check_owners(st, organization_id, user_id))) || (r = put_member(st, organization_id, user_id, role)) ||
	    (r = audit_role(st, organization_id, user_id, before, role)))
		return r;
	return txn_commit(&t);
}

int member_revoke(struct genstore *st, const char *organization_id, const char *user_id)
{
	AUTO(free_ptr) char *before = NULL;
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = access_check(st, organization_id, ACCESS_READ)))
		return r;
	/* Whoever wants to leaves; to send others away takes an owner. */
	if (strcmp(st->subject.user_id, user_id) != 0 && (r = access_check(st, organization_id, ACCESS_ADMINISTER)))
		return r;
	if ((r = role_of(st, organization_id, user_id, &before)))
		return r;
	if (!before)
		return store_fail(st, -ENOENT, "the user is no member of that organization");
	if ((r = check_owners(st, organization_id, user_id)) ||
	    (r = ASK(st, "DELETE FROM main.memberships WHERE organization_id = ? AND user_id = ?", organization_id, user_id)) ||
	    (r = ASK(st, "DELETE FROM main.tokens WHERE organization_id = ? AND user_id = ?", organization_id, user_id)) ||
	    (r = ASK(st, "DELETE FROM main.access_keys WHERE organization_id = ? AND user_id = ?", organization_id, user_id)) ||
	    (r = audit_role(st, organization_id, user_id, before, NULL)))
		return r;
	return txn_commit(&t);
}

void member_release(struct member *m)
{
	char **texts[] = { &m->user_id, &m->user, &m->role, &m->created_at };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		free(MOVE(*texts[i]));
}

int member_next(struct genstore *st, const char *organization_id, const char *after, struct member *ret_m)
{
	STMT q = db_stmt(&st->db, "SELECT m.user_id, u.name, m.role, m.created_at FROM memberships AS m JOIN users AS u ON u.id = m.user_id"
				  " WHERE m.organization_id = ? AND u.name > ? ORDER BY u.name LIMIT 1");
	char **into[] = { &ret_m->user_id, &ret_m->user, &ret_m->role, &ret_m->created_at };

	bind_text(&q, organization_id);
	bind_text(&q, after);
	return next(&q, into, ARRAY_LEN(into));
}
