/*
 * The two requests that a push is: git's smart protocol over HTTP (gitprotocol-http(5)), with libcurl. Times out when nothing moves; follows redirects of
 * the first request within the same server; sends a credential to that server only.
 */
#ifndef GENSTORE_GIT_HTTP_H
#define GENSTORE_GIT_HTTP_H

#include "src/git/credential.h"
#include "src/sync/curl.h"

/* Asked a few times a second while a request goes on; what is not 0 ends it with that error. */
typedef int git_tick(void *arg);

struct git_http {
	struct curl curl;
	CURL *easy;
	CURLM *multi;
	struct git_url url; /* where it ended after redirects */
	struct git_credential credential;
	char error[CURL_ERROR_SIZE];
	git_tick *tick; /* or NULL */
	void *tick_arg;
};

enum { GIT_HTTP_ANSWER_MAX = 16 << 20 };

/* Takes *url over. -ENOPKG: libcurl is not here. */
int git_http_open(struct git_http *h, struct git_url *url, struct buf *why);
void git_http_close(struct git_http *h);

/*
 * The refs of the repository, for git-receive-pack: the answer's body. Asks for a credential when the server wants one. -EACCES: it does
 * not take it, or there is none; -ENOENT: no such repository; -EPROTO: no git there; -EHOSTUNREACH, -ETIMEDOUT, -EKEYREJECTED (its
 * certificate) and others of the network; -EAGAIN: it has too much to do. Words, the server's own among them, go to why.
 */
int git_http_refs(struct git_http *h, struct buf *ret_body, struct buf *why);

/* A body that is asked for piece by piece, as by read(): 0 at its end, negative errors end the request with that error. */
typedef ssize_t git_http_source(void *arg, void *out, size_t n);
/* Sends to git-receive-pack. Errors as above; of the source as they are, without words. */
int git_http_push(struct git_http *h, git_http_source *source, void *arg, struct buf *ret_body, struct buf *why);

#endif
