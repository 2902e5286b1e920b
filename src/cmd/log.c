/* genstore log */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "store/base/utf8.h"
#include "store/event.h"

#include <poll.h>

enum { POLL_MS = 200 };

static const char *const levels[] = { "debug", "info", "warn", "error" };

static struct {
	bool follow;
	const char *level;
} o;

static const struct opt options[] = {
	{ "follow", 'f', OPT_FLAG, &o.follow, NULL, "go on until the generation ends, or is paused" },
	{ "level", 0, OPT_TEXT, &o.level, "L", "debug, info, warn or error: that and worse" },
	{ 0 },
};

static size_t rank(const char *level)
{
	size_t i = 0;

	while (i < ARRAY_LEN(levels) && strcmp(levels[i], level) != 0)
		i++;
	return i;
}

static void print_object(const struct event *e)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct jw j;

	out_object(&j, &out, "event");
	jw_int(&j, "id", e->id);
	jw_str(&j, "at", e->at);
	jw_str(&j, "type", e->type);
	jw_str(&j, "level", e->level);
	jw_str(&j, "line", e->line);
	out_json(&j, "data", e->data);
	out_object_more(&j);
}

/* Lines are made printable when they are written; another program may have written this one. */
static void print_line(const struct event *e)
{
	AUTO(buf_release) struct buf line = BUF_INIT, safe = BUF_INIT;

	buf_addf(&line, "%s  %-5s  %s", e->at, e->level, e->line);
	utf8_printable(&safe, buf_str(&line), line.len);
	puts(buf_str(&safe));
}

/* What is there behind position *last of log.txt. */
static int print_new(struct cli *cli, int64_t generation, int64_t *last)
{
	int r = 1;

	while (r > 0 && !ferror(stdout)) {
		AUTO(event_release) struct event e = { 0 };

		if ((r = event_next(cli->st, generation, *last, &e)) <= 0)
			break;
		*last = e.position;
		if (o.level && rank(e.level) < rank(o.level))
			continue;
		if (cli->json)
			print_object(&e);
		else
			print_line(&e);
	}
	fflush(stdout);
	return r < 0 ? r : 0;
}

/* Waits for a commit of somebody else's: 1, or 0 when whoever reads stdout has left. */
static int wait_for_change(struct genstore *st, int64_t before)
{
	struct pollfd reader = { .fd = STDOUT_FILENO };
	int64_t now = before;
	int r;

	do {
		if (poll(&reader, 1, POLL_MS) > 0)
			return 0;
		if ((r = db_data_version(&st->db, &now)))
			return r;
	} while (now == before);
	return 1;
}

static bool is_over(const struct generation *g)
{
	return !strcmp(g->status, "completed") || !strcmp(g->status, "failed") || !strcmp(g->status, "cancelled");
}

/* State first, then events: those of the last commit are not missed. */
static int follow(struct cli *cli, int64_t generation, int64_t last)
{
	for (;;) {
		AUTO(generation_release) struct generation g = { 0 };
		int64_t version;
		int r;

		if ((r = db_data_version(&cli->st->db, &version)) || (r = generation_get(cli->st, generation, &g)) ||
		    (r = print_new(cli, generation, &last)))
			return r;
		if (is_over(&g) || ferror(stdout))
			return 0;
		if (strcmp(g.status, "paused") == 0) {
			cli_note(cli, "'%s' is paused", g.request_id);
			return 0;
		}
		if ((r = wait_for_change(cli->st, version)) <= 0)
			return r;
	}
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	int64_t last = -1;
	int r;

	if (o.level && rank(o.level) == ARRAY_LEN(levels))
		return cli_usage(cli, "no such level: '%s'", o.level);
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_generation(cli, argv[0], &rev)))
		return r;
	if (o.follow)
		r = follow(cli, rev.generation.id, last);
	else
		r = print_new(cli, rev.generation.id, &last);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

const struct command command_log = {
	.name = "log", .arguments = "REQ", .summary = "prints what the generator said", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
