/*
 * What shapes the app: its name and prompt, and what follows from them and from the level.
 * Level n is the app after n iterations, counted over resumed generations.
 */
#ifndef GENSTORE_EXAMPLE_RECIPE_H
#define GENSTORE_EXAMPLE_RECIPE_H

#include "store/base/buf.h"

enum { LEVEL_MAX = 1000 };

struct recipe {
	char *title;  /* one line of clean UTF-8, never empty */
	char *prompt; /* clean UTF-8; lines end in \n */
	char *slug;   /* [a-z0-9-]{1,40}, begins and ends with a letter or digit */
	unsigned hue; /* 0 to 359, from the prompt */
};

/* name and prompt may hold any bytes. */
int recipe_init(struct recipe *rc, const char *name, size_t name_len, const char *prompt, size_t prompt_len);
void recipe_release(struct recipe *rc);

/* What a level adds, in a few words; and the theme of its own, no two of which have one name. */
int level_summary(struct buf *out, int level);
int level_theme(struct buf *out, int level);
unsigned level_hue(const struct recipe *rc, int level);

/*
 * Appends a template with its {{placeholders}} filled in, each escaped as its name says
 * (`title|html`). -EINVAL: the template holds a placeholder that there is not.
 */
int recipe_render(struct buf *out, const void *text, size_t n, const struct recipe *rc, int level);

#endif
