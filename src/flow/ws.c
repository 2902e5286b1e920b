#include "src/flow/ws.h"
#include "src/serve/server.h"
#include "src/wsi/message.h"

#include <sys/eventfd.h>

_Static_assert((int)WEBSOCKET_MESSAGE_MAX == (int)WSI_MESSAGE_MAX, "a frame carries any message");

enum { QUEUED_MAX = 1 << 16 }; /* things that wait, however small they are */

/* A list with its end: what was heard, or what was sent and not read. */
struct item {
	struct item *next;
	enum ws_news kind;
	uint64_t number;
	struct buf text;
};

struct list {
	struct item *first, **end;
	size_t bytes, count;
};

struct ws {
	char *request_id, *url;
	struct server *server;
	int fd;
	/* Under the hub's lock. */
	struct hub *hub; /* NULL once it is gone */
	struct socket *socket;
	struct list heard, unread;
	uint64_t number; /* of the last message that was sent */
	int promised;    /* sockets that are on their way */
	uint64_t tickets, ticket; /* how many knocked; whose turn it is: that of `socket` */
	bool full;
};

static void list_init(struct list *l)
{
	*l = (struct list){ .first = NULL };
	l->end = &l->first;
}

static void item_free(struct item *i)
{
	buf_release(&i->text);
	free(i);
}

static struct item *list_take(struct list *l)
{
	struct item *i = l->first;

	if (!i)
		return NULL;
	l->first = i->next;
	if (!l->first)
		l->end = &l->first;
	l->bytes -= i->text.len;
	l->count--;
	return i;
}

static void list_clear(struct list *l)
{
	struct item *i;

	while ((i = list_take(l)))
		item_free(i);
}

/* Takes the bytes of text. NULL: no memory, and they are lost. */
static struct item *list_add(struct list *l, enum ws_news kind, struct buf *text)
{
	struct item *i = calloc(1, sizeof(*i));

	if (!i)
		return NULL;
	i->kind = kind;
	if (text) {
		i->text = *text;
		*text = (struct buf){ .max = text->max };
	}
	*l->end = i;
	l->end = &i->next;
	l->bytes += i->text.len;
	l->count++;
	return i;
}

static void wake(const struct ws *ws)
{
	uint64_t one = 1;

	if (write(ws->fd, &one, sizeof(one)) < 0)
		return;
}

static bool tell(struct ws *ws, enum ws_news kind, struct buf *text)
{
	bool told = list_add(&ws->heard, kind, text) != NULL;

	wake(ws);
	return told;
}

static bool too_much(const struct list *l)
{
	return l->bytes > WS_HEARD_MAX || l->count > QUEUED_MAX;
}

static void on_text(void *arg, struct socket *s, struct buf *message)
{
	struct ws *ws = arg;

	if (!tell(ws, WS_TEXT, message))
		hub_close(s, CLOSE_BROKEN, "out of memory");
	if (too_much(&ws->heard)) {
		ws->full = true;
		hub_listen(s, false);
	}
}

static void on_read(void *arg, struct socket *s, uint64_t number)
{
	struct ws *ws = arg;

	if (s != ws->socket)
		return;
	while (ws->unread.first && ws->unread.first->number <= number)
		item_free(list_take(&ws->unread));
}

static void words(struct buf *out, const struct hub_end *how)
{
	if (how->code == CLOSE_ABNORMAL)
		buf_adds(out, "the connection broke off");
	else if (how->by_us)
		buf_addf(out, "closed with code %d", how->code);
	else
		buf_addf(out, "the generator closed it with code %d", how->code);
	if (*how->reason)
		buf_addf(out, ": %s", how->reason);
}

static void on_closed(void *arg, struct socket *s, const struct hub_end *how)
{
	struct ws *ws = arg;
	struct buf text = BUF_INIT;

	if (s != ws->socket)
		return;
	if (how->all_read)
		list_clear(&ws->unread);
	ws->socket = NULL;
	words(&text, how);
	tell(ws, WS_CLOSED, &text);
	buf_release(&text);
}

static const struct hub_taker taker = { on_text, on_read, on_closed };

static uint64_t knock(void *arg, struct hub *hub, const char *request_id, size_t n)
{
	struct ws *ws = arg;
	uint64_t ticket;

	if (strlen(ws->request_id) != n || memcmp(ws->request_id, request_id, n) != 0)
		return 0;
	hub_lock(hub);
	ws->promised++;
	ticket = ++ws->tickets;
	hub_unlock(hub);
	return ticket;
}

static void stay_away(void *arg, struct hub *hub)
{
	struct ws *ws = arg;

	hub_lock(hub);
	ws->promised--;
	hub_unlock(hub);
	wake(ws);
}

/* First everything that has come over it, up to its end. */
static void replace(struct ws *ws, struct socket *old, const char *what)
{
	struct buf text = BUF_INIT;

	hub_drain(old);
	if (old == ws->socket && hub_all_read(old))
		list_clear(&ws->unread);
	hub_close(old, CLOSE_POLICY, "replaced by a newer connection");
	buf_adds(&text, what);
	tell(ws, WS_OTHER, &text);
	buf_release(&text);
}

