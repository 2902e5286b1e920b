/*
 * Open handles of one store, lent to whoever answers a request: as many as are busy at a time, not as many as there are connections.
 * Every function may be called from any thread.
 */
#ifndef GENSTORE_SERVE_POOL_H
#define GENSTORE_SERVE_POOL_H

#include "store/base/buf.h"
#include "store/store.h"

enum { POOL_MAX = 32 };

struct pool;

/* writes: handles that may write. -ENOMEM. */
int pool_new(const char *path, bool writes, struct pool **ret_p);
/* All of them have to be back. */
void pool_free(struct pool *p);
void pool_freep(struct pool **p);

/*
 * Waits for one while POOL_MAX are lent: -EBUSY after ten seconds. Errors of genstore_open(); `why` has words, or is NULL. What is lent
 * has no open statement and no transaction, and comes back like that.
 */
int pool_take(struct pool *p, struct genstore **ret_st, struct buf *why);
void pool_give(struct pool *p, struct genstore *st);

/*
 * For scopes: AUTO(loan_end) struct loan l = { pool }; if ((r = loan_begin(&l, why))) ...; l.st ...
 * With a subject the handle is limited to it (store/access.h): from a pool whose handles are lent like this only.
 */
struct loan {
	struct pool *pool;
	struct access_subject subject; /* "" both: none */
	struct genstore *st;
};
int loan_begin(struct loan *l, struct buf *why);
void loan_end(struct loan *l);

#endif
