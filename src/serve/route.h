/*
 * The table of what is served: one function for each route. A path is compared as it came, without decoding, so that nothing can hide
 * in it; {name} stands for one segment that is not empty, {name*} at the end for all that is left, which is not empty either.
 */
#ifndef GENSTORE_SERVE_ROUTE_H
#define GENSTORE_SERVE_ROUTE_H

#include "store/base/buf.h"

struct request;

struct route {
	const char *method, *path;
	int (*run)(struct request *q); /* answers with reply_*(); 0, or negative: the connection is cut */
	int64_t body; /* bytes of a body that it takes, 413 beyond; 0: none, what comes is read and thrown away */
	bool head;    /* HEAD is GET without its body */
};

enum { ROUTE_NAMES = 4 };

struct route_match {
	const struct route *route;  /* NULL: none */
	bool other_method;          /* but the path is there: 405 */
	struct { const char *text; size_t n; } names[ROUTE_NAMES]; /* what each {name} stands for, borrowed from the path */
};

/* routes end with a method that is NULL. path is without its query. */
struct route_match route_find(const struct route *routes, const char *method, const char *path, size_t n);
/* The methods of a path, for `Allow`: "GET, PUT". */
int route_allowed(const struct route *routes, const char *path, size_t n, struct buf *out);

#endif