static int come(void *arg, struct hub *hub, uint64_t ticket, const struct hub_connection *c, const void *extra, size_t n)
{
	struct ws *ws = arg;
	struct socket *s;
	int r = hub_add(hub, c, &taker, ws, &s);

	ws->promised--;
	if (r)
		return r;
	if (ticket < ws->ticket) {
		hub_feed(s, extra, n);
		replace(ws, s, "a connection was overtaken by a newer one on its way");
		return 0;
	}
	if (ws->socket)
		replace(ws, ws->socket, "a newer connection takes the place of the old one");
	ws->socket = s;
	ws->ticket = ticket;
	tell(ws, WS_OPENED, NULL);
	for (const struct item *i = ws->unread.first; i; i = i->next)
		hub_send(s, i->text.data, i->text.len, i->number);
	hub_feed(s, extra, n);
	hub_listen(s, !ws->full);
	return 0;
}

static int start(struct ws *ws, const char *request_id, struct buf *why)
{
	const struct server_options o = { .routes = wsi_routes, .wsi = { knock, come, stay_away, ws } };
	int r;

	ws->request_id = strdup(request_id);
	ws->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (!ws->request_id || ws->fd < 0)
		return ws->fd < 0 ? -errno : -ENOMEM;
	if ((r = server_start(&o, &ws->server, why)))
		return r;
	ws->hub = server_hub(ws->server);
	if (asprintf(&ws->url, "ws://127.0.0.1:%u/wsi/%s", (unsigned)server_port(ws->server), request_id) < 0) {
		ws->url = NULL;
		return -ENOMEM;
	}
	return 0;
}

int ws_open(const char *request_id, struct ws **ret_ws, struct buf *why)
{
	struct ws *ws = calloc(1, sizeof(*ws));
	int r;

	if (!ws)
		return -ENOMEM;
	ws->fd = -1;
	list_init(&ws->heard);
	list_init(&ws->unread);
	if ((r = start(ws, request_id, why)))
		ws_free(ws);
	else
		*ret_ws = ws;
	return r;
}

void ws_free(struct ws *ws)
{
	if (!ws)
		return;
	server_stop(ws->server);
	list_clear(&ws->heard);
	list_clear(&ws->unread);
	close_fd(&ws->fd);
	free(ws->request_id);
	free(ws->url);
	free(ws);
}

const char *ws_url(const struct ws *ws)
{
	return ws->url;
}

int ws_fd(const struct ws *ws)
{
	return ws->fd;
}

enum ws_news ws_take(struct ws *ws, struct buf *text)
{
	struct item *i;
	uint64_t count;
	enum ws_news kind;

	hub_lock(ws->hub);
	i = list_take(&ws->heard);
	if (!ws->heard.first && read(ws->fd, &count, sizeof(count)) < 0)
		count = 0;
	if (ws->full && ws->heard.bytes < WS_HEARD_MAX / 2 && ws->heard.count < QUEUED_MAX / 2) {
		ws->full = false;
		if (ws->socket)
			hub_listen(ws->socket, true);
	}
	hub_unlock(ws->hub);
	if (!i)
		return WS_NOTHING;
	kind = i->kind;
	buf_release(text);
	*text = i->text;
	free(i);
	return kind;
}

bool ws_is_open(const struct ws *ws)
{
	bool open;

	hub_lock(ws->hub);
	open = ws->socket || ws->promised || ws->heard.first;
	hub_unlock(ws->hub);
	return open;
}

int ws_send(struct ws *ws, const struct buf *message)
{
	struct buf copy = BUF_INIT;
	struct item *i = NULL;
	int r = buf_error(message);

	if (r || (r = buf_add(&copy, message->data, message->len)))
		return r;
	hub_lock(ws->hub);
	if (ws->unread.bytes + copy.len > WS_UNREAD_MAX)
		r = -ENOBUFS;
	else if (!(i = list_add(&ws->unread, WS_TEXT, &copy)))
		r = -ENOMEM;
	if (i) {
		i->number = ++ws->number;
		if (ws->socket)
			hub_send(ws->socket, i->text.data, i->text.len, i->number);
	}
	hub_unlock(ws->hub);
	buf_release(&copy);
	return r;
}

void ws_close(struct ws *ws, int code, const char *reason)
{
	hub_lock(ws->hub);
	if (ws->socket)
		hub_close(ws->socket, code, reason);
	hub_unlock(ws->hub);
}

void ws_reset(struct ws *ws)
{
	hub_lock(ws->hub);
	if (ws->socket)
		hub_close(ws->socket, CLOSE_GOING_AWAY, "its process is gone");
	ws->socket = NULL;
	list_clear(&ws->heard);
	list_clear(&ws->unread);
	hub_unlock(ws->hub);
}

void ws_hold(struct ws *ws, bool hold)
{
	hub_lock(ws->hub);
	hub_hold(ws->hub, hold);
	hub_unlock(ws->hub);
}
