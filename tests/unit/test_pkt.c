#include "src/git/pkt.h"
#include "tests/unit/test.h"

TEST(a_packet_is_whole_or_awaited_or_wrong)
{
	static const char *const wrong[] = { "0001", "0003", "zzzz", "-004", "fff1", "+00a" };
	struct pkt p;
	size_t used = 0;

	CHECK_EQ(pkt_parse("", 0, &p, &used), 0);
	CHECK_EQ(pkt_parse("000", 3, &p, &used), 0);
	CHECK_EQ(pkt_parse("0009done", 8, &p, &used), 0);
	CHECK_EQ(pkt_parse("0009done\nrest", 13, &p, &used), 1);
	CHECK_EQ(used, 9);
	CHECK(!p.flush && p.n == 4 && !memcmp(p.data, "done", 4));
	CHECK_EQ(pkt_parse("0000", 4, &p, &used), 1);
	CHECK(p.flush && used == 4);
	for (size_t i = 0; i < ARRAY_LEN(wrong); i++)
		CHECK_EQ(pkt_parse(wrong[i], 4, &p, &used), -EPROTO);
}

TEST(packets_and_lines_come_over_a_pipe_in_whatever_parts)
{
	AUTO(pkt_reader_release) struct pkt_reader r = { 0 };
	const char *line = NULL;
	struct pkt p;
	int ends[2];

	CHECK(!pipe(ends));
	AUTO(close_fd) int in = ends[0];

	r.fd = in;
	CHECK(!pkt_write(ends[1], "connect x\n000bhel", 17));
	CHECK_EQ(pkt_read_line(&r, &line), 1);
	CHECK_STR(line, "connect x");
	CHECK(!pkt_write(ends[1], "lo!\n00000010", 12));
	CHECK_EQ(pkt_read(&r, &p), 1);
	CHECK(p.n == 6 && !memcmp(p.data, "hello!", 6));
	CHECK_EQ(pkt_read(&r, &p), 1);
	CHECK(p.flush);
	close(ends[1]);
	CHECK_EQ(pkt_read(&r, &p), -EPROTO);
}
