/* Typed artifacts: their rows against their paths and their bytes. */
#include "store/artifact.h"
#include "store/check_inside.h"

/* Rows of other programs, whose bytes never were here, may have what form they like. */
static int check_row(struct check *c, const struct stmt *q)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	const char *id = col_text(q, 1), *name = col_text(q, 5);
	struct session s = { .id = "" };
	int64_t seconds;
	int r;

	snprintf(s.id, sizeof(s.id), "%s", col_null(q, 2) ? "" : col_text(q, 2));
	snprintf(s.organization_id, sizeof(s.organization_id), "%s", col_text(q, 3));
	if ((r = artifact_storage_path(&s, col_text(q, 4), name, &path)))
		return r;
	if (strcmp(buf_str(&path), col_text(q, 6)) != 0)
		check_found(c, "artifact", id, "its storage_path is not that of its session, type and name");
	if (col_i64(q, 7) != col_i64(q, 8))
		check_found(c, "artifact", id, "it has %lld bytes, its content %lld", (long long)col_i64(q, 7), (long long)col_i64(q, 8));
	if (col_null(q, 9) || clock_parse(col_text(q, 9), &seconds))
		check_found(c, "artifact", id, "created_at is not a time");
	if (clock_parse(col_text(q, 10), &seconds))
		check_found(c, "artifact", id, "stored_at is not a time");
	return 0;
}

static int check_artifact(struct check *c, int64_t version)
{
	STMT q = db_stmt(&c->st->db, "SELECT c.id, a.artifact_id, a.session_id, a.organization_id, a.artifact_type, a.artifact_name, a.storage_path,"
				     " a.file_size, coalesce(k.size, -1), a.created_at, c.stored_at FROM artifact_content AS c"
				     " JOIN artifacts AS a ON a.artifact_id = c.artifact_id LEFT JOIN content AS k ON k.id = c.content_id"
				     " WHERE c.id = ?");
	int r;

	bind_i64(&q, version);
	if ((r = stmt_step(&q)) <= 0)
		return check_verdict_id(c, "artifact", version, r);
	c->result.artifacts++;
	return check_row(c, &q);
}

/* Two of different organisations: by foreign keys alone a session could have artifacts of another one. */
static int check_owners(struct check *c)
{
	STMT q = db_stmt(&c->st->db, "SELECT a.artifact_id FROM artifacts AS a JOIN sessions AS s ON s.session_id = a.session_id"
				     " WHERE s.organization_id <> a.organization_id");
	int r;

	while ((r = stmt_step(&q)) > 0)
		check_found(c, "artifact", col_text(&q, 0), "its session belongs to another organization");
	return check_verdict(c, "artifact", "-", r);
}

int check_artifacts(struct check *c)
{
	int r = check_each(c, "SELECT id FROM artifact_content WHERE id > ? ORDER BY id LIMIT 1", check_artifact);

	return r ? r : check_owners(c);
}
