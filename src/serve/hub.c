#include "src/serve/hub.h"
#include "store/base/clock.h"

#include <linux/sockios.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

enum { CHUNK = 65536, DRAIN_CHUNKS = 512, EVENTS = 16 };

struct socket {
	struct hub *hub;
	struct socket *next;
	struct websocket ws;
	struct websocket_hear hear;
	struct hub_connection connection;
	const struct hub_taker *taker;
	void *arg;
	bool deaf;           /* nobody wants to read from it now */
	bool ended;          /* nothing comes in or goes out any more */
	bool at_end;         /* the peer closed its side */
	uint32_t events;     /* what epoll watches */
	uint64_t number;     /* of the last ping */
	int64_t ping_ms;     /* when the next one is due */
	int64_t silent_ms;   /* when it is cut, 0: nothing is waited for */
	int64_t close_ms;    /* the same after our close frame */
};

struct hub {
	pthread_t thread;
	bool running;
	pthread_mutex_t lock;
	int epoll, wake;
	struct hub_times times;
	int64_t (*tick)(void *arg);
	void *tick_arg;
	/* Under the lock. */
	struct socket *sockets, *dead;
	int count;
	bool stopping, held;
	uint8_t *chunk;
};

void hub_lock(struct hub *h)
{
	pthread_mutex_lock(&h->lock);
}

void hub_unlock(struct hub *h)
{
	pthread_mutex_unlock(&h->lock);
}

void hub_wake(struct hub *h)
{
	uint64_t one = 1;

	/* Fails only when it is full: then it is awake. */
	if (write(h->wake, &one, sizeof(one)) < 0)
		return;
}

static void on_text(void *arg, struct buf *message)
{
	struct socket *s = arg;

	s->taker->text(s->arg, s, message);
}

static void on_pong(void *arg, uint64_t number)
{
	struct socket *s = arg;

	if (number <= s->number)
		s->taker->read_up_to(s->arg, s, number);
}

static void ping(struct socket *s, uint64_t number)
{
	int64_t now = clock_ms();

	s->number = number;
	websocket_ping(&s->ws, number);
	s->ping_ms = now + s->hub->times.ping_ms;
	if (!s->silent_ms)
		s->silent_ms = now + s->hub->times.pong_ms;
}

/* What the kernel takes. */
static void flush(struct socket *s)
{
	const uint8_t *data;
	size_t n;

	while (!s->ended && (n = websocket_pending(&s->ws, &data))) {
		ssize_t sent = send(s->connection.fd, data, n, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0) {
			s->ended = errno != EAGAIN;
			return;
		}
		websocket_sent(&s->ws, (size_t)sent);
	}
}

static void take_in(struct socket *s, const void *data, size_t n)
{
	s->silent_ms = 0;
	if (websocket_feed(&s->ws, data, n))
		websocket_close(&s->ws, CLOSE_BROKEN, "out of memory");
}

/* 1: there was something. */
static int read_some(struct socket *s)
{
	ssize_t n = recv(s->connection.fd, s->hub->chunk, CHUNK, MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		s->at_end = n == 0;
		s->ended = true;
		return 0;
	}
	take_in(s, s->hub->chunk, (size_t)n);
	return 1;
}

/*
 * Everything that was sent has reached the peer's process when its end came as a FIN, nothing waits here or in the kernel, and no
 * reset followed: Linux sends a reset, not a FIN, for a socket that is closed with unread bytes in it (tcp_close()).
 */
bool hub_all_read(struct socket *s)
{
	int waiting = 0, error = 0;
	socklen_t size = sizeof(error);
	const uint8_t *data;

	if (websocket_pending(&s->ws, &data) || ioctl(s->connection.fd, SIOCOUTQ, &waiting) || waiting)
		return false;
	return (s->at_end || s->ws.close_received) &&
	       !getsockopt(s->connection.fd, SOL_SOCKET, SO_ERROR, &error, &size) && !error;
}

