/* POST /api/generations/{request_id}/control: what `pause`, `continue`, `cancel`, `answer`, `say` and `snapshot` do. */
#include "src/flow/checkpoint.h"
#include "src/flow/flow.h"
#include "src/flow/steer.h"
#include "src/serve/api_generation.h"
#include "store/base/clock.h"

#include <jansson.h>
#include <poll.h>

/* A request waits shorter than the server does for answers when it ends. What was not done by then goes on: 202. */
enum { WAIT_MS = 5000, LOOK_MS = 30, LABEL_MAX = 200, BODY_MAX = 2 * CONTROL_TEXT_MAX + 4096 };

static const struct action {
	const char *name;
	enum control_kind kind;
	const char *field, *field_2; /* texts it takes besides `action` */
	bool needed;                 /* the first */
} actions[] = {
	{ "pause", CONTROL_PAUSE, NULL, NULL, false },       { "continue", CONTROL_CONTINUE, NULL, NULL, false },
	{ "cancel", CONTROL_CANCEL, NULL, NULL, false },     { "stop", CONTROL_STOP, NULL, NULL, false },
	{ "answer", CONTROL_ANSWER, "choice", "input", true }, { "say", CONTROL_SAY, "input", NULL, true },
	{ "snapshot", CONTROL_SNAPSHOT, "label", NULL, false },
};

/* A text of the body, which is UTF-8 since it was JSON. The words of what is wrong, or NULL. */
static const char *take_text(const json_t *value, size_t max, char **ret)
{
	const char *text = json_string_value(value);

	if (!value)
		return NULL;
	if (!text || !*text || strlen(text) != json_string_length(value))
		return "choice, input and label are text that is not empty";
	if (strlen(text) > max)
		return "choice and input have at most 65536 bytes, label 200";
	return (*ret = strdup(text)) ? NULL : "no memory";
}

static const char *read_fields(const json_t *o, const struct action *a, struct control *c)
{
	const char *key, *why = NULL;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		bool first = a->field && !strcmp(key, a->field), second = a->field_2 && !strcmp(key, a->field_2);

		if (strcmp(key, "action") != 0 && !first && !second)
			return "there is a field that this action does not take";
		if (first || second)
			why = take_text(value, strcmp(key, "label") ? CONTROL_TEXT_MAX : LABEL_MAX, strcmp(key, "choice") ? &c->input : &c->choice);
		if (why)
			return why;
	}
	if (a->needed && !json_object_get(o, a->field))
		return a->kind == CONTROL_ANSWER ? "an answer has a choice" : "say has an input";
	return NULL;
}

/* The words of what is wrong with the body, or NULL. */
static const char *read_wish(const json_t *o, struct control *c)
{
	const char *name = json_string_value(json_object_get(o, "action"));

	for (size_t i = 0; name && i < ARRAY_LEN(actions); i++)
		if (strcmp(name, actions[i].name) == 0) {
			c->kind = actions[i].kind;
			return read_fields(o, &actions[i], c);
		}
	return "the body is a JSON object whose action is pause, continue, cancel, stop, answer, say or snapshot";
}

static int conflict(struct request *q, const struct steer *s, const char *words)
{
	AUTO(buf_release) struct buf why = BUF_INIT;

	buf_addf(&why, "'%s' is %s%s", s->g.request_id, s->g.status, words);
	return reply_error(q, 409, buf_str(&why), NULL, false);
}

/* Nobody has it in hand: what does not need a process is done here. */
static int do_here(struct request *q, struct genstore *st, struct steer *s)
{
	AUTO(buf_release) struct buf note = BUF_INIT;
	int64_t id;
	int r;

	if (s->control.kind == CONTROL_CONTINUE)
		return conflict(q, s, " and no process of it is left; 'genstore continue' goes on with it");
	r = s->control.kind == CONTROL_SNAPSHOT ? checkpoint_of(st, &s->g, "manual", s->control.input, &id) : steer_cancel(st, s, &note);
	if (r == -EAGAIN)
		return conflict(q, s, " and was just taken up again; try again");
	return r ? reply_store(q, r, st) : generation_reply(q, 200, st, &s->g, NULL);
}

/* A handle is lent for each look, and given back while nothing happens. 1: nothing was answered, it waits still. */
static int look(struct request *q, struct steer *s, bool last)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_WRITE, &l);

	if (r)
		return api_answered(r);
	r = steer_wait(l.st, s, &why);
	if (r == -ECANCELED)
		return reply_error(q, 409, buf_str(&why), NULL, false);
	if (r == 1 || r == -EBUSY)
		return last ? generation_reply(q, 202, l.st, &s->g, NULL) : 1;
	return r ? reply_store(q, r, l.st) : generation_reply(q, 200, l.st, &s->g, NULL);
}

static int wait_for_it(struct request *q, struct steer *s)
{
	int64_t until = clock_ms() + WAIT_MS;
	int r;

	while ((r = look(q, s, clock_ms() >= until)) == 1)
		poll(NULL, 0, LOOK_MS);
	return r;
}

/* What a killed genstore had in hand is nobody's. 1: it was answered. */
static int adopt(struct request *q)
{
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow_any(q, API_WRITE, &l);

	if (r || !(r = flow_adopt_orphans(l.st, NULL, NULL)) || r == -EBUSY)
		return r == -EBUSY ? 0 : r;
	r = reply_store(q, r, l.st);
	return r ? r : 1;
}

/* 1: it was posted, and is to be waited for. */
static int begin(struct request *q, struct steer *s)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_WRITE, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	s->g.id = g.id;
	if ((r = steer(l.st, s)))
		return reply_store(q, r, l.st);
	switch (s->what) {
	case STEER_REFUSE:
		return conflict(q, s, s->words);
	case STEER_HERE:
		return do_here(q, l.st, s);
	case STEER_NOTHING:
		return generation_reply(q, 200, l.st, &s->g, NULL);
	case STEER_POST:
		break;
	}
	return 1;
}

static int control(struct request *q)
{
	json_t *o = json_loadb(buf_str(&q->text), q->text.len, JSON_REJECT_DUPLICATES, NULL);
	struct steer s = { 0 };
	const char *why = read_wish(o, &s.control);
	int r = why ? reply_error(q, 422, why, NULL, false) : adopt(q);

	json_decref(o);
	if (!why && !r && (r = begin(q, &s)) == 1)
		r = wait_for_it(q, &s);
	steer_release(&s);
	control_release(&s.control);
	return api_answered(r);
}

const struct route control_routes[] = {
	{ "POST", "/api/generations/{request_id}/control", control, .body = BODY_MAX },
	{ 0 },
};
