/* genstore answer, genstore say */
#include "src/cmd/control.h"
#include "store/base/utf8.h"

static struct {
	const char *choice, *input;
} o;

static const struct opt options[] = {
	{ "choice", 'c', OPT_TEXT, &o.choice, "C", "yes, add, redirect, done, /context, /save, /clear, or own words" },
	{ "input", 'i', OPT_TEXT, &o.input, "TEXT", "what is to be added, or built instead" },
	{ 0 },
};

/* A paused one hears it when it goes on; where no process is left there is nobody to hear. */
static const struct control_rule rules[CONTROL_WHERES] = {
	[IS_QUEUED] = { REFUSE, ": nobody listens yet" }, [IS_RUNNING] = { POST, NULL }, [IS_HELD] = { POST, NULL },
	[IS_LEFT] = { REFUSE, " and no process of it is left; 'genstore continue' goes on" },
	[IS_OVER] = { REFUSE, ": nobody listens any more" },
};

static int check_text(struct cli *cli, const char *what, const char *text)
{
	if (text && (!*text || !utf8_valid(text, strlen(text))))
		return cli_usage(cli, "%s is %s", what, *text ? "not UTF-8" : "empty");
	return 0;
}

static int run_answer(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.control = { .kind = CONTROL_ANSWER }, .rules = rules, .wait_ms = CONTROL_WAIT_MS, .answers = true,
	};
	AUTO(free_ptr) char *choice = o.choice ? strdup(o.choice) : NULL, *input = o.input ? strdup(o.input) : NULL;
	int r;

	if (!o.choice)
		return cli_usage(cli, "say --choice; 'genstore show' has the question");
	if ((r = check_text(cli, "--choice", o.choice)) || (r = check_text(cli, "--input", o.input)))
		return r;
	q.control.choice = choice;
	q.control.input = input;
	if ((r = control_run(cli, argv[0], &q)))
		return r;
	if (cli->json)
		return control_tell(cli, &q);
	cli_note(cli, "answered '%s'", o.choice);
	return EXIT_DONE;
}

static int run_say(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.control = { .kind = CONTROL_SAY, .input = argv[1] }, .rules = rules, .wait_ms = CONTROL_WAIT_MS,
	};
	int r;

	if ((r = check_text(cli, "the text", argv[1])) || (r = control_run(cli, argv[0], &q)))
		return r;
	if (cli->json)
		return control_tell(cli, &q);
	cli_note(cli, "told '%s'", q.g.request_id);
	return EXIT_DONE;
}

const struct command command_answer = {
	.name = "answer", .access = FOR_USERS, .arguments = "REQ --choice C", .summary = "answers what a generation asks", .options = options,
	.run = run_answer, .min_args = 1, .max_args = 1,
};

const struct command command_say = {
	.name = "say", .access = FOR_USERS, .arguments = "REQ TEXT", .summary = "tells a running generator something", .run = run_say,
	.min_args = 2, .max_args = 2,
};
