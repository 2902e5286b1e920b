#include "src/cmd/launch.h"
#include "src/cmd/generate_view.h"
#include "src/cmd/keysource.h"
#include "src/cmd/program.h"
#include "src/cmd/sync.h"
#include "src/flow/env.h"
#include "store/base/json.h"
#include "store/base/utf8.h"
#include "store/outbox.h"

void launch_release(struct launch *l)
{
	run_release(&l->run);
	generation_release(&l->g);
}

int launch_command(struct cli *cli, bool dashes, int argc, char **argv, struct launch *l)
{
	int r;

	if (!argc)
		return 0;
	if (!dashes)
		return cli_usage(cli, "what is '%s'? A command stands behind --, a prompt of several words in quotes", argv[0]);
	l->f.argv = argv;
	l->f.path = l->path;
	r = program_find(argv[0], l->path);
	return r ? cli_error(cli, EXIT_USAGE, "cannot run '%s': %s", argv[0], strerror(-r)) : 0;
}

/* What runs where nothing else was named. */
static void use_example(struct launch *l)
{
	static char program[] = "genstore", command[] = "example-generator";
	static char *const example[] = { program, command, NULL };

	l->f.argv = example;
	l->f.path = "/proc/self/exe";
}

int launch_limits(struct cli *cli, struct limits *ret_l)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = limits_load(cli->st, ret_l, &why);

	return r ? cli_error(cli, cli_exit_code(r), "%s", buf_str(&why)) : 0;
}

int launch_kept(struct cli *cli, const char *request_id, struct launch *l)
{
	struct flow_options *f = &l->f;
	struct limits limits;
	int r = generation_by_request(cli->st, request_id, &l->g);

	if (!r && (r = launch_limits(cli, &limits)))
		return r;
	if (!r && (r = run_get(cli->st, l->g.id, &l->run)) == -ENOENT) {
		/* Of before there was this table. */
		l->run = (struct run){
			.forgotten = true, .silence_ms = limits.silence_ms, .max_bytes = limits.max_bytes, .decision_ms = limits.decision_ms,
		};
		r = 0;
	}
	if (r)
		return cli_fail(cli, r);
	f->request_id = l->g.request_id;
	f->silence_ms = l->run.silence_ms;
	f->max_bytes = l->run.max_bytes;
	f->max_log = limits.max_log;
	f->decision_ms = l->run.decision_ms;
	f->parent_iteration = l->run.parent_iteration;
	return launch_kept_command(cli, l);
}

int launch_kept_command(struct cli *cli, struct launch *l)
{
	struct flow_options *f = &l->f;

	if (!f->env_count) {
		f->env = (const char *const *)l->run.env;
		f->env_count = l->run.env_count;
	}
	for (size_t i = 0; i < f->env_count; i++)
		if (!getenv(f->env[i]))
			return cli_error(cli, EXIT_USAGE, "'%s' was begun with --env %s, and there is no such variable here", l->g.request_id,
					 f->env[i]);
	if (f->argv)
		return 0;
	if (l->run.forgotten)
		return cli_error(cli, EXIT_USAGE, "the command of '%s' is not kept; name it: genstore %s %s -- COMMAND", l->g.request_id,
				 cli->command->name, l->g.request_id);
	if (!l->run.command) {
		use_example(l);
		return 0;
	}
	f->path = l->run.command[0];
	f->argv = l->run.command + 1;
	return 0;
}

int launch_names(struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_array(&j, NULL);
	for (char **e = environ; *e; e++)
		if (utf8_valid(*e, strcspn(*e, "=")))
			jw_strn(&j, NULL, *e, strcspn(*e, "="));
	jw_end(&j);
	return buf_error(out);
}

/* What it was queued for when it was made. The generation is there, whatever becomes of this. */
static int send_it(struct cli *cli, const char *request_id)
{
	AUTO(idlist_release) struct idlist rows = { 0 };
	int64_t id;
	int r = generation_id(cli->st, request_id, &id);

	for (int i = 0; i < OUTBOX_REMOTES && !r; i++) {
		AUTO(outbox_row_release) struct outbox_row row = { 0 };

		r = outbox_find(cli->st, id, outbox_remotes[i], &row);
		r = r ? r == -ENOENT ? 0 : r : idlist_add(&rows, row.id);
	}
	if (r || !rows.count)
		return r ? cli_fail(cli, r) : 0;
	r = sync_rows(cli, &rows, false);
	return r && r != EXIT_INTERRUPTED ? EXIT_PARTLY : r;
}

int launch_run(struct cli *cli, struct launch *l, bool asks)
{
	AUTO(flow_result_release) struct flow_result result = { 0 };
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	AUTO(view_release) struct view view = { 0 };
	struct limits limits;
	int r;

	if ((r = launch_limits(cli, &limits)) || (r = key_given(cli, &key)))
		return r;
	l->f.key = key.data;
	if (!l->f.argv)
		use_example(l);
	if (view_init(&view, cli, !l->f.env_count, asks))
		return cli_error(cli, EXIT_FAILED, "no memory");
	view.brief = l->brief;
	view.turn = l->turn;
	l->f.tell = view_tell;
	l->f.arg = &view;
	/* Who answers has to come from elsewhere, and not for ever. */
	if (!view.prompt.usable && !l->f.decision_ms)
		l->f.decision_ms = limits.decision_ms;
	if (view.prompt.usable) {
		l->f.answer_fd = view_answer_fd;
		l->f.answer = view_answer;
	}
	r = flow_run(cli->st, &l->f, &result);
	/* Of several workers another one was first. */
	if (r == -ESTALE && l->brief)
		return EXIT_NOTHING;
	if (r)
		return cli_fail(cli, r);
	/* A worker leaves sending to 'genstore sync'. */
	r = view_end(&view, &result);
	return r || l->brief ? r : send_it(cli, view.request_id);
}
