/* Start and end of the server, and the way of a request to its route. */
#include "src/serve/guard.h"
#include "src/serve/hygiene.h"
#include "src/serve/reply.h"
#include "store/base/clock.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/socket.h>

struct server {
	struct server_options o;
	struct MHD_Daemon *daemon;
	struct hub *hub;
	struct guard *guard;
	uint16_t port;
	atomic_int working;     /* requests whose head is there and whose answer is not sent */
	atomic_bool is_ending;
};

uint16_t server_port(const struct server *s)
{
	return s->port;
}

struct hub *server_hub(struct server *s)
{
	return s->hub;
}

const struct server_options *server_options(const struct server *s)
{
	return &s->o;
}

const char *request_header(const struct request *q, const char *name)
{
	return mhd()->lookup_connection_value(q->connection, MHD_HEADER_KIND, name);
}

void request_headers(const struct request *q, enum MHD_Result (*each)(void *arg, enum MHD_ValueKind kind, const char *name, const char *value), void *arg)
{
	mhd()->get_connection_values(q->connection, MHD_HEADER_KIND, each, arg);
}

void *request_app(const struct request *q)
{
	return q->server->o.app;
}

void request_upgraded(struct request *q)
{
	q->upgraded = true;
	atomic_fetch_sub(&q->server->working, 1);
}

bool server_is_ending(const struct server *s)
{
	return atomic_load(&s->is_ending);
}

static enum MHD_Result take_field(void *arg, enum MHD_ValueKind kind UNUSED, const char *name, const char *value)
{
	hygiene_take(arg, name, value);
	return MHD_YES;
}

static int examine_raw(struct request *q, int status, const char *why)
{
	int r;

	q->is_early = true;
	r = status ? q->server->o.raw->refuse(q, status, why) : q->server->o.raw->head(q);
	q->is_early = false;
	return r;
}

/* The head is there: what must not go on is answered now. 0: it may. */
static int examine(struct request *q)
{
	struct hygiene h = { 0 };
	const char *why;
	int status, r;

	mhd()->get_connection_values(q->connection, MHD_HEADER_KIND, take_field, &h);
	status = hygiene_check(&h, q->server->o.elsewhere ? 0 : q->server->port, &why);
	if (q->server->o.raw)
		return examine_raw(q, status, why);
	if (status)
		return reply_error(q, status, why, NULL, true);
	q->match = route_find(q->server->o.routes, q->method, q->path, strcspn(q->path, "?"));
	if (q->match.route && q->match.route->body && h.lengths && strtoll(h.length, NULL, 10) > q->match.route->body)
		return reply_error(q, 413, "this body is too large", NULL, true);
	if (!q->match.route || !q->match.route->body || !q->server->o.admit)
		return 0;
	q->is_early = true;
	r = q->server->o.admit(q);
	q->is_early = false;
	return r < 0 ? r : 0;
}

static int take_body(struct request *q, const char *data, size_t n)
{
	const struct route *route = q->match.route;

	q->body += (int64_t)n;
	if (q->server->o.raw)
		return q->answered ? 0 : q->server->o.raw->body(q, data, n);
	if (!route || !route->body)
		return q->body > SERVER_BODY_MAX ? -EFBIG : 0;
	return q->body > route->body ? -EFBIG : buf_add(&q->text, data, n);
}

static int dispatch(struct request *q)
{
	size_t n = strcspn(q->path, "?");
	AUTO(buf_release) struct buf allowed = BUF_INIT;

	if (q->server->o.raw)
		return q->server->o.raw->end(q);
	if (q->match.route)
		return q->match.route->run(q);
	if (!q->match.other_method)
		return reply_error(q, 404, "there is nothing here", NULL, false);
	if (route_allowed(q->server->o.routes, q->path, n, &allowed))
		return -ENOMEM;
	return reply_error(q, 405, "this cannot be done here", (const struct reply_field[]){ { "Allow", buf_str(&allowed) }, { 0 } }, false);
}

static struct guarded *guarded_of(struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = mhd()->get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

	return info ? info->socket_context : NULL;
}

/*
 * Called once with the head, for each part of the body, and at its end. It may answer in the first call only to reject: what is
 * answered earlier than the body has been read leaves the rest of it to be taken for the next request.
 */
static enum MHD_Result handle(void *arg UNUSED, struct MHD_Connection *connection, const char *url UNUSED, const char *method,
			      const char *version, const char *body, size_t *body_size, void **context)
{
	struct request *q = *context;
	int r = 0;

	if (!q)
		return MHD_NO;
	if (!q->begun) {
		q->begun = true;
		q->connection = connection;
		q->method = method;
		q->version = version;
		q->began_ms = clock_ms();
		atomic_fetch_add(&q->server->working, 1);
		guard_head(q->server->guard, guarded_of(connection));
		r = examine(q);
	} else if (*body_size) {
		guard_body(q->server->guard, guarded_of(connection), *body_size);
		r = take_body(q, body, *body_size);
		*body_size = 0;
	} else {
		guard_pass(q->server->guard, guarded_of(connection));
		r = q->answered ? 0 : dispatch(q);
	}
	return r < 0 ? MHD_NO : MHD_YES;
}

