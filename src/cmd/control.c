#include "src/cmd/control.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"

#include <poll.h>

enum { POLL_MS = 30, ORPHAN_MS = 1000 };

void control_request_release(struct control_request *q)
{
	steer_release(&q->s);
}

static int give_up(struct cli *cli, struct control_request *q)
{
	steer_give_up(cli->st, &q->s);
	return cli_error(cli, EXIT_FAILED, "'%s' was not %s within %lld s: its genstore does not answer; see 'genstore log %s'",
			 q->s.g.request_id, q->s.control.kind == CONTROL_PAUSE ? "paused" : "reached", (long long)(q->wait_ms / 1000),
			 q->s.g.request_id);
}

/* One look. -1: it waits still. */
static int look(struct cli *cli, struct control_request *q)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = steer_wait(cli->st, &q->s, &why);

	if (r == 1 || r == -EBUSY)
		return -1;
	if (r == -ECANCELED)
		return cli_error(cli, EXIT_FAILED, "%s", buf_str(&why));
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int wait_for_it(struct cli *cli, struct control_request *q)
{
	int64_t until = clock_ms() + q->wait_ms, orphans = clock_ms() + ORPHAN_MS;

	while (clock_ms() < until) {
		int r = look(cli, q);

		if (r >= 0)
			return r;
		poll(NULL, 0, POLL_MS);
		/* Its genstore may be killed while we wait. */
		if (clock_ms() >= orphans) {
			flow_adopt_orphans(cli->st, NULL, NULL);
			orphans = clock_ms() + ORPHAN_MS;
		}
	}
	return give_up(cli, q);
}

int control_run(struct cli *cli, const char *text, struct control_request *q)
{
	AUTO(revision_release) struct revision rev = { 0 };
	int r;

	if ((r = cli_open_writer(cli)) || (r = cli_generation(cli, text, &rev)))
		return r;
	q->s.g.id = rev.generation.id;
	if ((r = steer(cli->st, &q->s)))
		return cli_fail(cli, r);
	if (q->s.what == STEER_REFUSE)
		return cli_error(cli, EXIT_FAILED, "'%s' is %s%s", q->s.g.request_id, q->s.g.status, q->s.words);
	if (q->s.what == STEER_HERE)
		return q->here(cli, &q->s);
	return q->s.what == STEER_POST ? wait_for_it(cli, q) : EXIT_DONE;
}

int control_tell(struct cli *cli, const struct control_request *q)
{
	if (cli->json)
		keep_tell(cli, &q->s.g);
	else
		cli_note(cli, "'%s' is %s", q->s.g.request_id, q->s.g.status);
	return EXIT_DONE;
}
