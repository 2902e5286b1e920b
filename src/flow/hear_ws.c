/* What comes over WebSocket, and how long somebody is waited for who could still connect. */
#include "src/flow/state.h"
#include "store/base/utf8.h"

enum {
	AT_ONCE = 64,      /* messages, before anything else gets its turn */
	IGNORED_MAX = 500, /* bytes of what is no message, in the log */
};

int flow_send_ws(struct flow *f, const struct buf *message)
{
	int r = ws_send(f->ws, message);

	return r == -ENOBUFS ? flow_log(f, "warn", "the generator does not read what it is told: a message is lost") : r;
}

/* Who connects becomes the one who speaks, unless the process has spoken as JSON lines before. */
static int on_opened(struct flow *f)
{
	if (f->is_wsi && !f->is_ws) {
		ws_close(f->ws, 1008, "this generator speaks JSON lines on its stdout");
		return flow_log(f, "warn", "a WebSocket was refused: the generator speaks JSON lines");
	}
	f->is_wsi = f->is_ws = true;
	f->send = flow_send_ws;
	wsi_link_resume(&f->link);
	return flow_log(f, "debug", "connected over WebSocket (%s)", wsi_state_name(f->link.state));
}

static int on_closed(struct flow *f, const struct buf *why)
{
	if (!f->is_ws)
		return 0;
	wsi_link_take(&f->link, WSI_DROPS);
	f->dropped_ms = clock_ms();
	return flow_log(f, f->outcome == RUNNING ? "warn" : "debug", "WebSocket: %s", buf_str(why));
}

/* What is no message is shown as it came, as far as one line of a log goes. */
static int ignore(struct flow *f, const char *why, struct buf *text)
{
	size_t n = redact_text(&f->secrets, (char *)text->data, text->len);

	return flow_log(f, "warn", "ignored: %s: %.*s", why, (int)utf8_cut(buf_str(text), n, IGNORED_MAX), buf_str(text));
}

static int on_text(struct flow *f, struct buf *text)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = wsi_parse(buf_str(text), text->len, &m, &why);

	f->heard_ms = clock_ms();
	if (!f->is_ws)
		return 0;
	if (r == 1)
		return hear_message(f, &m);
	if (r == -EBADMSG)
		return flow_log(f, "warn", "ignored: %s", buf_str(&why));
	if (r == -EFBIG)
		return flow_log(f, "warn", "ignored: a message of %zu bytes with too many values", text->len);
	return r ? r : ignore(f, "no JSON object with a 'type'", text);
}

int hear_ws(struct flow *f)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	enum ws_news news = WS_TEXT;
	int r = 0;

	for (int i = 0; i < AT_ONCE && news != WS_NOTHING && !r; i++) {
		news = ws_take(f->ws, &text);
		if (news == WS_OPENED)
			r = on_opened(f);
		else if (news == WS_TEXT)
			r = on_text(f, &text);
		else if (news == WS_CLOSED)
			r = on_closed(f, &text);
		else if (news == WS_OTHER && f->is_ws)
			r = flow_log(f, "debug", "WebSocket: %s", buf_str(&text));
	}
	return r;
}

int64_t flow_return_ms(const struct flow *f)
{
	int64_t limit = f->o->silence_ms ? min_i64(FLOW_RETURN_MS, f->o->silence_ms) : FLOW_RETURN_MS;

	return max_i64(f->ended_ms, f->dropped_ms) + limit;
}

bool flow_is_spoken_for(const struct flow *f)
{
	if (!f->ws)
		return false;
	if (ws_is_open(f->ws))
		return true;
	return f->is_ws && !f->gone && clock_ms() < flow_return_ms(f);
}
