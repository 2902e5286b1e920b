/* Between the files that speak HTTP: one request. */
#ifndef GENSTORE_GIT_HTTP_INSIDE_H
#define GENSTORE_GIT_HTTP_INSIDE_H

#include "src/git/http.h"

struct git_call {
	struct git_http *h;
	bool bearer;      /* the credential goes as a token, without a user */
	git_http_source *source;
	void *arg;
	int error;        /* of the source, or of the tick */
	struct buf ahead; /* what was read of it already */
	size_t ahead_at;
	struct buf *body;
	long status;
};

/* What all requests have in common. */
void git_http_prepare(struct git_http *h, struct git_call *c, long silent_seconds);
/* 0 when there is an answer, whatever its status. */
int git_http_perform(struct git_http *h, struct git_call *c, struct buf *why);

#endif
