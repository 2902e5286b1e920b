/* What toml.c and toml_string.c share. */
#ifndef GENSTORE_FACTS_TOML_INSIDE_H
#define GENSTORE_FACTS_TOML_INSIDE_H

#include "src/facts/toml.h"
#include "store/base/buf.h"

struct toml {
	const char *p, *end;
	int depth;
};

bool toml_next_is(const struct toml *t, const char *text);
/* Goes past it, if it is next. */
bool toml_take(struct toml *t, const char *text);
/* A string of any of the four kinds: 1 and its value, 0 where none begins, -EBADMSG, -ENOMEM. */
int toml_read_string(struct toml *t, struct buf *out);

#endif
