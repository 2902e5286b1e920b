/*
 * The HTTP server: a thread for each connection (libmicrohttpd), so that a route may block in the store, and one thread for all
 * WebSockets (hub.h).
 *
 * On loopback, where it listens unless it is told otherwise: what protects it there from other users of the machine and from web pages: a request id cannot be guessed
 * (60 random bits, lifecycle), and requests with a foreign Host or Origin are refused, so that neither DNS rebinding nor a page in a
 * browser reaches it. There is no secret beyond that: the address of a generation is fixed by its contract,
 * ws://127.0.0.1:PORT/wsi/<request_id>.
 */
#ifndef GENSTORE_SERVE_SERVER_H
#define GENSTORE_SERVE_SERVER_H

#include "src/serve/hub.h"
#include "src/serve/mhd.h"
#include "src/serve/route.h"

#include <netinet/in.h>

enum {
	SERVER_CONNECTIONS_MAX = 64,
	SERVER_HEAD_MAX = 16 << 10,   /* bytes of memory for the head of a request: 431 beyond */
	SERVER_BODY_MAX = 16 << 20,   /* bytes of a body that is read and thrown away; beyond, the connection is cut */
	SERVER_IDLE_S = 60,
};

/* Who has the generations that /wsi/{request_id} names. Called from any thread. */
struct wsi_door {
	/*
	 * Is somebody behind it? If so (not 0), a socket is promised: exactly one call of come(), with this ticket, or of stay_away()
	 * follows. Those that knocked one after the other may come in another order.
	 */
	uint64_t (*knock)(void *arg, struct hub *hub, const char *request_id, size_t n);
	/* Locked hub. -errno: not taken. `extra` was read from it already. */
	int (*come)(void *arg, struct hub *hub, uint64_t ticket, const struct hub_connection *c, const void *extra, size_t n);
	void (*stay_away)(void *arg, struct hub *hub);
	void *arg;
};

struct request;

/* Instead of routes: who takes bodies piece by piece, and answers in a form of his own. */
struct server_raw {
	/* The head is there. 0: go on; or negative: the connection is cut. Answers early only to reject: the connection ends with it. */
	int (*head)(struct request *q);
	/* Some of the body. */
	int (*body)(struct request *q, const char *data, size_t n);
	/* All of it is there: answers. */
	int (*end)(struct request *q);
	/* What hygiene.h does not let pass is answered. */
	int (*refuse)(struct request *q, int status, const char *why);
	/* Frees q->own. */
	void (*over)(struct request *q);
};

struct server_options {
	const struct route *routes; /* route.h; NULL: raw */
	const struct server_raw *raw;
	size_t head_max;            /* bytes of memory for the head of a request, and a piece of its body; 0: SERVER_HEAD_MAX */
	struct wsi_door wsi;
	bool elsewhere;             /* than on loopback. There no Host is refused: `admit` has to know who comes */
	in_addr_t address;          /* there; network order, INADDR_ANY: everywhere */
	uint16_t port;              /* 0: the kernel chooses */
	unsigned connections;       /* at a time; 0: SERVER_CONNECTIONS_MAX */
	void *app;                  /* of the routes: request_app() */
	/*
	 * Before the body of a route that takes one is read: 0 it is, 1 it was answered, and the connection is closed then; or negative.
	 * NULL: whoever comes.
	 */
	int (*admit)(struct request *q);
	/* A request is over: for a log. From the thread of its connection. */
	void (*over)(void *app, const struct request *q);
};

struct server;
struct request;
/* -errno of socket(), bind() ...; -ENOMEM; -ENOPKG with words in `why`. All signals are blocked in its threads. */
int server_start(const struct server_options *o, struct server **ret_s, struct buf *why);
/*
 * Takes no new connections, and waits until what is being answered is, at most so long. What lasts as long as it is listened to looks at
 * server_is_ending(). false: something was not.
 */
bool server_drain(struct server *s, int64_t ms);
bool server_is_ending(const struct server *s);
/* Nothing new, then a close frame to each WebSocket, then the end. When this returns no function of the options runs any more. */
void server_stop(struct server *s);
uint16_t server_port(const struct server *s);
struct hub *server_hub(struct server *s);

/* The routes of a run: the WebSocket and nothing else. */
extern const struct route wsi_routes[];

/* --- for routes: one request --- */

struct request {
	struct server *server;
	struct MHD_Connection *connection;
	const char *method, *version;
	char *path;                /* as it came, with the query */
	struct route_match match;
	int64_t body;              /* bytes of it so far */
	struct buf text;           /* the body, where the route takes one */
	int64_t began_ms;
	int status;                /* of the answer; 0: there is none yet */
	int64_t sent;              /* bytes of the answer's body */
	bool begun, answered;
	bool is_early;             /* what is answered now is answered before the body was read: the connection ends with it */
	bool upgraded;             /* it is no HTTP any more */
	void *own;                 /* of server_raw */
	uint64_t ticket;           /* of wsi_door.knock(), while neither come() nor stay_away() was called */
};

const struct server_options *server_options(const struct server *s);
/* All of its header fields, in their order. */
void request_headers(const struct request *q, enum MHD_Result (*each)(void *arg, enum MHD_ValueKind kind, const char *name, const char *value), void *arg);
const char *request_header(const struct request *q, const char *name);
void *request_app(const struct request *q);
/* Its connection is no HTTP any more. */
void request_upgraded(struct request *q);

#endif
