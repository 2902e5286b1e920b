/* genstore generate */
#include "src/cmd/generate_view.h"
#include "src/cmd/keep.h"
#include "src/cmd/rev.h"
#include "src/flow/budget.h"
#include "src/flow/env.h"
#include "src/flow/flow.h"
#include "src/flow/resume.h"
#include "store/app.h"
#include "store/base/utf8.h"

#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

enum { AUTONOMOUS_ITERATIONS = 10, NOT_GIVEN = -1 };

static struct {
	const char *app_name, *prompt, *prompt_file, *mode, *user, *timeout, *max_size, *max_log, *resume, *image, *to;
	int64_t max_iterations;
	struct opt_list env;
} o = { .max_iterations = NOT_GIVEN };

static const struct opt options[] = {
	{ "app-name", 'a', OPT_TEXT, &o.app_name, "NAME", "the app; a new one, or its next generation" },
	{ "prompt", 'p', OPT_TEXT, &o.prompt, "TEXT", "what to build" },
	{ "prompt-file", 0, OPT_TEXT, &o.prompt_file, "FILE", "the prompt from a file, - for stdin" },
	{ "mode", 'm', OPT_TEXT, &o.mode, "MODE", "single-shot (default) or autonomous" },
	{ "max-iterations", 'n', OPT_INT, &o.max_iterations, "K", "at most so many; above 1 means autonomous" },
	{ "user", 0, OPT_TEXT, &o.user, "NAME", "whose app it is (default: local)" },
	{ "env", 'e', OPT_LIST, &o.env, "NAME", "passes a variable to the generator; never stored or logged" },
	{ "timeout", 0, OPT_TEXT, &o.timeout, "TIME", "fails after so much silence (default 30m, 0: never)" },
	{ "max-size", 0, OPT_TEXT, &o.max_size, "SIZE", "of the workspace and the tree in it (default 10G, 0: no limit)" },
	{ "max-log", 0, OPT_TEXT, &o.max_log, "SIZE", "of the log that is kept (default 256M, 0: no limit)" },
	{ "resume", 0, OPT_TEXT, &o.resume, "REV", "the app's next generation, on this tree" },
	{ "image", 0, OPT_TEXT, &o.image, "IMAGE", "not in this version" },
	{ "to", 0, OPT_TEXT, &o.to, "REMOTES", "not in this version" },
	{ 0 },
};

/* "30m": a whole number and a unit of the table, or none. */
struct unit { char letter; int64_t factor; };
static const struct unit times[] = { { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 }, { '\0', 1000 } };
static const struct unit sizes[] = {
	{ 'k', 1 << 10 }, { 'K', 1 << 10 }, { 'M', 1 << 20 }, { 'G', 1 << 30 }, { 'T', (int64_t)1 << 40 }, { '\0', 1 },
};

static int parse_amount(const char *text, const struct unit *units, size_t count, int64_t *ret_n)
{
	char *end;
	int64_t n, factor = 0;

	errno = 0;
	n = strtoll(text, &end, 10);
	for (size_t i = 0; i < count && end[0] && !end[1]; i++)
		if (units[i].letter == *end)
			factor = units[i].factor;
	if (!*end)
		factor = units[count - 1].factor;
	if (errno || *text < '0' || *text > '9' || !factor || __builtin_mul_overflow(n, factor, ret_n))
		return -EINVAL;
	return 0;
}

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

	if (o.mode && strcmp(o.mode, "confirm_first") == 0)
		return cli_usage(cli, "mode 'confirm_first' is not in this version");
	if (!single && strcmp(o.mode, "autonomous") != 0)
		return cli_usage(cli, "'%s' is no mode: single-shot or autonomous", o.mode);
	if (o.max_iterations != NOT_GIVEN && (o.max_iterations < 1 || o.max_iterations > FLOW_ITERATIONS_MAX))
		return cli_usage(cli, "--max-iterations is from 1 to %d", FLOW_ITERATIONS_MAX);
	if (o.mode && single && o.max_iterations > 1)
		return cli_usage(cli, "mode 'single-shot' has one iteration, not %lld", (long long)o.max_iterations);
	single = single && o.max_iterations <= 1;
	f->mode = single ? "single-shot" : "autonomous";
	f->max_iterations = single ? 1 : o.max_iterations == NOT_GIVEN ? AUTONOMOUS_ITERATIONS : o.max_iterations;
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
	f->silence_ms = FLOW_SILENCE_MS;
	f->max_bytes = FLOW_BYTES_MAX;
	f->max_log = BUDGET_LOG_MAX;
	if (o.timeout && parse_amount(o.timeout, times, ARRAY_LEN(times), &f->silence_ms))
		return cli_usage(cli, "--timeout takes a time like 90s, 30m or 2h, not '%s'", o.timeout);
	if (o.max_size && parse_amount(o.max_size, sizes, ARRAY_LEN(sizes), &f->max_bytes))
		return cli_usage(cli, "--max-size takes a size like 500M or 10G, not '%s'", o.max_size);
	if (o.max_log && parse_amount(o.max_log, sizes, ARRAY_LEN(sizes), &f->max_log))
		return cli_usage(cli, "--max-log takes a size like 50M or 1G, not '%s'", o.max_log);
	return 0;
}

/* A file that can be run; 0, or why not. */
static int runnable(const char *path)
{
	struct stat sb;

	if (stat(path, &sb))
		return -errno;
	if (S_ISDIR(sb.st_mode))
		return -EISDIR;
	return access(path, X_OK) ? -errno : 0;
}

