#include "src/serve/websocket.h"
#include "tests/unit/test.h"

/* One that is fed as a client would, a byte at a time when `slowly`; what it told. */
struct peer {
	struct websocket w;
	struct websocket_hear hear;
	struct buf in, heard; /* heard: messages, each with a | behind it */
	uint64_t pong;
};

static void on_text(void *arg, struct buf *message)
{
	struct peer *p = arg;

	buf_add(&p->heard, message->data, message->len);
	buf_adds(&p->heard, "|");
}

static void on_pong(void *arg, uint64_t number)
{
	((struct peer *)arg)->pong = number;
}

static void peer_init(struct peer *p)
{
	*p = (struct peer){ .hear = { on_text, on_pong, p } };
	websocket_init(&p->w, &p->hear);
}

static void peer_release(struct peer *p)
{
	websocket_release(&p->w);
	buf_release(&p->in);
	buf_release(&p->heard);
}

enum { FIN = 0x80, RSV1 = 0x40, MASK = 0x80 };

/* A frame with a mask of its own; head: FIN and the opcode. */
static void frame(struct peer *p, int head, const void *data, size_t n)
{
	static const uint8_t mask[4] = { 1, 2, 3, 250 };

	buf_addc(&p->in, (uint8_t)head);
	buf_addc(&p->in, (uint8_t)(MASK | (n < 126 ? n : n < 65536 ? 126 : 127)));
	for (int i = n < 126 ? 0 : n < 65536 ? 2 : 8; i > 0; i--)
		buf_addc(&p->in, (uint8_t)(n >> 8 * (i - 1)));
	buf_add(&p->in, mask, 4);
	for (size_t i = 0; i < n; i++)
		buf_addc(&p->in, ((const uint8_t *)data)[i] ^ mask[i % 4]);
}

static void text(struct peer *p, int head, const char *words)
{
	frame(p, head, words, strlen(words));
}

static void feed(struct peer *p, bool slowly)
{
	for (size_t i = 0; i < p->in.len; i += slowly ? 1 : p->in.len)
		websocket_feed(&p->w, p->in.data + i, slowly ? 1 : p->in.len);
	buf_reset(&p->in);
}

/* The code of the close frame at the end of what is to be sent; 0: there is none. */
static int answer(const struct peer *p)
{
	const uint8_t *out;
	size_t n = websocket_pending(&p->w, &out);

	for (size_t i = 0; i + 4 <= n; i += 2 + (size_t)(out[i + 1] & 0x7f))
		if (out[i] == (FIN | 8))
			return out[i + 2] << 8 | out[i + 3];
	return 0;
}

TEST(messages_come_out_as_they_were_sent_whole_in_parts_and_byte_by_byte)
{
	for (int slowly = 0; slowly < 2; slowly++) {
		AUTO(peer_release) struct peer p;

		peer_init(&p);
		text(&p, FIN | 1, "one");
		text(&p, 1, "t");
		text(&p, 0, "");
		text(&p, FIN | 9, "in between");
		text(&p, FIN, "wo");
		text(&p, FIN | 1, "");
		text(&p, FIN | 1, "a text of more than 125 bytes, so that its length does not fit the first seven bits that there are in the head of a frame");
		feed(&p, slowly);
		CHECK_EQ(p.w.code, 0);
		CHECK_STR(buf_str(&p.heard), "one|two||a text of more than 125 bytes, so that its length does not fit the first seven bits that "
					     "there are in the head of a frame|");
		/* The pong. */
		CHECK_EQ(p.w.out.data[0], FIN | 10);
		CHECK_MEM(p.w.out.data + 2, "in between", 10);
	}
}

TEST(each_breach_of_the_rules_is_answered_with_its_code)
{
	static const struct { int code; size_t n; const char *bytes; } table[] = {
		{ CLOSE_PROTOCOL, 5, "\x81\x03" "abc" },                     /* not masked */
		{ CLOSE_PROTOCOL, 2, "\x81\x00" },                           /* the same, with nothing in it */
		{ CLOSE_PROTOCOL, 6, "\xc1\x80" "\0\0\0\0" },                /* RSV1 */
		{ CLOSE_PROTOCOL, 6, "\x83\x80" "\0\0\0\0" },                /* opcodes that are reserved */
		{ CLOSE_PROTOCOL, 6, "\x8b\x80" "\0\0\0\0" },
		{ CLOSE_PROTOCOL, 6, "\x80\x80" "\0\0\0\0" },                /* a continuation of nothing */
		{ CLOSE_PROTOCOL, 12, "\x01\x80" "\0\0\0\0" "\x81\x80" "\0\0\0\0" }, /* a message inside another */
		{ CLOSE_PROTOCOL, 6, "\x09\x80" "\0\0\0\0" },                /* a ping in parts */
		{ CLOSE_PROTOCOL, 8, "\x89\xfe\x00\x7e" "\0\0\0\0" },        /* a ping of 126 bytes */
		{ CLOSE_PROTOCOL, 8, "\x81\xfe\x00\x05" "\0\0\0\0" },        /* a length that is longer than it has to be */
		{ CLOSE_UNSUPPORTED, 6, "\x82\x80" "\0\0\0\0" },             /* binary */
		{ CLOSE_NOT_UTF8, 8, "\x81\x82" "\0\0\0\0" "\xc3(" },
		{ CLOSE_NOT_UTF8, 9, "\x81\x83" "\0\0\0\0" "\xed\xa0\x80" }, /* a surrogate */
		{ CLOSE_PROTOCOL, 7, "\x88\x81" "\0\0\0\0" "\x03" },         /* half a code */
		{ CLOSE_PROTOCOL, 8, "\x88\x82" "\0\0\0\0" "\x03\xed" },     /* 1005 */
		{ CLOSE_PROTOCOL, 8, "\x88\x82" "\0\0\0\0" "\x07\xd0" },     /* 2000 */
		{ CLOSE_NOT_UTF8, 9, "\x88\x83" "\0\0\0\0" "\x03\xe8\xff" }, /* 1000, and what is no reason */
		{ CLOSE_TOO_BIG, 15, "\x81\xff" "\0\0\0\0\x01\0\0\x01" "\0\0\0\0" "a" }, /* 16 MiB and a byte */
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++)
		for (int slowly = 0; slowly < 2; slowly++) {
			AUTO(peer_release) struct peer p;

			peer_init(&p);
			buf_add(&p.in, table[i].bytes, table[i].n);
			feed(&p, slowly);
			CHECK_EQ(answer(&p), table[i].code);
			CHECK_EQ(p.w.code, table[i].code);
			CHECK(p.w.by_us);
			CHECK_EQ(p.heard.len, 0);
		}
}

