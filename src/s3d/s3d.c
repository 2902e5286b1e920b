/* Start and end of the endpoint. */
#include "src/s3d/call.h"
#include "src/serve/server.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

enum { CONNECTIONS = 1024, HEAD_MAX = 64 << 10 };

static int make_pools(struct s3d *s)
{
	int r = 0;

	for (int use = CALL_READ; use <= CALL_WRITE && !r; use++)
		if (!(r = pool_new(s->o.store, use == CALL_WRITE, &s->pools[use])))
			r = pool_new(s->o.store, use == CALL_WRITE, &s->limited[use]);
	return r;
}

static int share_bucket(struct s3d *s, struct buf *why)
{
	AUTO(loan_end) struct loan l = { .pool = s->pools[CALL_WRITE] };
	int r = loan_begin(&l, why);

	if (!r && (r = bucket_share(l.st, s->bucket)))
		buf_adds(why, genstore_errmsg(l.st));
	return r;
}

static int start(struct s3d *s, struct buf *why)
{
	static const struct server_raw raw = { call_head, call_body, call_end, call_refuse, call_over };
	const struct server_options so = { .raw = &raw, .head_max = HEAD_MAX, .elsewhere = s->o.elsewhere, .address = s->o.address, .port = s->o.port,
					   .connections = CONNECTIONS, .app = s };
	char host[INET_ADDRSTRLEN];
	int r;

	if (!(s->bucket = strdup(s->o.bucket)))
		return -ENOMEM;
	if ((r = make_pools(s)) || (r = share_bucket(s, why)))
		return r;
	inet_ntop(AF_INET, &(struct in_addr){ s->o.elsewhere ? s->o.address : htonl(INADDR_LOOPBACK) }, host, sizeof(host));
	if ((r = server_start(&so, &s->server, why)) && !why->len)
		buf_addf(why, "cannot listen on %s:%u: %s", host, (unsigned)s->o.port, strerror(-r));
	return r;
}

int s3d_start(const struct s3d_options *o, struct s3d **ret_s, struct buf *why)
{
	struct s3d *s = calloc(1, sizeof(*s));
	int r = -ENOMEM;

	if (s) {
		s->o = *o;
		r = start(s, why);
	}
	if (!r)
		*ret_s = s;
	else
		s3d_stop(s, 0);
	return r;
}

uint16_t s3d_port(const struct s3d *s)
{
	return server_port(s->server);
}

bool s3d_stop(struct s3d *s, int64_t drain_ms)
{
	bool whole = true;

	if (!s)
		return true;
	if (s->server)
		whole = server_drain(s->server, drain_ms);
	server_stop(s->server);
	for (int use = CALL_READ; use <= CALL_WRITE; use++) {
		pool_free(s->pools[use]);
		pool_free(s->limited[use]);
	}
	OPENSSL_cleanse(s->o.key, sizeof(s->o.key));
	free(s->bucket);
	free(s);
	return whole;
}
