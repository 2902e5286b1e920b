/*
 * What a developer wants to know of a tree beyond its files: what it depends on, which tables and routes it has. Readers
 * find facts in the bytes of single files; two lists of them are compared without knowing what they mean.
 *
 *	             name        part        value
 *	dependency   package     section     version
 *	table        table       ""          ""
 *	             table       column      its definition
 *	route        path        METHOD      ""
 *
 * Sections are named alike for all: runtime, dev, peer, optional, build, bundled, override, replace, indirect, include, workspace; with a
 * ':' and what the file says more precisely behind it: "optional:tls", "dev:cfg(unix)".
 */
#ifndef GENSTORE_FACTS_H
#define GENSTORE_FACTS_H

#include "src/facts/span.h"

enum fact_kind { FACT_DEPENDENCY, FACT_TABLE, FACT_ROUTE };

/* Of one list. The second is there for files that say a long name with every one of many facts. */
enum { FACTS_MAX = 200000, FACTS_BYTES_MAX = 64 << 20 };

struct fact {
	enum fact_kind kind;
	const char *file, *name, *part, *value; /* never NULL */
	size_t size; /* bytes of it in memory */
	/* The comparison's own: it has found its like, or what it became. */
	bool is_settled;
	const struct fact *became;
};

struct facts {
	struct fact **list;
	size_t count, room, bytes;
};

void facts_release(struct facts *f);
/* Forgets all but the first count. */
void facts_truncate(struct facts *f, size_t count);

/* Copies all. Credentials in URLs ("https://user:secret@host") become ***. -EFBIG beyond FACTS_MAX or FACTS_BYTES_MAX, -ENOMEM. */
int fact_add(struct facts *f, enum fact_kind kind, const char *file, struct span name, struct span part, struct span value);

/*
 * Calls f for each difference: dependencies by file and name, tables by name and file, each before its columns, routes by path. a is NULL
 * for what came, b for what went; with both it is the value that changed. What only moved to another file is no difference, but
 * for dependencies, where the file is part of what they are; what one file says twice counts once.
 * For two lists, once: it sorts and marks them. Stops when f returns other than 0, and returns that. -ENOMEM.
 */
int facts_compare(struct facts *a, struct facts *b, int (*f)(void *arg, const struct fact *a, const struct fact *b), void *arg);

#endif
