/* genstore generate */
#include "src/cmd/keep.h"
#include "src/cmd/launch.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync.h"
#include "src/config/value.h"
#include "src/flow/env.h"
#include "src/flow/running.h"
#include "src/flow/workspace.h"
#include "store/app.h"
#include "store/base/utf8.h"

#include <fcntl.h>

enum { NOT_GIVEN = -1 };

static struct {
	const char *app_name, *prompt, *prompt_file, *mode, *user, *timeout, *max_size, *max_log, *decision_timeout, *resume, *image, *to;
	int64_t max_iterations;
	bool queue, no_input;
	struct opt_list env;
} o = { .max_iterations = NOT_GIVEN };

static const struct opt options[] = {
	{ "app-name", 'a', OPT_TEXT, &o.app_name, "NAME", "the app; a new one, or its next generation" },
	{ "prompt", 'p', OPT_TEXT, &o.prompt, "TEXT", "what to build" },
	{ "prompt-file", 0, OPT_TEXT, &o.prompt_file, "FILE", "the prompt from a file, - for stdin" },
	{ "mode", 'm', OPT_TEXT, &o.mode, "MODE", "single-shot (default), autonomous or confirm_first" },
	{ "max-iterations", 'n', OPT_INT, &o.max_iterations, "K", "at most so many; above 1 means autonomous" },
	{ "user", 0, OPT_TEXT, &o.user, "NAME", "whose app it is (default: local)" },
	{ "env", 'e', OPT_LIST, &o.env, "NAME", "passes a variable to the generator; never stored or logged" },
	{ "timeout", 0, OPT_TEXT, &o.timeout, "TIME", "fails after so much silence (default 30m, 0: never)" },
	{ "max-size", 0, OPT_TEXT, &o.max_size, "SIZE", "of the workspace and the tree in it (default 10G, 0: no limit)" },
	{ "max-log", 0, OPT_TEXT, &o.max_log, "SIZE", "of the log that is kept (default 256M, 0: no limit)" },
	{ "decision-timeout", 0, OPT_TEXT, &o.decision_timeout, "TIME", "pauses when no answer comes for so long" },
	{ "no-input", 0, OPT_FLAG, &o.no_input, NULL, "asks nothing on this terminal" },
	{ "queue", 0, OPT_FLAG, &o.queue, NULL, "only writes the request, for a worker" },
	{ "resume", 0, OPT_TEXT, &o.resume, "REV", "the app's next generation, on this tree" },
	{ "image", 0, OPT_TEXT, &o.image, "IMAGE", "not in this version" },
	{ "to", 0, OPT_TEXT, &o.to, "REMOTES", "sends it when it is complete: s3, github, s3,github or none (setting generate.to)" },
	{ 0 },
};

static int read_prompt(struct cli *cli, struct buf *out)
{
	bool is_stdin = strcmp(o.prompt_file, "-") == 0;
	AUTO(close_fd) int fd = is_stdin ? dup(STDIN_FILENO) : open(o.prompt_file, O_RDONLY | O_CLOEXEC);
	ssize_t n = 1;

	while (fd >= 0 && n > 0 && out->len <= FLOW_PROMPT_MAX) {
		void *to = buf_reserve(out, 65536);

		n = to ? read(fd, to, 65536) : -1;
		if (n > 0)
			buf_commit(out, (size_t)n);
	}
	if (fd < 0 || n < 0)
		return cli_error(cli, EXIT_USAGE, "cannot read the prompt from '%s': %s", o.prompt_file, strerror(errno));
	return 0;
}

/* 0, or an exit code with the error told. */
static int check_prompt(struct cli *cli, const char *text, size_t n)
{
	if (n > FLOW_PROMPT_MAX)
		return cli_error(cli, EXIT_USAGE, "the prompt is over %d bytes, more than a generator's environment can carry; put the rest"
				 " where the generator can read it", FLOW_PROMPT_MAX);
	if (strspn(text, " \t\r\n") == n)
		return cli_error(cli, EXIT_USAGE, "the prompt is empty; say what to build");
	if (memchr(text, '\0', n) || !utf8_valid(text, n))
		return cli_error(cli, EXIT_USAGE, "the prompt is not UTF-8 text; convert it, for example with iconv");
	return 0;
}

static int take_prompt(struct cli *cli, struct buf *file, struct flow_options *f)
{
	int r;

	if (o.resume && !o.prompt && !o.prompt_file)
		return 0; /* the one of what is resumed */
	if (!o.prompt == !o.prompt_file)
		return cli_usage(cli, "say either --prompt or --prompt-file");
	if (o.prompt_file && (r = read_prompt(cli, file)))
		return r;
	f->prompt = o.prompt ? o.prompt : buf_str(file);
	return check_prompt(cli, f->prompt, o.prompt ? strlen(o.prompt) : file->len);
}

