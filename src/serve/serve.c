#include "src/serve/serve.h"
#include "src/serve/api.h"
#include "src/serve/auth.h"
#include "src/serve/meter.h"
#include "store/base/clock.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>

enum { CONNECTIONS = 1024 };

struct serve {
	struct api api;
	struct route *routes;
	struct server *server;
};

/* The path without its query, which can have a ticket in it. */
static void write_line(FILE *to, const struct request *q, int64_t ms)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char now[CLOCK_TEXT];
	struct jw j;

	clock_format(clock_now(&(struct clock){ 0 }), now);
	jw_begin(&j, &line, 0);
	jw_object(&j, NULL);
	jw_str(&j, "time", now);
	jw_str(&j, "method", q->method);
	jw_strn(&j, "path", q->path, strcspn(q->path, "?"));
	jw_int(&j, "status", q->status);
	jw_int(&j, "received", q->body);
	jw_int(&j, "sent", q->sent);
	jw_int(&j, "ms", ms);
	jw_end(&j);
	buf_addc(&line, '\n');
	/* One call: lines of several threads do not mix. */
	if (!buf_error(&line))
		fwrite(line.data, 1, line.len, to);
}

static void on_over(void *app, const struct request *q)
{
	struct api *api = app;
	int64_t ms = clock_ms() - q->began_ms;

	meter_take(api->meter, q, ms);
	if (api->log)
		write_line(api->log, q, ms);
}

/* One table of all. */
static int gather(struct route **ret_routes)
{
#define TABLE(name) name,
	static const struct route *const tables[] = { API_ROUTES(TABLE) };
#undef TABLE
	struct route *all;
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct route *r = tables[i]; r->method; r++)
			n++;
	if (!(all = calloc(n + 1, sizeof(*all))))
		return -ENOMEM;
	n = 0;
	for (size_t i = 0; i < ARRAY_LEN(tables); i++)
		for (const struct route *r = tables[i]; r->method; r++)
			all[n++] = *r;
	*ret_routes = all;
	return 0;
}

/* The key is made at the first start. It also shows that the store can be opened before anybody is let in. */
static int read_key(struct api *api, struct buf *why)
{
	AUTO(loan_end) struct loan l = { .pool = api->pools[API_WRITE] };
	int r = loan_begin(&l, why);

	if (!r && (r = ticket_key(l.st, api->key)))
		buf_adds(why, genstore_errmsg(l.st));
	return r;
}

static int make_pools(struct api *api, const char *store)
{
	int r = 0;

	for (int use = API_READ; use <= API_WRITE && !r; use++)
		if (!(r = pool_new(store, use == API_WRITE, &api->pools[use])))
			r = pool_new(store, use == API_WRITE, &api->limited[use]);
	return r;
}

static int take_secret(struct api *api, const struct serve_options *o)
{
	if (!o->jwt_secret)
		return 0;
	if (!(api->jwt_secret = OPENSSL_memdup(o->jwt_secret, o->jwt_secret_n)))
		return -ENOMEM;
	api->jwt_secret_n = o->jwt_secret_n;
	return 0;
}

/* Whoever may not write is told so before a body is read. A ticket is for reading. */
static int admit(struct request *q)
{
	struct access_subject who;

	return auth_subject(q, &who);
}

static int start(struct serve *s, const struct serve_options *o, struct buf *why)
{
	struct server_options so = { .port = o->port, .connections = CONNECTIONS, .app = &s->api, .over = on_over,
				      .elsewhere = o->elsewhere, .address = o->address, .admit = admit };
	char host[INET_ADDRSTRLEN];
	int r;

	s->api.log = o->log;
	s->api.needs_token = o->needs_token;
	if (!(s->api.meter = meter_new()))
		return -ENOMEM;
	if ((r = take_secret(&s->api, o)) || (r = make_pools(&s->api, o->store)) || (r = gather(&s->routes)) || (r = read_key(&s->api, why)))
		return r;
	so.routes = s->routes;
	inet_ntop(AF_INET, &(struct in_addr){ o->elsewhere ? o->address : htonl(INADDR_LOOPBACK) }, host, sizeof(host));
	if ((r = server_start(&so, &s->server, why)) && !why->len)
		buf_addf(why, "cannot listen on %s:%u: %s", host, (unsigned)o->port, strerror(-r));
	return r;
}

int serve_start(const struct serve_options *o, struct serve **ret_s, struct buf *why)
{
	struct serve *s = calloc(1, sizeof(*s));
	int r = s ? start(s, o, why) : -ENOMEM;

	if (!r)
		*ret_s = s;
	else
		serve_stop(s, 0);
	return r;
}

uint16_t serve_port(const struct serve *s)
{
	return server_port(s->server);
}

bool serve_stop(struct serve *s, int64_t drain_ms)
{
	bool whole = true;

	if (!s)
		return true;
	if (s->server)
		whole = server_drain(s->server, drain_ms);
	server_stop(s->server);
	for (int use = API_READ; use <= API_WRITE; use++) {
		pool_free(s->api.pools[use]);
		pool_free(s->api.limited[use]);
	}
	meter_free(s->api.meter);
	OPENSSL_clear_free(s->api.jwt_secret, s->api.jwt_secret_n);
	OPENSSL_cleanse(s->api.key, sizeof(s->api.key));
	free(s->routes);
	free(s);
	return whole;
}
