/* GET /wsi/{request_id}: a generator connects. */
#include "src/serve/handshake.h"
#include "src/serve/reply.h"

/* What libmicrohttpd lent: it is given back by closing it. */
static void let_go(void *held)
{
	mhd()->upgrade_action(held, MHD_UPGRADE_ACTION_CLOSE);
}

/* The 101 is sent: from here on the connection is a WebSocket. */
static void upgraded(void *arg, struct MHD_Connection *connection UNUSED, void *context, const char *extra, size_t n, MHD_socket fd,
		     struct MHD_UpgradeResponseHandle *handle)
{
	struct server *s = arg;
	struct request *q = context;
	const struct wsi_door *door = &server_options(s)->wsi;
	const struct hub_connection c = { .fd = fd, .let_go = let_go, .held = handle };
	int r;

	hub_lock(server_hub(s));
	r = door->come(door->arg, server_hub(s), q->ticket, &c, extra, n);
	q->ticket = 0;
	request_upgraded(q);
	hub_unlock(server_hub(s));
	if (r)
		let_go(handle);
}

static int upgrade(struct request *q, const char *key)
{
	struct MHD_Response *response;
	char accept[HANDSHAKE_ACCEPT];
	int r = handshake_accept(key, accept);

	if (r)
		return r;
	response = mhd()->create_response_for_upgrade(upgraded, q->server);
	if (!response)
		return -ENOMEM;
	mhd()->add_response_header(response, "Upgrade", "websocket");
	mhd()->add_response_header(response, "Sec-WebSocket-Accept", accept);
	r = mhd()->queue_response(q->connection, MHD_HTTP_SWITCHING_PROTOCOLS, response) == MHD_YES ? 0 : -EIO;
	mhd()->destroy_response(response);
	q->answered = true;
	q->status = MHD_HTTP_SWITCHING_PROTOCOLS;
	return r;
}

static int refuse(struct request *q, int status, const char *why)
{
	static const struct reply_field fields[] = { { "Upgrade", "websocket" }, { "Sec-WebSocket-Version", "13" }, { 0 } };

	/* RFC 9110 section 15.5.22 and RFC 6455 section 4.4: what it should have been. */
	return reply_error(q, status, why, status == 426 ? fields : NULL, true);
}

static int run(struct request *q)
{
	const struct wsi_door *door = &server_options(q->server)->wsi;
	const struct handshake h = {
		.version = q->version, .upgrade = request_header(q, "Upgrade"), .connection = request_header(q, "Connection"),
		.ws_version = request_header(q, "Sec-WebSocket-Version"), .key = request_header(q, "Sec-WebSocket-Key"),
	};
	const char *why;
	int status = handshake_check(&h, &why);

	if (status)
		return refuse(q, status, why);
	q->ticket = door->knock(door->arg, server_hub(q->server), q->match.names[0].text, q->match.names[0].n);
	if (!q->ticket)
		return reply_error(q, 404, "no such generation runs here", NULL, true);
	return upgrade(q, h.key);
}

const struct route wsi_routes[] = {
	{ "GET", "/wsi/{request_id}", run, .body = 0 },
	{ 0 },
};