TEST(a_message_in_parts_has_the_limit_of_a_whole_one)
{
	enum { PART = 1 << 20 };
	AUTO(free_ptr) char *part = malloc(PART);
	AUTO(peer_release) struct peer p;

	CHECK(part);
	memset(part, 'a', PART);
	peer_init(&p);
	for (int i = 0; i < 16; i++) {
		frame(&p, i ? 0 : 1, part, PART);
		feed(&p, false);
	}
	CHECK_EQ(p.w.code, 0);
	text(&p, FIN, "");
	feed(&p, false);
	CHECK_EQ(p.heard.len, 16 * PART + 1);
	for (int i = 0; i < 16; i++) {
		frame(&p, i ? 0 : 1, part, PART);
		feed(&p, false);
	}
	text(&p, FIN, "a");
	feed(&p, false);
	CHECK_EQ(p.w.code, CLOSE_TOO_BIG);
}

TEST(a_close_is_answered_with_its_code_and_nothing_is_heard_after_it)
{
	AUTO(peer_release) struct peer p;

	peer_init(&p);
	frame(&p, FIN | 8, "\x0f\xa0" "bye", 5);
	text(&p, FIN | 1, "and one more thing");
	feed(&p, false);
	CHECK_EQ(answer(&p), 4000);
	CHECK_EQ(p.w.code, 4000);
	CHECK_STR(p.w.reason, "bye");
	CHECK(!p.w.by_us);
	CHECK_EQ(p.heard.len, 0);
	websocket_sent(&p.w, p.w.out.len);
	CHECK(websocket_over(&p.w));
}

TEST(after_our_close_only_theirs_counts)
{
	AUTO(peer_release) struct peer p;

	peer_init(&p);
	websocket_close(&p.w, CLOSE_NORMAL, "done");
	text(&p, FIN | 1, "still talking");
	feed(&p, false);
	CHECK_EQ(p.heard.len, 0);
	websocket_sent(&p.w, p.w.out.len);
	CHECK(!websocket_over(&p.w));
	frame(&p, FIN | 8, "", 0);
	feed(&p, false);
	CHECK(websocket_over(&p.w));
	CHECK_EQ(p.w.code, CLOSE_NORMAL);
	CHECK(p.w.by_us);
}

TEST(a_pong_tells_the_number_of_its_ping_and_others_tell_nothing)
{
	AUTO(peer_release) struct peer p;
	const uint8_t *out;

	peer_init(&p);
	websocket_ping(&p.w, 77);
	CHECK_EQ(websocket_pending(&p.w, &out), 10);
	frame(&p, FIN | 10, out + 2, 8);
	feed(&p, false);
	CHECK_EQ(p.pong, 77);
	text(&p, FIN | 10, "heartbeat");
	feed(&p, false);
	CHECK_EQ(p.pong, 77);
	CHECK_EQ(p.w.code, 0);
}

TEST(what_waits_to_be_sent_has_a_limit)
{
	AUTO(free_ptr) char *big = calloc(1, WEBSOCKET_OUT_MAX / 4);
	AUTO(peer_release) struct peer p;

	CHECK(big);
	peer_init(&p);
	for (int i = 0; i < 3; i++)
		websocket_text(&p.w, big, WEBSOCKET_OUT_MAX / 4);
	CHECK_EQ(p.w.code, 0);
	/* What has gone out makes room. */
	websocket_sent(&p.w, WEBSOCKET_OUT_MAX / 4);
	websocket_text(&p.w, big, WEBSOCKET_OUT_MAX / 4);
	CHECK_EQ(p.w.code, 0);
	for (int i = 0; i < 2; i++)
		websocket_text(&p.w, big, WEBSOCKET_OUT_MAX / 4);
	CHECK_EQ(p.w.code, CLOSE_POLICY);
	CHECK(p.w.out.len < WEBSOCKET_OUT_MAX + 1000 + WEBSOCKET_OUT_MAX / 4);
}