/* Out of the list, told, and put aside until the lock is free. */
static void bury(struct hub *h, struct socket **at)
{
	struct socket *s = *at;
	const struct hub_end how = {
		.code = s->ws.code ? s->ws.code : CLOSE_ABNORMAL, .reason = s->ws.reason,
		.by_us = s->ws.by_us, .all_read = hub_all_read(s),
	};

	*at = s->next;
	h->count--;
	epoll_ctl(h->epoll, EPOLL_CTL_DEL, s->connection.fd, NULL);
	s->taker->closed(s->arg, s, &how);
	s->next = h->dead;
	h->dead = s;
}

/* The dead are let go without the lock: what lets go may have locks of its own. */
static void let_go(struct hub *h)
{
	struct socket *dead;

	hub_lock(h);
	dead = h->dead;
	h->dead = NULL;
	hub_unlock(h);
	while (dead) {
		struct socket *s = dead;

		dead = s->next;
		s->connection.let_go(s->connection.held);
		websocket_release(&s->ws);
		free(s);
	}
}

static void watch(struct socket *s)
{
	const uint8_t *data;
	uint32_t want = (s->deaf && !s->ws.close_sent ? 0 : EPOLLIN) | (websocket_pending(&s->ws, &data) ? EPOLLOUT : 0);
	struct epoll_event e = { .events = want, .data.ptr = s };

	if (want != s->events)
		epoll_ctl(s->hub->epoll, EPOLL_CTL_MOD, s->connection.fd, &e);
	s->events = want;
}

/* The clock of one socket; when it is to be looked at again. */
static int64_t keep_time(struct socket *s, int64_t now)
{
	if (s->ws.close_sent && !s->close_ms)
		s->close_ms = now + s->hub->times.close_ms;
	if (s->close_ms) {
		s->ended |= now >= s->close_ms;
		return s->close_ms;
	}
	if (s->hub->held)
		return INT64_MAX;
	if (s->silent_ms && now >= s->silent_ms && !s->deaf) {
		websocket_close(&s->ws, CLOSE_POLICY, "no answer to a ping");
		s->ended = true;
	} else if (now >= s->ping_ms) {
		ping(s, s->number);
	}
	return min_i64(s->ping_ms, s->silent_ms && !s->deaf ? s->silent_ms : INT64_MAX);
}

/* Sends, buries and keeps time for all. When to do it again. */
static int64_t care(struct hub *h)
{
	int64_t next = INT64_MAX, now = clock_ms();

	for (struct socket **at = &h->sockets; *at;) {
		struct socket *s = *at;

		next = min_i64(next, keep_time(s, now));
		flush(s);
		if (s->ended || websocket_over(&s->ws)) {
			bury(h, at);
			continue;
		}
		watch(s);
		at = &s->next;
	}
	return next;
}

static bool is_here(const struct hub *h, const struct socket *which)
{
	const struct socket *s = h->sockets;

	while (s && s != which)
		s = s->next;
	return s != NULL;
}

static int milliseconds(int64_t until)
{
	int64_t left = until - clock_ms();

	return until == INT64_MAX ? -1 : left <= 0 ? 0 : (int)min_i64(left, INT32_MAX);
}

/* One turn: waits until then, hears what came. Returns when the next one is due. */
static int64_t turn(struct hub *h, int64_t until)
{
	struct epoll_event events[EVENTS];
	int n = epoll_wait(h->epoll, events, EVENTS, milliseconds(until));
	uint64_t woken;

	hub_lock(h);
	for (int i = 0; i < n; i++) {
		struct socket *s = events[i].data.ptr;

		if (!s) {
			if (read(h->wake, &woken, sizeof(woken)) < 0)
				continue;
		} else if (is_here(h, s) && !s->ended && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) {
			read_some(s);
		}
	}
	until = care(h);
	hub_unlock(h);
	let_go(h);
	return until;
}

static void *run(void *arg)
{
	struct hub *h = arg;
	int64_t next = INT64_MAX;
	bool over = false;

	while (!over) {
		if (h->tick)
			next = min_i64(next, h->tick(h->tick_arg));
		next = turn(h, next);
		hub_lock(h);
		over = h->stopping && !h->sockets;
		hub_unlock(h);
	}
	return NULL;
}

