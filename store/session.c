#include "store/session.h"
#include "store/access.h"
#include "store/app.h"
#include "store/audit.h"
#include "store/base/utf8.h"
#include "store/sums.h"

#include <ctype.h>

/* Sessions and conversations differ in where they are written down. */
struct kind {
	const char *what, *table, *by_id, *by_name, *named, *taken, *insert;
};

static const struct kind session = {
	"session", "sessions", "SELECT session_id, organization_id FROM sessions WHERE session_id = ?",
	"SELECT session_id, organization_id FROM sessions WHERE name = ?1 AND (?2 IS NULL OR organization_id = ?2) LIMIT 2",
	"SELECT 1 FROM sessions WHERE session_id = ? AND +name = ?",
	"SELECT 1 FROM main.sessions WHERE session_id = ? AND organization_id <> ?",
	"INSERT INTO main.sessions (session_id, organization_id, name, created_at) VALUES (?, ?, ?, ?)"
	" ON CONFLICT (session_id) DO UPDATE SET name = coalesce(name, excluded.name)",
};
static const struct kind conversation = {
	"conversation", "conversations", "SELECT conversation_id, organization_id FROM conversations WHERE conversation_id = ?",
	"SELECT conversation_id, organization_id FROM conversations WHERE name = ?1 AND (?2 IS NULL OR organization_id = ?2) LIMIT 2",
	"SELECT 1 FROM conversations WHERE conversation_id = ? AND +name = ?",
	"SELECT 1 FROM main.conversations WHERE conversation_id = ? AND organization_id <> ?",
	"INSERT INTO main.conversations (conversation_id, organization_id, name, created_at) VALUES (?, ?, ?, ?)"
	" ON CONFLICT (conversation_id) DO UPDATE SET name = coalesce(name, excluded.name)",
};

static bool as_uuid(const char *text, char out[ID_UUID])
{
	if (strlen(text) != ID_UUID - 1)
		return false;
	for (int i = 0; i < ID_UUID; i++)
		out[i] = (char)tolower((unsigned char)text[i]);
	return id_is_uuid(out);
}

/* "before what 'text'after" */
static int fail(struct genstore *st, int r, const char *before, const char *what, const char *text, const char *after)
{
	AUTO(buf_release) struct buf safe = BUF_INIT;

	utf8_printable(&safe, text, utf8_cut(text, strlen(text), SESSION_NAME_MAX));
	return store_fail(st, r, "%s%s '%s'%s", before, what, buf_str(&safe), after);
}

static int check_name(struct genstore *st, const char *what, const char *text)
{
	if (!*text || !utf8_plain(text, strlen(text)))
		return fail(st, -EINVAL, "the name of the ", what, text, " is empty, not UTF-8, or has control characters");
	if (utf8_length(text) > SESSION_NAME_MAX)
		return fail(st, -EINVAL, "the name of the ", what, text, " has more than 255 characters");
	return 0;
}

/*
 * An index that is damaged leads to somebody else's row. 1: it is that of `id`, and where `named` asks for it, of that name: by its key,
 * and with '+', the columns come from the row.
 */
static int vouch(struct genstore *st, const char *table, const char *id, const char *named, const char *name)
{
	STMT q = named ? db_stmt(&st->db, named) : (struct stmt){ 0 };
	int r = 1;

	if (named) {
		bind_text(&q, id);
		bind_text(&q, name);
		r = stmt_step(&q);
	}
	if (!r)
		return store_fail(st, -EBADMSG, "the index of '%s' is damaged; run 'genstore check'", table);
	return r < 0 || (r = sums_verify_text(st, table, id)) ? r : 1;
}

static void take(const struct stmt *q, struct session *ret_s)
{
	snprintf(ret_s->id, ID_UUID, "%s", col_text(q, 0));
	snprintf(ret_s->organization_id, ID_UUID, "%s", col_text(q, 1));
}

