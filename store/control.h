/*
 * What other processes want of the one that has a generation in hand, and what it asks them: durable rows, so that the command line, a
 * server and the mount all have the same way to it.
 *
 * Who wants something posts it, in one transaction with the look that the generation is in a state for it. The runner notices by
 * db_data_version(), takes what is next with control_next(), does it, and says control_done() or control_refuse().
 */
#ifndef GENSTORE_CONTROL_H
#define GENSTORE_CONTROL_H

#include "store/store.h"

enum {
	CONTROL_WAITING_MAX = 100,      /* rows that wait for one generation */
	CONTROL_TEXT_MAX = 64 << 10,    /* bytes of a choice or a text */
	CONTROL_READ_S = 3600,          /* for who posted a message to see that it was refused */
};

enum control_kind {
	CONTROL_PAUSE, CONTROL_CONTINUE, CONTROL_CANCEL,
	CONTROL_STOP, /* an end by itself, after this iteration */
	CONTROL_ANSWER, CONTROL_SAY, CONTROL_SNAPSHOT,
	CONTROL_KINDS
};
const char *control_name(enum control_kind kind);

struct control {
	int64_t id;
	enum control_kind kind;
	char *decision_id, *choice, *input;
};
void control_release(struct control *c);

/* id is not looked at. -EFBIG over a limit, with words. */
int control_post(struct genstore *st, int64_t generation, const struct control *c, int64_t *ret_id);
/* The first behind id `after` that was not refused: 1, or 0. */
int control_next(struct genstore *st, int64_t generation, int64_t after, struct control *ret_c);
int control_done(struct genstore *st, int64_t id);
int control_refuse(struct genstore *st, int64_t id, const char *why);
/* For who posted it: 1 it waits, 0 it is done or gone, -ECANCELED it was refused: *ret_why is the caller's. */
int control_state(struct genstore *st, int64_t id, char **ret_why);

struct question {
	char *decision_id, *parent_id, *action, *prompt, *suggested_task;
	char *options;  /* a JSON array, or NULL */
	char *asked_at, *until;
	bool allow_editor;
};
void question_release(struct question *q);
/* In the place of the one before. */
int question_put(struct genstore *st, int64_t generation, const struct question *q);
int question_drop(struct genstore *st, int64_t generation);
/* -ENOENT when nothing is asked. */
int question_get(struct genstore *st, int64_t generation, struct question *ret_q);

/*
 * Nobody has it in hand any more. Wishes for its end are over, as is the question; other messages that were not taken are refused, so that
 * who posted them learns of it.
 */
int control_clear(struct genstore *st, const char *request_id);

#endif
