#include "store/access.h"

/*
 * temp.subject has one row. What is somebody's is a user's (apps, generations and what belongs to them, secrets, tokens) or an organization's
 * (sessions, conversations, artifacts). Who is limited to one organization sees no user's things: generations are nobody's but their user's.
 */
#define USER "(SELECT user_id FROM temp.subject WHERE organization_id = '')"
#define OF_GENERATION(name, column)                                                                                    \
	"CREATE TEMP VIEW " name " AS SELECT * FROM main." name " AS t WHERE EXISTS"                                               \
	" (SELECT 1 FROM main.generation_requests AS g WHERE g.id = t." column " AND g.user_id = " USER ");"
#define OF_USER(name) "CREATE TEMP VIEW " name " AS SELECT * FROM main." name " WHERE user_id = " USER ";"
#define OF_ORGANIZATION(name)                                                                                          \
	"CREATE TEMP VIEW " name " AS SELECT * FROM main." name " AS t WHERE EXISTS"                                               \
	" (SELECT 1 FROM temp.seen AS s WHERE s.organization_id = t.organization_id);"

static const char *const views[] = {
	"CREATE TEMP TABLE subject (id INTEGER PRIMARY KEY, user_id TEXT NOT NULL, organization_id TEXT NOT NULL);",
	/* Without a user, an organization's things are shown to whoever may open the file. */
	"CREATE TEMP VIEW seen AS SELECT o.organization_id FROM main.organizations AS o, temp.subject AS s"
	" WHERE s.organization_id IN ('', o.organization_id) AND (s.user_id = '' OR EXISTS (SELECT 1 FROM main.memberships AS m"
	"  WHERE m.organization_id = o.organization_id AND m.user_id = s.user_id));",
	OF_USER("apps") OF_USER("generation_requests") OF_USER("user_secrets") OF_USER("audit_log"),
	"CREATE TEMP VIEW tokens AS SELECT t.* FROM main.tokens AS t, temp.subject AS s WHERE t.user_id = s.user_id"
	" AND s.organization_id IN ('', t.organization_id);",
	"CREATE TEMP VIEW access_keys AS SELECT k.* FROM main.access_keys AS k, temp.subject AS s WHERE k.user_id = s.user_id"
	" AND s.organization_id IN ('', k.organization_id);",
	OF_GENERATION("iteration_snapshots", "generation_request_id") OF_GENERATION("generation_events", "generation_request_id"),
	OF_GENERATION("generation_costs", "generation_request_id") OF_GENERATION("generation_controls", "generation_request_id"),
	OF_GENERATION("generation_questions", "generation_request_id") OF_GENERATION("generation_runs", "generation_request_id"),
	OF_GENERATION("archive", "generation_request_id") OF_GENERATION("outbox", "generation_request_id"),
	"CREATE TEMP VIEW remote_objects AS SELECT * FROM main.remote_objects AS t WHERE EXISTS"
	" (SELECT 1 FROM temp.outbox AS o WHERE o.id = t.outbox_id);",
	"CREATE TEMP VIEW received AS SELECT * FROM main.received AS t WHERE EXISTS"
	" (SELECT 1 FROM temp.generation_requests AS g WHERE g.request_id = t.request_id);",
	"CREATE TEMP VIEW generations AS SELECT * FROM main.generations WHERE user_id = " USER ";",
	OF_ORGANIZATION("organizations") OF_ORGANIZATION("memberships") OF_ORGANIZATION("sessions"),
	OF_ORGANIZATION("conversations") OF_ORGANIZATION("artifacts") OF_ORGANIZATION("artifact_remotes"),
	"CREATE TEMP VIEW artifact_content AS SELECT * FROM main.artifact_content AS t WHERE EXISTS"
	" (SELECT 1 FROM temp.artifacts AS a WHERE a.artifact_id = t.artifact_id);",
	"CREATE TEMP VIEW buckets AS SELECT * FROM main.buckets WHERE user_id IS NULL OR user_id = " USER ";",
	OF_USER("bucket_objects") OF_USER("bucket_uploads"),
	"CREATE TEMP VIEW bucket_object_parts AS SELECT * FROM main.bucket_object_parts AS t WHERE EXISTS"
	" (SELECT 1 FROM temp.bucket_objects AS o WHERE o.id = t.object_id);",
	"CREATE TEMP VIEW bucket_upload_parts AS SELECT * FROM main.bucket_upload_parts AS t WHERE EXISTS"
	" (SELECT 1 FROM temp.bucket_uploads AS u WHERE u.id = t.upload);",
	/* Themselves, and who is in an organization with them. */
	"CREATE TEMP VIEW users AS SELECT * FROM main.users AS u WHERE u.id = (SELECT user_id FROM temp.subject)"
	" OR EXISTS (SELECT 1 FROM main.memberships AS m JOIN temp.seen AS s ON s.organization_id = m.organization_id WHERE m.user_id = u.id);",
};