static int find_id(struct genstore *st, const struct kind *k, const char *id, struct session *ret_s)
{
	STMT q = db_stmt(&st->db, k->by_id);
	int r;

	bind_text(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	take(&q, ret_s);
	return vouch(st, k->table, id, NULL, NULL);
}

static int find_name(struct genstore *st, const struct kind *k, const char *organization_id, const char *name, struct session *ret_s)
{
	STMT q = db_stmt(&st->db, k->by_name);
	int r;

	bind_text(&q, name);
	bind_text(&q, organization_id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	take(&q, ret_s);
	if ((r = stmt_step(&q)) > 0)
		return fail(st, -ENOTUNIQ, "several organizations have a ", k->what, name, "; say which with --org, or give its id");
	return r < 0 ? r : vouch(st, k->table, ret_s->id, k->named, name);
}

/* 1, 0: none such. What another organisation has is none. */
static int find(struct genstore *st, const struct kind *k, const char *organization_id, const char *text, struct session *ret_s)
{
	char id[ID_UUID];
	int r = as_uuid(text, id) ? find_id(st, k, id, ret_s) : 0;

	if (!r)
		r = find_name(st, k, organization_id, text, ret_s);
	return r > 0 && organization_id && strcmp(ret_s->organization_id, organization_id) != 0 ? 0 : r;
}

static int found(struct genstore *st, const struct kind *k, const char *text, int r)
{
	return r > 0 ? 0 : r < 0 ? r : fail(st, -ENOENT, "no ", k->what, text, "");
}

int session_find(struct genstore *st, const char *organization_id, const char *text, struct session *ret_s)
{
	return found(st, &session, text, find(st, &session, organization_id, text, ret_s));
}

int conversation_find(struct genstore *st, const char *organization_id, const char *text, char ret_id[ID_UUID])
{
	struct session s;
	int r = found(st, &conversation, text, find(st, &conversation, organization_id, text, &s));

	if (!r)
		memcpy(ret_id, s.id, ID_UUID);
	return r;
}

static int insert(struct genstore *st, const struct kind *k, const struct session *s, const char *name)
{
	STMT q = db_stmt(&st->db, k->insert);
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, s->id);
	bind_text(&q, s->organization_id);
	bind_text(&q, name);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* 1: the id is that of another organization's, whether the handle shows that or not. */
static int is_taken(struct genstore *st, const struct kind *k, const struct session *s)
{
	STMT q = db_stmt(&st->db, k->taken);

	bind_text(&q, s->id);
	bind_text(&q, s->organization_id);
	return stmt_step(&q);
}

static int make(struct genstore *st, const struct kind *k, const char *organization_id, const char *text, struct session *ret_s)
{
	struct session s;
	bool is_id = as_uuid(text, s.id);
	int r = find(st, k, organization_id, text, ret_s);

	if (r)
		return r < 0 ? r : 0;
	if (!is_id && ((r = check_name(st, k->what, text)) || (r = id_uuid5(organization_id, text, s.id))))
		return r;
	memcpy(s.organization_id, organization_id, ID_UUID);
	if ((r = is_taken(st, k, &s)))
		return r < 0 ? r : fail(st, -EPERM, "the ", k->what, text, " belongs to another organization");
	if ((r = access_check(st, organization_id, ACCESS_WRITE)) || (r = insert(st, k, &s, is_id ? NULL : text)))
		return r;
	*ret_s = s;
	return 0;
}

int session_make(struct genstore *st, const char *organization_id, const char *text, struct session *ret_s)
{
	return make(st, &session, organization_id, text, ret_s);
}

int conversation_make(struct genstore *st, const char *organization_id, const char *text, char ret_id[ID_UUID])
{
	struct session s;
	int r = make(st, &conversation, organization_id, text, &s);

	if (!r)
		memcpy(ret_id, s.id, ID_UUID);
	return r;
}

static int organization_known(struct genstore *st, const char *text, char ret_id[ID_UUID])
{
	STMT q = db_stmt(&st->db, "SELECT organization_id FROM organizations WHERE organization_id = ?1 OR name = ?2"
				  " ORDER BY organization_id <> ?1 LIMIT 1");
	char id[ID_UUID];
	bool is_id = as_uuid(text, id);
	int r;

	bind_text(&q, is_id ? id : text);
	bind_text(&q, text);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	snprintf(ret_id, ID_UUID, "%s", col_text(&q, 0));
	return vouch(st, "organizations", ret_id, is_id ? NULL : "SELECT 1 FROM organizations WHERE organization_id = ? AND +name = ?", text);
}

int organization_find(struct genstore *st, const char *text, char ret_id[ID_UUID])
{
	int r = organization_known(st, text, ret_id);

	return r > 0 ? 0 : r < 0 ? r : fail(st, -ENOENT, "no ", "organization", text, "");
}

static int organization_insert(struct genstore *st, const char *id, const char *name)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.organizations (organization_id, name, created_at) VALUES (?, ?, ?)");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, id);
	bind_text(&q, name);
	bind_text(&q, now);
	return stmt_run(&q);
}

/* The organization that is called like a user is that user's, who is its owner: what his generations leave goes there. */
static int own_it(struct genstore *st, const char *organization_id, const char *name)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.memberships (organization_id, user_id, role, created_at)"
				  " SELECT ?, id, 'owner', ? FROM main.users WHERE name = ?");
	char now[CLOCK_TEXT];

	store_now(st, now);
	bind_text(&q, organization_id);
	bind_text(&q, now);
	bind_text(&q, name);
	return stmt_run(&q);
}

/* A limited handle makes one only that is called like its user, and none that others have. */
static int may_make(struct genstore *st, const char *text)
{
	AUTO(free_ptr) char *user = NULL;
	int r;

	if (!access_is_limited(st))
		return 0;
	if (!*st->subject.user_id || *st->subject.organization_id)
		return fail(st, -ENOENT, "no ", "organization", text, "");
	if ((r = user_name(st, st->subject.user_id, &user)))
		return r;

	STMT q = db_stmt(&st->db, "SELECT 1 FROM main.organizations WHERE name = ?");

	bind_text(&q, text);
	if (strcmp(user, text) != 0 || (r = stmt_step(&q)))
		return r < 0 ? r : fail(st, -ENOENT, "no ", "organization", text, "");
	return 0;
}

int organization_make(struct genstore *st, const char *text, char ret_id[ID_UUID])
{
	char id[ID_UUID];
	bool is_id = as_uuid(text, id);
	int r = organization_known(st, text, ret_id);

	if (r)
		return r < 0 ? r : 0;
	if (!is_id && ((r = check_name(st, "organization", text)) || (r = id_uuid4(&st->ids, id))))
		return r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = may_make(st, text)) || (r = organization_insert(st, id, is_id ? id : text)) || (r = own_it(st, id, text)) ||
	    (r = audit_change(st, "org.add", id, "name", NULL, is_id ? id : text)))
		return r;
	memcpy(ret_id, id, ID_UUID);
	return txn_commit(&t);
}