static int take_mode(struct cli *cli, struct flow_options *f)
{
	bool single = !o.mode || strcmp(o.mode, "single-shot") == 0;

	if (!single && strcmp(o.mode, "autonomous") != 0 && strcmp(o.mode, "confirm_first") != 0)
		return cli_usage(cli, "'%s' is no mode: single-shot, autonomous or confirm_first", o.mode);
	if (o.max_iterations != NOT_GIVEN && (o.max_iterations < 1 || o.max_iterations > FLOW_ITERATIONS_MAX))
		return cli_usage(cli, "--max-iterations is from 1 to %d", FLOW_ITERATIONS_MAX);
	if (o.mode && single && o.max_iterations > 1)
		return cli_usage(cli, "mode 'single-shot' has one iteration, not %lld", (long long)o.max_iterations);
	single = single && o.max_iterations <= 1;
	f->mode = single ? "single-shot" : o.mode && strcmp(o.mode, "single-shot") != 0 ? o.mode : "autonomous";
	f->max_iterations = single ? 1 : o.max_iterations == NOT_GIVEN ? 0 : o.max_iterations;
	return 0;
}

/* The value is for the generator only: it appears in no message, whatever was written in its place. */
static int take_env(struct cli *cli, struct flow_options *f)
{
	for (size_t i = 0; i < o.env.count; i++) {
		const char *name = o.env.items[i];
		int n = (int)strcspn(name, "=");

		if (name[n])
			return cli_usage(cli, "--env takes the name of a variable without its value: --env %.*s", n, name);
		if (!n)
			return cli_usage(cli, "--env takes the name of a variable");
		if (env_is_ours(name))
			return cli_usage(cli, "--env %s: this variable is set for the generator by genstore", name);
		if (!getenv(name))
			return cli_usage(cli, "--env %s: there is no such variable in the environment", name);
	}
	f->env = o.env.items;
	f->env_count = o.env.count;
	return 0;
}

static int take_limits(struct cli *cli, struct flow_options *f)
{
	if (o.timeout && value_time(o.timeout, &f->silence_ms))
		return cli_usage(cli, "--timeout takes a time like 90s, 30m or 2h, not '%s'", o.timeout);
	if (o.max_size && value_size(o.max_size, &f->max_bytes))
		return cli_usage(cli, "--max-size takes a size like 500M or 10G, not '%s'", o.max_size);
	if (o.max_log && value_size(o.max_log, &f->max_log))
		return cli_usage(cli, "--max-log takes a size like 50M or 1G, not '%s'", o.max_log);
	if (o.decision_timeout && value_time(o.decision_timeout, &f->decision_ms))
		return cli_usage(cli, "--decision-timeout takes a time like 90s, 30m or 2h, not '%s'", o.decision_timeout);
	if (o.max_log && o.queue)
		return cli_usage(cli, "--max-log is not kept in the queue; say it without --queue");
	return 0;
}

static int refuse_later_ones(struct cli *cli)
{
	if (o.image)
		return cli_usage(cli, "--image is not in this version");
	return o.to && strcmp(o.to, SETTING_NOWHERE) ? sync_check_remotes(cli, o.to) : 0;
}

/* Where to send it is to be known before the work begins, which can take hours. */
static int take_remote(struct cli *cli, struct flow_options *f)
{
	if (o.to)
		f->to = strcmp(o.to, SETTING_NOWHERE) ? o.to : NULL;
	return f->to ? sync_check_settings(cli, f->to) : 0;
}

/* The default store is made at first use. */
static int open_store(struct cli *cli)
{
	int r;

	if (cli->store_is_default && (r = cli_make_default(cli)))
		return r;
	return cli_open_writer(cli);
}

/* 1: there is a tree to go on with, an iteration's or a kept workspace's that nobody works in; 0: none. */
static int has_tree(struct cli *cli, const struct revision *rev)
{
	int r = rev->manifest ? 0 : running_is(cli->st, rev->generation.request_id);

	return r < 0 ? r : rev->manifest || (!r && !rev->single && workspace_is_kept(rev->generation.request_id));
}

