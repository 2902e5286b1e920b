/*
 * What can be asked of a generation that may be in another process's hand, by its state: one table for the command line and for the server.
 */
#ifndef GENSTORE_FLOW_STEER_H
#define GENSTORE_FLOW_STEER_H

#include "store/control.h"
#include "store/event.h"
#include "store/generation.h"

/* What becomes of a wish. */
enum steer_what {
	STEER_REFUSE,
	STEER_POST,    /* it was posted to the process that has the generation */
	STEER_HERE,    /* nobody has it: who asks does it */
	STEER_NOTHING, /* it is so already */
};

struct steer {
	struct control control;  /* the wish; of an answer decision_id is found here: it is to the question that is asked now */
	struct generation g;     /* as it was when it was looked at: its id is the caller's to set before */
	enum steer_what what;
	const char *words;       /* STEER_REFUSE: why, behind "'req_x' is <status>" */
	int64_t id;              /* STEER_POST: of the message */
	int64_t newest;          /* the generation's newest snapshot then, 0: none */
};
/* What is in the control is the caller's, decision_id apart. */
void steer_release(struct steer *s);

/* Looks and posts in one transaction: nobody waits for what is over already. Errors have words in st. */
int steer(struct genstore *st, struct steer *s);

/*
 * One look at a message that was posted. 1: it waits. 0: it was done, s->g is as it is now. -ECANCELED: it was refused, or its process
 * ended; `why` says so, and the message is gone. -EBUSY and other errors of the store have words in st.
 */
int steer_wait(struct genstore *st, struct steer *s, struct buf *why);
/* Takes back what was not taken. */
void steer_give_up(struct genstore *st, const struct steer *s);

/*
 * The end of a generation that nobody has in hand: a queued one, or a paused one, of which what is in its workspace is kept first (`note`:
 * why it could not be). -EAGAIN: somebody has just taken it up. s->g is as it is then.
 */
int steer_cancel(struct genstore *st, struct steer *s, struct buf *note);

#endif
