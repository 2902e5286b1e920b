/*
 * Builds levels of the app in the current directory from the embedded templates.
 *
 * A template's path says when and how it is used:
 *
 *   3/lib/x.js        at level 3           1+/package.json   at level 1 and each one after it
 *   4/public/app.js+  appended to what the file was before
 *   1+/notes/a.md@    a symlink, the content is its target
 *   NNNN in a path is the level in four digits; a name that begins with `dot-` begins with a dot.
 *
 * A file is made anew from all its parts whenever its level touches it: building a level twice
 * gives the same tree.
 */
#ifndef GENSTORE_EXAMPLE_BUILD_H
#define GENSTORE_EXAMPLE_BUILD_H

#include "src/example/recipe.h"

struct built {
	int files;
	int64_t bytes;
};

/* The level of the app here, 0 in an empty place; -EPERM: this is another program's app. */
int build_level_here(int *ret_level);
int build_level(const struct recipe *rc, int level, struct built *ret_built);

#endif
