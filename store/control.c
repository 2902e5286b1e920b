#include "store/control.h"

static const char *const names[CONTROL_KINDS] = {
	[CONTROL_PAUSE] = "pause", [CONTROL_CONTINUE] = "continue", [CONTROL_CANCEL] = "cancel", [CONTROL_STOP] = "stop",
	[CONTROL_ANSWER] = "answer", [CONTROL_SAY] = "say", [CONTROL_SNAPSHOT] = "snapshot",
};

const char *control_name(enum control_kind kind)
{
	return names[kind];
}

void control_release(struct control *c)
{
	free(c->decision_id);
	free(c->choice);
	free(c->input);
	*c = (struct control){ 0 };
}

static bool too_long(const char *text)
{
	return text && strlen(text) > CONTROL_TEXT_MAX;
}

/* Nobody fills the store with what nobody takes. */
static int check_room(struct genstore *st, int64_t generation, const struct control *c)
{
	STMT q = db_stmt(&st->db, "SELECT count(*) FROM generation_controls WHERE generation_request_id = ?");
	int r;

	if (too_long(c->choice) || too_long(c->input))
		return store_fail(st, -EFBIG, "the text is over %d bytes", CONTROL_TEXT_MAX);
	bind_i64(&q, generation);
	if ((r = stmt_step(&q)) < 0)
		return r;
	if (col_i64(&q, 0) >= CONTROL_WAITING_MAX)
		return store_fail(st, -EFBIG, "%d messages wait for this generation already; its genstore does not take them",
				  CONTROL_WAITING_MAX);
	return 0;
}

int control_post(struct genstore *st, int64_t generation, const struct control *c, int64_t *ret_id)
{
	STMT q = db_stmt(&st->db, "INSERT INTO main.generation_controls (generation_request_id, command, decision_id, choice, input, created_at)"
				  " VALUES (?, ?, ?, ?, ?, ?)");
	char now[CLOCK_TEXT];
	int r = check_room(st, generation, c);

	if (r)
		return r;
	store_now(st, now);
	bind_i64(&q, generation);
	bind_text(&q, names[c->kind]);
	bind_text(&q, c->decision_id);
	bind_text(&q, c->choice);
	bind_text(&q, c->input);
	bind_text(&q, now);
	if ((r = stmt_run(&q)))
		return r;
	*ret_id = db_last_id(&st->db);
	return 0;
}

static int kind_of(const char *name, enum control_kind *ret_kind)
{
	for (int k = 0; k < CONTROL_KINDS; k++)
		if (name && strcmp(names[k], name) == 0) {
			*ret_kind = (enum control_kind)k;
			return 0;
		}
	return -EUCLEAN;
}

int control_next(struct genstore *st, int64_t generation, int64_t after, struct control *ret_c)
{
	STMT q = db_stmt(&st->db, "SELECT id, command, decision_id, choice, input FROM generation_controls"
				  " WHERE generation_request_id = ? AND id > ? AND refused IS NULL ORDER BY id LIMIT 1");
	AUTO(control_release) struct control c = { 0 };
	int r;

	bind_i64(&q, generation);
	bind_i64(&q, after);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	c.id = col_i64(&q, 0);
	if ((r = kind_of(col_text(&q, 1), &c.kind)) || (r = col_dup(&q, 2, &c.decision_id)) || (r = col_dup(&q, 3, &c.choice)) ||
	    (r = col_dup(&q, 4, &c.input)))
		return r;
	*ret_c = c;
	c = (struct control){ 0 };
	return 1;
}

int control_done(struct genstore *st, int64_t id)
{
	STMT q = db_stmt(&st->db, "DELETE FROM main.generation_controls WHERE id = ?");

	bind_i64(&q, id);
	return stmt_run(&q);
}

int control_refuse(struct genstore *st, int64_t id, const char *why)
{
	STMT q = db_stmt(&st->db, "UPDATE main.generation_controls SET refused = ? WHERE id = ?");

	bind_text(&q, why);
	bind_i64(&q, id);
	return stmt_run(&q);
}

int control_state(struct genstore *st, int64_t id, char **ret_why)
{
	STMT q = db_stmt(&st->db, "SELECT refused FROM generation_controls WHERE id = ?");
	int r;

	bind_i64(&q, id);
	if ((r = stmt_step(&q)) <= 0)
		return r;
	if (col_null(&q, 0))
		return 1;
	return (r = col_dup(&q, 0, ret_why)) ? r : -ECANCELED;
}

int control_clear(struct genstore *st, const char *request_id)
{
	/* A refusal stays until it is read, or until nobody can be there any more to read it. */
	STMT q = db_stmt(&st->db, "DELETE FROM main.generation_controls WHERE (command IN ('cancel', 'stop') OR created_at < ?)"
				  " AND generation_request_id = (SELECT id FROM generation_requests WHERE request_id = ?)");
	STMT u = db_stmt(&st->db, "UPDATE main.generation_controls SET refused = 'its genstore ended before this was done'"
				  " WHERE refused IS NULL AND generation_request_id = (SELECT id FROM generation_requests WHERE request_id = ?)");
	STMT p = db_stmt(&st->db, "DELETE FROM main.generation_questions WHERE generation_request_id ="
				  " (SELECT id FROM generation_requests WHERE request_id = ?)");
	char old[CLOCK_TEXT];
	int r;

	clock_format(clock_now(&st->clock) - CONTROL_READ_S, old);
	bind_text(&q, old);
	bind_text(&q, request_id);
	bind_text(&u, request_id);
	bind_text(&p, request_id);
	return (r = stmt_run(&q)) || (r = stmt_run(&u)) ? r : stmt_run(&p);
}
