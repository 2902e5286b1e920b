/* $VISUAL or $EDITOR for an answer: it has the terminal while the generation goes on being looked after. */
#ifndef GENSTORE_EDITOR_H
#define GENSTORE_EDITOR_H

#include "src/cmd/prompt.h"

enum { EDITOR_TEXT_MAX = 100 << 10 };

/* With what was suggested as the text to begin with. False, with words on stderr, when it cannot be started. */
bool editor_start(struct prompt *p);
/* Once its descriptor is readable: what was written, NULL for nothing. The terminal is ours again. */
bool editor_take(struct prompt *p, char **ret_text);
/* Ends it, where one runs. */
void editor_stop(struct prompt *p);

#endif