/* The raw path: routes compare what came, not what somebody decoded. Its result becomes the request's context. */
static void *on_path(void *arg, const char *uri, struct MHD_Connection *connection UNUSED)
{
	struct request *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	q->server = arg;
	q->path = strdup(uri);
	if (!q->path) {
		free(q);
		return NULL;
	}
	return q;
}

static size_t keep_escaped(void *arg UNUSED, struct MHD_Connection *connection UNUSED, char *text)
{
	return strlen(text);
}

static void on_completed(void *arg, struct MHD_Connection *connection, void **context, enum MHD_RequestTerminationCode why UNUSED)
{
	struct request *q = *context;
	struct server *s = arg;

	if (!q)
		return;
	if (q->ticket) {
		s->o.wsi.stay_away(s->o.wsi.arg, s->hub);
	} else if (!q->upgraded) {
		guard_expect(s->guard, guarded_of(connection));
		hub_wake(s->hub);
	}
	if (s->o.over && q->begun)
		s->o.over(s->o.app, q);
	if (q->begun && !q->upgraded)
		atomic_fetch_sub(&s->working, 1);
	if (s->o.raw)
		s->o.raw->over(q);
	buf_release(&q->text);
	free(q->path);
	free(q);
	*context = NULL;
}

static void on_connection(void *arg, struct MHD_Connection *connection, void **context, enum MHD_ConnectionNotificationCode what)
{
	const union MHD_ConnectionInfo *info = mhd()->get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	struct server *s = arg;
	const int on = 1;

	/* The head of an answer and its body are two writes: without this the second waits for what the peer acknowledges. */
	if (what == MHD_CONNECTION_NOTIFY_STARTED && info)
		setsockopt(info->connect_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (what == MHD_CONNECTION_NOTIFY_STARTED && info) {
		*context = guard_add(s->guard, info->connect_fd);
		hub_wake(s->hub);
	} else {
		guard_drop(s->guard, *context);
		*context = NULL;
	}
}

static int listen_on(const struct server_options *o, int *ret_fd, uint16_t *ret_port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(o->port), .sin_addr.s_addr = o->elsewhere ? o->address : htonl(INADDR_LOOPBACK),
	};
	const int on = 1;
	AUTO(close_fd) int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	socklen_t size = sizeof(a);

	/* A port that is named can be had again at once after the end. */
	if (fd >= 0 && o->port)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, size) || listen(fd, SOMAXCONN) || getsockname(fd, (struct sockaddr *)&a, &size))
		return -errno;
	*ret_port = ntohs(a.sin_port);
	*ret_fd = move_fd(&fd);
	return 0;
}

static int start_daemon(struct server *s)
{
	AUTO(close_fd) int fd = -1;
	int r = listen_on(&s->o, &fd, &s->port);

	if (r)
		return r;
	s->daemon = mhd()->start_daemon(
		MHD_USE_THREAD_PER_CONNECTION | MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_POLL | MHD_ALLOW_UPGRADE, 0, NULL, NULL,
		handle, s, MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_URI_LOG_CALLBACK, on_path, s, MHD_OPTION_UNESCAPE_CALLBACK,
		keep_escaped, s, MHD_OPTION_NOTIFY_COMPLETED, on_completed, s, MHD_OPTION_NOTIFY_CONNECTION, on_connection, s,
		MHD_OPTION_CONNECTION_LIMIT, s->o.connections ? s->o.connections : (unsigned)SERVER_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
		s->o.head_max ? s->o.head_max : (size_t)SERVER_HEAD_MAX, MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SERVER_IDLE_S, MHD_OPTION_END);
	if (!s->daemon)
		return -ENOMEM;
	move_fd(&fd);
	return 0;
}

static int start(struct server *s)
{
	int r;

	if ((r = guard_new(GUARD_TIMES, &s->guard)) || (r = hub_start(HUB_TIMES, guard_tick, s->guard, &s->hub)))
		return r;
	return start_daemon(s);
}

int server_start(const struct server_options *o, struct server **ret_s, struct buf *why)
{
	struct server *s;
	sigset_t all, before;
	int r = mhd_load(why);

	if (r)
		return r;
	if (!(s = calloc(1, sizeof(*s))))
		return -ENOMEM;
	s->o = *o;
	/* Signals are the business of the thread that is there already. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	r = start(s);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (!r)
		*ret_s = s;
	else
		server_stop(s);
	return r;
}

bool server_drain(struct server *s, int64_t ms)
{
	int64_t until = clock_ms() + ms;

	/* Who comes now is refused at once instead of waiting in the kernel. */
	if (!atomic_exchange(&s->is_ending, true) && s->daemon) {
		MHD_socket listener = mhd()->quiesce_daemon(s->daemon);

		if (listener != MHD_INVALID_SOCKET)
			close(listener);
	}
	while (atomic_load(&s->working) && clock_ms() < until)
		poll(NULL, 0, 5);
	return !atomic_load(&s->working);
}

void server_stop(struct server *s)
{
	if (!s)
		return;
	server_drain(s, 0);
	/* libmicrohttpd wants to have back what it let be upgraded before it stops. */
	if (s->hub)
		hub_stop(s->hub);
	if (s->daemon)
		mhd()->stop_daemon(s->daemon);
	hub_free(s->hub);
	guard_free(s->guard);
	free(s);
}
