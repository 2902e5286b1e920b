/*
 * A question on the terminal, and the answer: lines as the terminal itself edits them, so that nothing has to be put in order
 * whatever happens (Ctrl-C, Ctrl-Z, an answer from elsewhere). A longer text can be written in an editor.
 */
#ifndef GENSTORE_PROMPT_H
#define GENSTORE_PROMPT_H

#include "store/control.h"

#include <sys/types.h>

enum { PROMPT_SHOWN_MAX = 8000 }; /* bytes of a question; the rest is in the log */

struct prompt {
	bool usable;          /* stdin and stderr are a terminal */
	bool open, closed;    /* a question is shown; Ctrl-D was typed at it */
	bool is_text, may_edit;
	char *action;         /* of a follow-up */
	char *suggested;
	char *options;        /* as JSON */
	pid_t editor;         /* 0: none runs */
	int editor_fd;        /* a pidfd of it */
	char *draft;          /* its file */
};

void prompt_init(struct prompt *p, bool usable);
void prompt_release(struct prompt *p);
/* Shows a question in the place of the one before. */
void prompt_show(struct prompt *p, const struct question *q);
/* The cursor line again, after something else was printed. */
void prompt_again(const struct prompt *p);
/* It is answered, or nobody's any more; why is for people, NULL: it was answered here. */
void prompt_close(struct prompt *p, const char *why);
/* As flow_options wants them. */
int prompt_fd(struct prompt *p);
int prompt_read(struct prompt *p, struct control *ret_answer);

#endif