bool access_is_limited(const struct genstore *st)
{
	return *st->subject.user_id || *st->subject.organization_id;
}

static int write_subject(struct genstore *st)
{
	STMT q = db_stmt(&st->db, "INSERT OR REPLACE INTO temp.subject (id, user_id, organization_id) VALUES (1, ?, ?)");

	bind_text(&q, st->subject.user_id);
	bind_text(&q, st->subject.organization_id);
	return stmt_run(&q);
}

static int make_views(struct genstore *st)
{
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(views) && !r; i++)
		r = db_exec(&st->db, views[i]);
	return r ? r : write_subject(st);
}

/* Readers are kept from writing anything, their own temporary tables included. */
static int with_writing(struct genstore *st, int (*what)(struct genstore *st))
{
	int r = st->read_only ? db_exec(&st->db, "PRAGMA query_only = OFF") : 0;

	if (r || (r = what(st)))
		return r;
	return st->read_only ? db_exec(&st->db, "PRAGMA query_only = ON") : 0;
}

int access_apply(struct genstore *st)
{
	return access_is_limited(st) ? with_writing(st, make_views) : 0;
}

int access_limit(struct genstore *st, const struct access_subject *subject)
{
	bool has_views = access_is_limited(st) && st->db.handle;

	if (!*subject->user_id && !*subject->organization_id)
		return store_fail(st, -EINVAL, "a handle is limited to somebody");
	st->subject = *subject;
	snprintf(st->actor, sizeof(st->actor), "%s", subject->user_id);
	return !st->db.handle ? 0 : has_views ? with_writing(st, write_subject) : access_apply(st);
}

/* In the order of what they may. */
static const char *const roles[] = { [ACCESS_READ] = "viewer", [ACCESS_WRITE] = "member", [ACCESS_ADMINISTER] = "owner" };

bool access_is_role(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(roles); i++)
		if (!strcmp(roles[i], text))
			return true;
	return false;
}

static int not_enough(struct genstore *st, const char *name, enum access_verb verb)
{
	if (verb == ACCESS_ADMINISTER)
		return store_fail(st, -EPERM, "only an owner of the organization '%s' may do that", name);
	return store_fail(st, -EPERM, "a viewer of the organization '%s' cannot change what it has; one of its owners can give the role 'member'", name);
}

int access_check(struct genstore *st, const char *organization_id, enum access_verb verb)
{
	STMT q = db_stmt(&st->db, "SELECT o.name, (SELECT role FROM main.memberships AS m WHERE m.organization_id = o.organization_id AND m.user_id = ?2)"
				  " FROM organizations AS o WHERE o.organization_id = ?1");
	const char *role;
	int r;

	if (!access_is_limited(st))
		return 0;
	bind_text(&q, organization_id);
	bind_text(&q, st->subject.user_id);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -ENOENT, "no organization '%s'", organization_id);
	/* The file's owner, who looks at one organization. */
	if (!*st->subject.user_id)
		return 0;
	role = col_text(&q, 1);
	for (size_t may = verb; role && may < ARRAY_LEN(roles); may++)
		if (!strcmp(roles[may], role))
			return 0;
	return not_enough(st, col_text(&q, 0), verb);
}
