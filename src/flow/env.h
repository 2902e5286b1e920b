/* The environment of a generator: what it is told, what of the caller's passes through, and what --env names. */
#ifndef GENSTORE_FLOW_ENV_H
#define GENSTORE_FLOW_ENV_H

#include "store/base/base.h"

struct env {
	char **list; /* "NAME=value", ended by NULL */
	size_t count;
};

void env_release(struct env *e);
/* -ENOMEM. A name that is there already keeps its value. */
int env_set(struct env *e, const char *name, const char *value);
/* PATH, HOME, LANG, LC_*, TERM, TMPDIR, USER, SHELL and the proxies, as far as the caller has them. */
int env_pass(struct env *e);
/* Whether env_pass() passes it, or env_is_ours() says that this program sets it. */
bool env_is_passed(const char *name);
bool env_is_ours(const char *name);

#endif