/* What a resumed generation has from its parent, where nothing else is said. */
static int take_parent(struct cli *cli, struct launch *l)
{
	AUTO(revision_release) struct revision rev = { 0 };
	struct flow_options *f = &l->f;
	int r = cli_here(cli, o.resume, &rev);

	if (r)
		return r;
	if ((r = has_tree(cli, &rev)) <= 0)
		return r ? cli_fail(cli, r) : cli_error(cli, EXIT_NONE, "'%s' is %s: it has no finished iteration, and no workspace that could be"
							" taken over", rev.generation.request_id, rev.generation.status);
	l->g = rev.generation;
	rev.generation = (struct generation){ 0 };
	if (o.app_name && strcmp(o.app_name, l->g.app_name) != 0)
		return cli_usage(cli, "'%s' is a generation of '%s', not of '%s'; 'genstore fork' makes a new app", l->g.request_id,
				 l->g.app_name, o.app_name);
	f->parent = l->g.request_id;
	f->parent_iteration = rev.iteration ? rev.iteration : rev.single ? -rev.snapshot : 0;
	f->app_name = l->g.app_name;
	f->user = l->g.user_id;
	if (!f->prompt && !(f->prompt = l->g.prompt))
		return cli_usage(cli, "nobody knows the prompt of '%s'; say --prompt", l->g.request_id);
	if (f->argv || (r = run_get(cli->st, l->g.id, &l->run)) == -ENOENT)
		return 0;
	if (r)
		return cli_fail(cli, r);
	return launch_kept_command(cli, l);
}

static int queue(struct cli *cli, struct launch *l)
{
	AUTO(generation_release) struct generation g = { 0 };
	int r = flow_queue(cli->st, &l->f, &g);

	if (r)
		return cli_fail(cli, r);
	keep_tell(cli, &g);
	cli_note(cli, "queued; 'genstore work' takes it");
	return EXIT_DONE;
}

static bool can_ask(const struct cli *cli)
{
	return !o.no_input && !cli->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO);
}

/* Somebody has to be there for a question, or to be expected within a time. */
static int take_decisions(struct cli *cli, const struct limits *limits, struct flow_options *f)
{
	bool asks = strcmp(f->mode, "confirm_first") == 0;

	if (!o.decision_timeout)
		f->decision_ms = o.queue || limits->decision_is_set ? limits->decision_ms : 0;
	if (asks && !o.queue && !o.decision_timeout && !f->decision_ms && !can_ask(cli))
		return cli_usage(cli, "mode 'confirm_first' asks, and nobody can answer here; --decision-timeout TIME waits for 'genstore answer'");
	return 0;
}

/* What no option has said: as the store's settings have it. */
static int take_settings(struct cli *cli, struct flow_options *f)
{
	struct limits l;
	int r = launch_limits(cli, &l);

	if (r)
		return r;
	f->silence_ms = o.timeout ? f->silence_ms : l.silence_ms;
	f->max_bytes = o.max_size ? f->max_bytes : l.max_bytes;
	f->max_log = o.max_log ? f->max_log : l.max_log;
	f->max_iterations = f->max_iterations ? f->max_iterations : l.iterations;
	f->to = l.to;
	return take_decisions(cli, &l, f);
}

static int take_app(struct cli *cli)
{
	if (o.resume && o.user)
		return cli_usage(cli, "--user does not go with --resume: the app's user stays");
	if (!o.app_name)
		return o.resume ? 0 : cli_usage(cli, "say --app-name");
	if (app_name_valid(o.app_name))
		return 0;
	return cli_usage(cli, "'%s' cannot be an app name: up to %d bytes of UTF-8 without / : @, not beginning with req_ or -",
			 o.app_name, APP_NAME_MAX);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(launch_release) struct launch l = { .f = { .app_name = o.app_name, .user = o.user } };
	AUTO(buf_release) struct buf file = BUF_INIT;
	int r;

	if ((r = refuse_later_ones(cli)) || (r = take_app(cli)) || (r = take_mode(cli, &l.f)) || (r = take_env(cli, &l.f)) ||
	    (r = take_limits(cli, &l.f)) || (r = launch_command(cli, argc && !strcmp(argv[-1], "--"), argc, argv, &l)) ||
	    (r = take_prompt(cli, &file, &l.f)) || (r = open_store(cli)) || (r = take_settings(cli, &l.f)) || (r = take_remote(cli, &l.f)) ||
	    (o.resume && (r = take_parent(cli, &l))))
		return r;
	return o.queue ? queue(cli, &l) : launch_run(cli, &l, can_ask(cli));
}

const struct command command_generate = {
	.name = "generate", .access = FOR_USERS, .arguments = "[-- COMMAND [ARG]...]", .summary = "generates an app, from request to sealed archive",
	.options = options, .run = run, .max_args = -1, .rest = true,
	.more = "COMMAND runs in an empty folder and writes the app there; what it prints is the log. Without\n"
		"COMMAND the built-in example generator runs. For example:\n"
		"  genstore generate --app-name todo --prompt 'a todo list' -n 3 -- ./my-generator --fast",
};