/* As execvp(3) finds it; a path is taken from here, because the generator begins elsewhere. */
static int find_command(const char *name, char out[PATH_MAX])
{
	const char *path = getenv("PATH");
	int r = -ENOENT;

	if (strchr(name, '/')) {
		AUTO(free_ptr) char *here = *name == '/' ? strdup("") : getcwd(NULL, 0);

		if (!here || snprintf(out, PATH_MAX, "%s%s%s", here, *name == '/' ? "" : "/", name) >= PATH_MAX)
			return -ENAMETOOLONG;
		return runnable(out);
	}
	for (const char *p = path ? path : "/usr/bin:/bin"; *name; p++) {
		int n = (int)strcspn(p, ":");

		if (n && *p == '/' && snprintf(out, PATH_MAX, "%.*s/%s", n, p, name) < PATH_MAX) {
			int found = runnable(out);

			if (!found)
				return 0;
			if (found == -EACCES)
				r = found;
		}
		p += n;
		if (!*p)
			break;
	}
	return r;
}

static int take_command(struct cli *cli, int argc, char **argv, char path[PATH_MAX], struct flow_options *f)
{
	static char program[] = "genstore", command[] = "example-generator";
	static char *const example[] = { program, command, NULL };
	int r;

	if (argc && strcmp(argv[-1], "--") != 0)
		return cli_usage(cli, "what is '%s'? A command stands behind --, a prompt of several words in quotes", argv[0]);
	f->argv = argc ? argv : example;
	f->path = path;
	if (!argc) {
		strcpy(path, "/proc/self/exe");
		return 0;
	}
	r = find_command(argv[0], path);
	return r ? cli_error(cli, EXIT_USAGE, "cannot run '%s': %s", argv[0], strerror(-r)) : 0;
}

static int refuse_later_ones(struct cli *cli)
{
	const struct { const char *name, *value; } later[] = { { "image", o.image }, { "to", o.to } };

	for (size_t i = 0; i < ARRAY_LEN(later); i++)
		if (later[i].value)
			return cli_usage(cli, "--%s is not in this version", later[i].name);
	return 0;
}

/* The default store is made at first use. */
static int open_store(struct cli *cli)
{
	int r;

	if (cli->store_is_default && (r = cli_make_default(cli)))
		return r;
	return cli_open_writer(cli);
}

static int generate(struct cli *cli, const struct flow_options *f)
{
	AUTO(flow_result_release) struct flow_result result = { 0 };
	AUTO(view_release) struct view view = { 0 };
	struct flow_options with = *f;
	int r;

	if (view_init(&view, cli, !f->env_count))
		return cli_error(cli, EXIT_FAILED, "no memory");
	with.tell = view_tell;
	with.arg = &view;
	r = flow_run(cli->st, &with, &result);
	return r ? cli_fail(cli, r) : view_end(&view, &result);
}

static int take_app(struct cli *cli)
{
	if (o.resume && o.user)
		return cli_usage(cli, "--user does not go with --resume: the app's user stays");
	if (!o.app_name)
		return o.resume ? 0 : cli_usage(cli, "say --app-name");
	if (!app_name_valid(o.app_name))
		return cli_usage(cli, "'%s' cannot be an app name: up to %d bytes of UTF-8 without / : @, not beginning with req_ or -",
				 o.app_name, APP_NAME_MAX);
	return 0;
}

static int take_parent(struct cli *cli, struct revision *rev, struct flow_options *f)
{
	int r = cli_revision(cli, o.resume, rev);

	if (r)
		return r;
	if (!rev->manifest && !resume_can_take(rev))
		return cli_error(cli, EXIT_NONE, "'%s' has no finished iteration, and its workspace is not kept", o.resume);
	if (o.app_name && strcmp(o.app_name, rev->generation.app_name) != 0)
		return cli_usage(cli, "'%s' is of the app '%s', not '%s'; 'genstore fork' begins another app with it", o.resume,
				 rev->generation.app_name, o.app_name);
	if (!f->prompt && !rev->generation.prompt)
		return cli_usage(cli, "the prompt of '%s' is not known; say --prompt", o.resume);
	f->prompt = f->prompt ? f->prompt : rev->generation.prompt;
	f->resume = rev;
	return 0;
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(revision_release) struct revision parent = { 0 };
	AUTO(buf_release) struct buf file = BUF_INIT;
	struct flow_options f = { .app_name = o.app_name, .user = o.user };
	char path[PATH_MAX];
	int r;

	if ((r = refuse_later_ones(cli)))
		return r;
	if ((r = take_app(cli)) || (r = take_mode(cli, &f)) || (r = take_env(cli, &f)) || (r = take_limits(cli, &f)) ||
	    (r = take_command(cli, argc, argv, path, &f)) || (r = take_prompt(cli, &file, &f)) || (r = open_store(cli)))
		return r;
	if (o.resume && (r = take_parent(cli, &parent, &f)))
		return r;
	return generate(cli, &f);
}

const struct command command_generate = {
	.name = "generate", .arguments = "[-- COMMAND [ARG]...]", .summary = "generates an app, from request to sealed archive",
	.options = options, .run = run, .max_args = -1, .rest = true,
	.more = "COMMAND runs in an empty folder and writes the app there; what it prints is the log. Without\n"
		"COMMAND the built-in example generator runs. For example:\n"
		"  genstore generate --app-name todo --prompt 'a todo list' -n 3 -- ./my-generator --fast",
};
