/*
 * libcurl, loaded when it is first needed: linked, it and the thirty libraries behind it would cost every command some 10 ms at its start.
 * A struct curl has its functions under their names, without `curl_`.
 */
#ifndef GENSTORE_SYNC_CURL_H
#define GENSTORE_SYNC_CURL_H

#include "store/base/buf.h"

/* The checks of argument types are macros that call the functions by their names. */
#define CURL_DISABLE_TYPECHECK
#include <curl/curl.h>
#undef curl_easy_setopt
#undef curl_easy_getinfo
#undef curl_multi_setopt

#define CURL_CALLS(X)                                                                                                  \
	X(global_init) X(version)                                                                                      \
	X(easy_init) X(easy_setopt) X(easy_getinfo) X(easy_header) X(easy_reset) X(easy_cleanup) X(easy_strerror)      \
	X(slist_append) X(slist_free_all)                                                                              \
	X(multi_init) X(multi_setopt) X(multi_add_handle) X(multi_remove_handle) X(multi_perform) X(multi_poll)        \
	X(multi_info_read) X(multi_cleanup)

struct curl {
#define CURL_MEMBER(name) __typeof__(curl_##name) *name;
	CURL_CALLS(CURL_MEMBER)
#undef CURL_MEMBER
};

/* 0, or -ENOPKG with words: it is not installed, or too old. It stays loaded. */
int curl_load(struct curl *ret_c, struct buf *why);

#endif
