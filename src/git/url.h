/* Addresses of git repositories on servers: https://[user@]host[:port]/path, and http:// on this machine only. */
#ifndef GENSTORE_GIT_URL_H
#define GENSTORE_GIT_URL_H

#include "store/base/buf.h"

struct git_url {
	char *text;   /* the address without its user, and without / at its end */
	char *scheme; /* "https" */
	char *host;   /* with its port, where there is one: "example.org:8443" */
	char *path;   /* without the / at its beginning */
	char *user;   /* or NULL */
};
void git_url_release(struct git_url *u);

/* -EINVAL with words: it is something else, or has a password in it, which would be seen by everybody on this machine. */
int git_url_parse(const char *text, struct git_url *ret_u, struct buf *why);
/* Whether a host, with a port or without, is this machine by name. */
bool git_url_is_here(const char *host);
/* Whether one is on the same server as the other. */
bool git_url_same_server(const struct git_url *a, const struct git_url *b);

/* A template with {request_id} in it -> the address, the caller's. -EINVAL: there is no {request_id} in it. */
int git_url_fill(const char *template, const char *request_id, char **ret_text);

#endif
