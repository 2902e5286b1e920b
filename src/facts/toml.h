/* TOML 1.0 into the tree that JSON would have: https://toml.io/en/v1.0.0 */
#ifndef GENSTORE_FACTS_TOML_H
#define GENSTORE_FACTS_TOML_H

#include "src/facts/json_help.h"

enum { TOML_DEPTH_MAX = 32 }; /* levels of tables, arrays and dotted keys */

/*
 * An object, or NULL for what is no TOML (or deeper than TOML_DEPTH_MAX). Strings are strings, booleans booleans; numbers and dates are the
 * text that they are written as. It reads more than TOML allows: a key that comes twice has its last value. text is followed by a NUL.
 */
json_t *toml_load(struct span text);

#endif
