/*
 * Libraries that are loaded when they are first needed, not when a command starts: one that serves or syncs brings twenty others along,
 * each of which costs every command its part of a millisecond.
 *
 * A library is a struct of pointers to functions and the list of their names in the same order, both made from one macro.
 */
#ifndef GENSTORE_LAZY_H
#define GENSTORE_LAZY_H

#include "store/base/buf.h"

struct lazy {
	const char *file;    /* "libcurl.so.4" */
	const char *package; /* what to install, said when it is not there */
	const char *prefix;  /* of all names: "curl_" */
	const char *const *names;
	size_t count;
};

/* 0, or -ENOPKG with the reason appended to `why`. ret_functions: `count` pointers. It stays loaded. */
int lazy_load(const struct lazy *l, void *ret_functions, struct buf *why);

#endif
