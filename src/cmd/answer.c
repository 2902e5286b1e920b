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

static int check_text(struct cli *cli, const char *what, const char *text)
{
	if (text && (!*text || !utf8_valid(text, strlen(text))))
		return cli_usage(cli, "%s is %s", what, *text ? "not UTF-8" : "empty");
	return 0;
}

static int run_answer(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(control_request_release) struct control_request q = {
		.s.control.kind = CONTROL_ANSWER, .wait_ms = CONTROL_WAIT_MS,
	};
	AUTO(free_ptr) char *choice = o.choice ? strdup(o.choice) : NULL, *input = o.input ? strdup(o.input) : NULL;
	int r;

	if (!o.choice)
		return cli_usage(cli, "say --choice; 'genstore show' has the question");
	if ((r = check_text(cli, "--choice", o.choice)) || (r = check_text(cli, "--input", o.input)))
		return r;
	q.s.control.choice = choice;
	q.s.control.input = input;
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
		.s.control = { .kind = CONTROL_SAY, .input = argv[1] }, .wait_ms = CONTROL_WAIT_MS,
	};
	int r;

	if ((r = check_text(cli, "the text", argv[1])) || (r = control_run(cli, argv[0], &q)))
		return r;
	if (cli->json)
		return control_tell(cli, &q);
	cli_note(cli, "told '%s'", q.s.g.request_id);
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