int hub_start(struct hub_times times, int64_t (*tick)(void *arg), void *arg, struct hub **ret_hub)
{
	struct epoll_event e = { .events = EPOLLIN };
	struct hub *h = calloc(1, sizeof(*h));
	int r = 0;

	if (!h)
		return -ENOMEM;
	pthread_mutex_init(&h->lock, NULL);
	h->times = times;
	h->tick = tick;
	h->tick_arg = arg;
	h->epoll = epoll_create1(EPOLL_CLOEXEC);
	h->wake = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	h->chunk = malloc(CHUNK);
	if (!h->chunk)
		r = -ENOMEM;
	else if (h->epoll < 0 || h->wake < 0 || epoll_ctl(h->epoll, EPOLL_CTL_ADD, h->wake, &e))
		r = -errno;
	else
		r = -pthread_create(&h->thread, NULL, run, h);
	h->running = !r;
	if (r)
		hub_free(h);
	else
		*ret_hub = h;
	return r;
}

void hub_stop(struct hub *h)
{
	if (!h || !h->running)
		return;
	hub_lock(h);
	h->stopping = true;
	for (struct socket *s = h->sockets; s; s = s->next)
		websocket_close(&s->ws, CLOSE_GOING_AWAY, "the server ends");
	hub_unlock(h);
	hub_wake(h);
	pthread_join(h->thread, NULL);
	h->running = false;
}

void hub_free(struct hub *h)
{
	if (!h)
		return;
	hub_stop(h);
	close_fd(&h->epoll);
	close_fd(&h->wake);
	pthread_mutex_destroy(&h->lock);
	free(h->chunk);
	free(h);
}

static int refused(const struct hub *h)
{
	return h->stopping ? -ESHUTDOWN : h->count >= HUB_SOCKETS_MAX ? -EUSERS : 0;
}

static int begin(struct hub *h, struct socket *s)
{
	struct epoll_event e = { .events = EPOLLIN, .data.ptr = s };
	int r = refused(h);

	if (r || (r = websocket_init(&s->ws, &s->hear)))
		return r;
	s->events = EPOLLIN;
	s->ping_ms = clock_ms() + h->times.ping_ms;
	return epoll_ctl(h->epoll, EPOLL_CTL_ADD, s->connection.fd, &e) ? -errno : 0;
}

int hub_add(struct hub *h, const struct hub_connection *c, const struct hub_taker *taker, void *arg, struct socket **ret_s)
{
	struct socket *s = calloc(1, sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct socket){ .hub = h, .connection = *c, .taker = taker, .arg = arg };
	s->hear = (struct websocket_hear){ on_text, on_pong, s };
	if ((r = begin(h, s))) {
		websocket_release(&s->ws);
		free(s);
		return r;
	}
	s->next = h->sockets;
	h->sockets = s;
	h->count++;
	*ret_s = s;
	hub_wake(h);
	return 0;
}

void hub_feed(struct socket *s, const void *data, size_t n)
{
	if (n)
		take_in(s, data, n);
	hub_wake(s->hub);
}

void hub_send(struct socket *s, const void *text, size_t n, uint64_t number)
{
	websocket_text(&s->ws, text, n);
	ping(s, number);
	hub_wake(s->hub);
}

void hub_close(struct socket *s, int code, const char *reason)
{
	websocket_close(&s->ws, code, reason);
	hub_wake(s->hub);
}

void hub_drain(struct socket *s)
{
	for (int i = 0; i < DRAIN_CHUNKS && !s->ended && read_some(s); i++)
		;
	hub_wake(s->hub);
}

void hub_listen(struct socket *s, bool listen)
{
	s->deaf = !listen;
	s->silent_ms = 0;
	hub_wake(s->hub);
}

void hub_hold(struct hub *h, bool hold)
{
	h->held = hold;
	for (struct socket *s = h->sockets; s; s = s->next) {
		s->silent_ms = 0;
		s->ping_ms = clock_ms() + h->times.ping_ms;
	}
	hub_wake(h);
}
