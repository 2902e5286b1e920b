/* genstore snapshot */
#include "src/cmd/control.h"
#include "src/cmd/out.h"
#include "src/flow/checkpoint.h"
#include "store/base/utf8.h"

enum { LABEL_MAX = 200 };

static struct {
	const char *label;
} o;

static const struct opt options[] = {
	{ "label", 'l', OPT_TEXT, &o.label, "L", "what to call it" },
	{ 0 },
};

static int take_here(struct cli *cli, struct steer *s)
{
	int64_t id;
	int r = checkpoint_of(cli->st, &s->g, "manual", o.label, &id);

	return r ? cli_fail(cli, r) : EXIT_DONE;
}

/* The one that has come since. */
static int find_new(struct cli *cli, const struct control_request *q, struct iteration *ret_it)
{
	int64_t last = q->s.newest;
	int r;

	for (;;) {
		AUTO(iteration_release) struct iteration it = { 0 };

		if ((r = iteration_next(cli->st, q->s.g.id, last, &it)) <= 0)
			return r ? cli_fail(cli, r) : cli_error(cli, EXIT_FAILED, "no snapshot of '%s' was made; see its log", q->s.g.request_id);
		last = it.id;
		if (it.number || strcmp(it.snapshot_type, "manual") != 0)
			continue;
		*ret_it = it;
		it = (struct iteration){ 0 };
		return 0;
	}
}

static int tell(struct cli *cli, const struct control_request *q)
{
	AUTO(iteration_release) struct iteration it = { 0 };
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;
	int r = find_new(cli, q, &it);

	if (r)
		return r;
	if (!cli->json) {
		printf("%s@s%lld\n", q->s.g.request_id, (long long)it.id);
		return EXIT_DONE;
	}
	out_object(&j, &line, "snapshot");
	jw_int(&j, "id", it.id);
	jw_str(&j, "request_id", q->s.g.request_id);
	jw_str(&j, "snapshot_type", it.snapshot_type);
	jw_str(&j, "timestamp", it.timestamp);
	out_json(&j, "metadata", it.metadata);
	jw_int(&j, "files", it.files);
	jw_int(&j, "bytes", it.bytes);
	out_object_end(&j);
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(free_ptr) char *label = o.label ? strdup(o.label) : NULL;
	AUTO(control_request_release) struct control_request q = {
		.s.control = { .kind = CONTROL_SNAPSHOT, .input = label }, .wait_ms = 4 * CONTROL_WAIT_MS, .here = take_here,
	};
	int r;

	if (o.label && (!utf8_valid(o.label, strlen(o.label)) || strlen(o.label) > LABEL_MAX))
		return cli_usage(cli, "--label takes UTF-8 of up to %d bytes", LABEL_MAX);
	r = control_run(cli, argv[0], &q);
	return r ? r : tell(cli, &q);
}

const struct command command_snapshot = {
	.name = "snapshot", .access = FOR_USERS, .arguments = "REQ", .summary = "keeps the tree of a generation as it is now", .options = options,
	.run = run, .min_args = 1, .max_args = 1,
	.more = "Prints what the snapshot is called, for restore, diff, ls, cat and generate --resume.",
};
