#include "src/serve/hub.h"
#include "tests/unit/test.h"

#include <poll.h>
#include <pthread.h>
#include <sys/socket.h>

/* One socket of a hub, its other end, and what was told about it. */
struct ends {
	struct hub *hub;
	struct socket *s;
	int ours, theirs;
	pthread_cond_t changed;
	pthread_mutex_t lock;
	struct buf heard;
	uint64_t read_up_to;
	int code;
	bool closed, let_go, by_us, all_read;
};

static void on_text(void *arg, struct socket *s UNUSED, struct buf *message)
{
	struct ends *e = arg;

	buf_add(&e->heard, message->data, message->len);
}

static void on_read(void *arg, struct socket *s UNUSED, uint64_t number)
{
	((struct ends *)arg)->read_up_to = number;
}

static void on_closed(void *arg, struct socket *s UNUSED, const struct hub_end *how)
{
	struct ends *e = arg;

	e->code = how->code;
	e->by_us = how->by_us;
	e->all_read = how->all_read;
	e->closed = true;
}

static void let_go(void *held)
{
	struct ends *e = held;

	pthread_mutex_lock(&e->lock);
	e->let_go = true;
	pthread_cond_signal(&e->changed);
	pthread_mutex_unlock(&e->lock);
}

static const struct hub_taker taker = { on_text, on_read, on_closed };

static void ends_open(struct test_run *test, struct ends *e, struct hub_times times)
{
	struct hub_connection c = { .let_go = let_go, .held = e };
	int pair[2];

	*e = (struct ends){ .ours = -1, .theirs = -1 };
	pthread_mutex_init(&e->lock, NULL);
	pthread_cond_init(&e->changed, NULL);
	CHECK(!socketpair(AF_UNIX, SOCK_STREAM, 0, pair));
	e->ours = c.fd = pair[0];
	e->theirs = pair[1];
	CHECK_EQ(hub_start(times, NULL, NULL, &e->hub), 0);
	hub_lock(e->hub);
	test_eq(TEST_HERE, "hub_add", hub_add(e->hub, &c, &taker, e, &e->s), 0);
	hub_unlock(e->hub);
}

static void ends_close(struct ends *e)
{
	close_fd(&e->theirs);
	hub_free(e->hub);
	close_fd(&e->ours);
	buf_release(&e->heard);
}

static void wait_until_gone(struct ends *e)
{
	pthread_mutex_lock(&e->lock);
	while (!e->let_go)
		pthread_cond_wait(&e->changed, &e->lock);
	pthread_mutex_unlock(&e->lock);
}

/* The next frame that the peer gets: its opcode; its payload, short, in out. */
static int frame(struct ends *e, uint8_t out[128])
{
	uint8_t head[2];

	if (recv(e->theirs, head, 2, MSG_WAITALL) != 2 || (head[1] && recv(e->theirs, out, head[1], MSG_WAITALL) != head[1]))
		return -1;
	return head[0] & 15;
}

TEST(a_peer_that_answers_pings_stays_and_one_that_does_not_is_cut)
{
	struct ends e;
	uint8_t body[128], pong[14] = { 0x8a, 0x88 };

	ends_open(test, &e, (struct hub_times){ 5, 60000, 60000 });
	for (int i = 0; i < 5; i++) {
		CHECK_EQ(frame(&e, body), 9);
		memcpy(pong + 6, body, 8);
		CHECK_EQ(send(e.theirs, pong, sizeof(pong), 0), sizeof(pong));
	}
	CHECK(!e.let_go);
	ends_close(&e);
	ends_open(test, &e, (struct hub_times){ 5, 20, 60000 });
	wait_until_gone(&e);
	CHECK(e.closed);
	CHECK_EQ(e.code, CLOSE_POLICY);
	CHECK(e.by_us);
	ends_close(&e);
}

TEST(a_peer_that_is_held_is_not_cut_for_its_silence)
{
	struct ends e;
	struct pollfd p = { .events = POLLIN };

	ends_open(test, &e, (struct hub_times){ 30, 30, 60000 });
	hub_lock(e.hub);
	hub_hold(e.hub, true);
	hub_unlock(e.hub);
	p.fd = e.theirs;
	/* Longer than both times together, in which nothing may come. */
	CHECK_EQ(poll(&p, 1, 100), 0);
	CHECK(!e.let_go);
	hub_lock(e.hub);
	hub_hold(e.hub, false);
	hub_unlock(e.hub);
	wait_until_gone(&e);
	CHECK_EQ(e.code, CLOSE_POLICY);
	ends_close(&e);
}

TEST(a_peer_that_does_not_answer_a_close_is_cut)
{
	struct ends e;

	ends_open(test, &e, (struct hub_times){ 60000, 60000, 20 });
	hub_lock(e.hub);
	hub_close(e.s, CLOSE_NORMAL, "");
	hub_unlock(e.hub);
	wait_until_gone(&e);
	CHECK_EQ(e.code, CLOSE_NORMAL);
	CHECK(!e.all_read);
	ends_close(&e);
}

TEST(what_was_sent_is_known_to_be_read_by_its_pong_or_by_an_end_in_order)
{
	struct ends e;
	uint8_t body[128], pong[14] = { 0x8a, 0x88 };

	ends_open(test, &e, HUB_TIMES);
	hub_lock(e.hub);
	hub_send(e.s, "order", 5, 7);
	hub_unlock(e.hub);
	CHECK_EQ(frame(&e, body), 1);
	CHECK_MEM(body, "order", 5);
	CHECK_EQ(frame(&e, body), 9);
	memcpy(pong + 6, body, 8);
	CHECK_EQ(send(e.theirs, pong, sizeof(pong), 0), sizeof(pong));
	shutdown(e.theirs, SHUT_WR);
	wait_until_gone(&e);
	CHECK_EQ(e.read_up_to, 7);
	CHECK_EQ(e.code, CLOSE_ABNORMAL);
	CHECK(e.all_read);
	ends_close(&e);
}

TEST(a_hub_that_stops_says_goodbye_and_takes_nobody_any_more)
{
	struct ends e;
	uint8_t body[128];
	struct hub_connection c = { .let_go = let_go, .held = &e };
	struct socket *s;

	ends_open(test, &e, (struct hub_times){ 60000, 60000, 20 });
	hub_stop(e.hub);
	CHECK(e.closed && e.let_go);
	CHECK_EQ(frame(&e, body), 8);
	CHECK_EQ(body[0] << 8 | body[1], CLOSE_GOING_AWAY);
	hub_lock(e.hub);
	test_eq(TEST_HERE, "hub_add", hub_add(e.hub, &c, &taker, &e, &s), -ESHUTDOWN);
	hub_unlock(e.hub);
	ends_close(&e);
}
