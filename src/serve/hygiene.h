/*
 * What is refused before any route sees it: requests that two readers could understand differently (request smuggling, RFC 9112
 * sections 6.3 and 3.2), and those that a foreign web page or name brought here. libmicrohttpd lets all of them pass.
 */
#ifndef GENSTORE_SERVE_HYGIENE_H
#define GENSTORE_SERVE_HYGIENE_H

#include "store/base/base.h"

/* What of the head matters, gathered field by field. */
struct hygiene {
	int hosts, lengths, encodings, origins;
	const char *host, *length, *encoding, *origin; /* the last of each */
	bool is_malformed; /* a name that is no token, or a bare CR in a value */
};

void hygiene_take(struct hygiene *h, const char *name, const char *value);
/*
 * 0, or the status of a refusal (400, 403, 421, 501) with its words. port: that of the server on loopback, by whose names alone it is
 * asked; 0: by any name, and only a page of that same name may ask. */
int hygiene_check(const struct hygiene *h, uint16_t port, const char **ret_why);

#endif
