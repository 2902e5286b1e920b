#include "src/cmd/cli.h"
#include "src/cmd/cmd.h"
#include "src/cmd/out.h"
#include "src/cmd/setting.h"

#include <ctype.h>
#include <getopt.h>
#include <pwd.h>
#include <signal.h>
#include <sys/stat.h>

static struct {
	const char *store, *token_file;
	bool json, quiet, verbose, untrusted, help, version;
	struct opt_list set;
} global;

static const struct opt global_options[] = {
	{ "store", 's', OPT_TEXT, &global.store, "FILE", "the store ($GENSTORE_STORE, else the default one)" },
	{ "json", 0, OPT_FLAG, &global.json, NULL, "one JSON object a line on stdout" },
	{ "quiet", 'q', OPT_FLAG, &global.quiet, NULL, "errors only" },
	{ "verbose", 'v', OPT_FLAG, &global.verbose, NULL, "say more" },
	{ "token-file", 0, OPT_TEXT, &global.token_file, "FILE", "as the user of the token in it ($GENSTORE_TOKEN)" },
	{ "set", 0, OPT_LIST, &global.set, "KEY=VALUE", "another value of a setting, for this once" },
	{ "untrusted", 0, OPT_FLAG, &global.untrusted, NULL, "verify all of the store first" },
	{ "help", 'h', OPT_FLAG, &global.help, NULL, "this help" },
	{ 0 },
};

static const struct opt program_options[] = {
	{ "version", 'V', OPT_FLAG, &global.version, NULL, "the version" },
	{ 0 },
};

static void help_options(FILE *to, const char *title, const struct opt *options)
{
	if (!options || !options->name)
		return;
	fprintf(to, "\n%s\n", title);
	for (const struct opt *o = options; o->name; o++) {
		char left[64];

		snprintf(left, sizeof(left), "%c%c%c --%s%s%s", o->letter ? '-' : ' ', o->letter ? o->letter : ' ',
			 o->letter ? ',' : ' ', o->name, o->value ? " " : "", o->value ? o->value : "");
		fprintf(to, "  %-30s %s\n", left, o->help);
	}
}

/* What stands for a generation or an iteration is the same in all commands. */
static void help_arguments(FILE *to, const struct command *c)
{
	bool rev = strstr(c->arguments, "REV");

	if (c->more)
		fprintf(to, "\n%s\n", c->more);
	if (!rev && !strstr(c->arguments, "REQ"))
		return;
	fprintf(to, "\n%s is a request id or its beginning, an app's name (its newest generation), NAME/2 (its second),\n"
		    "or - for the newest of all%s.\n", rev ? "REV" : "REQ", rev ? "; with @3 behind it, its third iteration" : "");
}

static void help_commands(FILE *to, const struct command *const *list)
{
	fputs("\ncommands:\n", to);
	for (; *list; list++)
		if (!(*list)->hidden)
			fprintf(to, "  %-12s %s\n", command_word(*list), (*list)->summary);
}

void cli_help(FILE *to, const struct command *c)
{
	if (c) {
		fprintf(to, "usage: genstore %s%s%s%s\n\n%s\n", c->name, c->options && c->options->name ? " [OPTION]..." : "",
			*c->arguments ? " " : "", c->arguments, c->summary);
		help_arguments(to, c);
		if (c->commands)
			help_commands(to, c->commands);
		help_options(to, "options:", c->options);
		help_options(to, "everywhere:", global_options);
		return;
	}
	fputs("usage: genstore [--store FILE] [--json] [-q|-v] COMMAND ...\n\n"
	      "The cloud of an app generator in one file.\n", to);
	help_commands(to, commands);
	help_options(to, "everywhere:", global_options);
	fputs("\n'genstore help COMMAND' says more; the manual is genstore(1).\n", to);
}

const struct command *command_find(const char *name)
{
	for (const struct command *const *p = commands; *p; p++)
		if (strcmp((*p)->name, name) == 0)
			return *p;
	return NULL;
}

const char *command_word(const struct command *c)
{
	const char *space = strrchr(c->name, ' ');

	return space ? space + 1 : c->name;
}

const struct command *command_of(const struct command *group, const char *word)
{
	for (const struct command *const *p = group->commands; p && *p; p++)
		if (strcmp(command_word(*p), word) == 0)
			return *p;
	return NULL;
}

/* Every option table in force, as getopt_long wants them. */
struct parser {
	const struct opt *known[96];
	struct option longs[97];
	char letters[2 * 96 + 3];
	size_t count;
};

static void parser_add(struct parser *p, const struct opt *options)
{
	size_t at = strlen(p->letters);

	for (; options && options->name && p->count < ARRAY_LEN(p->known); options++) {
		int has_arg = options->kind == OPT_FLAG ? no_argument : required_argument;

		p->known[p->count] = options;
		p->longs[p->count] = (struct option){ options->name, has_arg, NULL, 256 + (int)p->count };
		p->count++;
		if (!options->letter)
			continue;
		p->letters[at++] = options->letter;
		if (has_arg)
			p->letters[at++] = ':';
	}
}

static const struct opt *parser_find(const struct parser *p, int c)
{
	if (c >= 256)
		return p->known[c - 256];
	for (size_t i = 0; i < p->count; i++)
		if (p->known[i]->letter == c)
			return p->known[i];
	return NULL;
}

static int set_int(struct cli *cli, const struct opt *o, const char *text)
{
	char *end;
	long long v;

	errno = 0;
	v = strtoll(text, &end, 10);
	if (errno || end == text || *end || isspace((unsigned char)*text))
		return cli_usage(cli, "--%s takes a whole number, not '%s'", o->name, text);
	*(int64_t *)o->target = v;
	return 0;
}

static int set_option(struct cli *cli, const struct opt *o, const char *text)
{
	struct opt_list *list = o->target;

	switch (o->kind) {
	case OPT_FLAG:
		*(bool *)o->target = true;
		return 0;
	case OPT_TEXT:
		*(const char **)o->target = text;
		return 0;
	case OPT_INT:
		return set_int(cli, o, text);
	case OPT_LIST:
		if (list->count == OPT_LIST_MAX)
			return cli_usage(cli, "--%s can be given at most %d times", o->name, OPT_LIST_MAX);
		list->items[list->count++] = text;
		return 0;
	}
	return 0;
}

/* "-:path" and "-@3" begin with the newest revision, not with an option: getopt sees another first byte. */
static void hide_revisions(int argc, char **argv, char from, char to)
{
	for (int i = 1; i < argc; i++)
		if (argv[i][0] == from && (argv[i][1] == ':' || argv[i][1] == '@'))
			argv[i][0] = to;
}

/* A letter by itself where there are several in the argument; not what stands behind =, which may be a secret. */
static int no_such_option(struct cli *cli, char **argv)
{
	const char *given = optind > 0 ? argv[optind - 1] : "";

	if (optopt > 0 && optopt < 128)
		return cli_usage(cli, "no such option: -%c", optopt);
	/* A byte that is no ASCII: of an argument that getopt is not through with. */
	if (optopt && optopt < 256 && argv[optind] && strchr(argv[optind], (char)optopt))
		given = argv[optind];
	return cli_usage(cli, "no such option: %.*s", (int)strcspn(given, "="), given);
}

/* Parses argv[1..]; returns 0 with optind at the first argument, or an exit code. */
static int parse_options(struct cli *cli, struct parser *p, int argc, char **argv)
{
	int c, r;

	opterr = 0;
	optind = 0;
	while ((c = getopt_long(argc, argv, p->letters, p->longs, NULL)) != -1) {
		const struct opt *o = c == '?' || c == ':' ? NULL : parser_find(p, c);
		const char *given = optind > 0 ? argv[optind - 1] : "";

		if (c == ':')
			return cli_usage(cli, "option '%s' needs a value", given);
		if (!o)
			return no_such_option(cli, argv);
		if ((r = set_option(cli, o, optarg)))
			return r;
		/* What is wrong from here on is told in its form. */
		cli->json = global.json;
	}
	return 0;
}

static int parse(struct cli *cli, struct parser *p, int argc, char **argv)
{
	int r;

	hide_revisions(argc, argv, '-', '\1');
	r = parse_options(cli, p, argc, argv);
	hide_revisions(argc, argv, '\1', '-');
	return r;
}

/* As login(1) would have set it: the default places hang on it, for a generator too. */
static void set_home(void)
{
	const char *home = getenv("HOME");
	const struct passwd *user;

	if (home && *home == '/')
		return;
	user = getpwuid(getuid());
	setenv("HOME", user ? user->pw_dir : "/", 1);
}

/* $XDG_DATA_HOME where it is an absolute path, else ~/.local/share. */
static int default_store(struct cli *cli)
{
	const char *given = getenv("GENSTORE_STORE");
	const char *data = getenv("XDG_DATA_HOME");
	int n;

	cli->store_path = global.store ? global.store : given && *given ? given : NULL;
	if (cli->store_path)
		return 0;
	cli->store_is_default = true;
	if (data && *data == '/')
		n = asprintf(&cli->owned_path, "%s/genstore/default.genstore", data);
	else
		n = asprintf(&cli->owned_path, "%s/.local/share/genstore/default.genstore", getenv("HOME"));
	if (n < 0)
		return cli_error(cli, EXIT_FAILED, "no memory");
	cli->store_path = cli->owned_path;
	return 0;
}

static int set_all(struct cli *cli)
{
	int r = 0;

	cli->set = &global.set;
	for (size_t i = 0; i < global.set.count && !r; i++)
		r = cli_set(cli, global.set.items[i]);
	return r;
}

static int run_command(struct cli *cli, const struct command *c, int argc, char **argv);

static int run_of_group(struct cli *cli, const struct command *group, int argc, char **argv)
{
	const struct command *c = argc ? command_of(group, argv[0]) : NULL;

	if (c)
		return run_command(cli, c, argc, argv);
	if (!argc)
		return cli_usage(cli, "'%s' needs %s", group->name, group->arguments);
	return cli_usage(cli, "no such command: '%s %s'", group->name, argv[0]);
}

static int run_command(struct cli *cli, const struct command *c, int argc, char **argv)
{
	struct parser p = { .letters = "+:" };
	int r;

	/* A leading '+' stops at the first argument, for commands that end in somebody else's command line, and before a group's own. */
	if (!c->rest && !c->commands)
		memcpy(p.letters, ":", 2);
	parser_add(&p, c->options);
	parser_add(&p, global_options);
	cli->command = c;
	if ((r = parse(cli, &p, argc, argv)))
		return r;
	cli->json = global.json;
	cli->untrusted = global.untrusted;
	cli->token_file = global.token_file;
	cli->verbosity = global.quiet ? -1 : global.verbose;
	if (global.help) {
		cli_help(stdout, c);
		return out_flush() ? EXIT_FAILED : EXIT_DONE;
	}
	argc -= optind;
	argv += optind;
	if (c->commands)
		return run_of_group(cli, c, argc, argv);
	if (argc < c->min_args)
		return cli_usage(cli, "'%s' needs %s", c->name, c->arguments);
	if (c->max_args >= 0 && argc > c->max_args)
		return cli_usage(cli, "too many arguments: '%s'", argv[c->max_args]);
	if ((r = default_store(cli)) || (r = set_all(cli)))
		return r;
	return c->run(cli, argc, argv);
}

static int find_and_run(struct cli *cli, int argc, char **argv)
{
	struct parser p = { .letters = "+:" };
	const struct command *c;
	int r;

	parser_add(&p, global_options);
	parser_add(&p, program_options);
	if ((r = parse(cli, &p, argc, argv)))
		return r;
	cli->json = global.json;
	if (global.version) {
		printf("genstore %s\n", genstore_version());
		return EXIT_DONE;
	}
	if (optind == argc) {
		cli_help(global.help ? stdout : stderr, NULL);
		return global.help ? EXIT_DONE : EXIT_USAGE;
	}
	c = command_find(argv[optind]);
	if (!c)
		return cli_usage(cli, "no such command: '%s'", argv[optind]);
	return run_command(cli, c, argc - optind, argv + optind);
}

/* Under the name of a helper of git's, the program is that. */
static const struct command *called_as(const char *program)
{
	const char *name = program && strrchr(program, '/') ? strrchr(program, '/') + 1 : program;

	return name && strncmp(name, "git-", 4) == 0 ? command_find(name) : NULL;
}

int cli_main(int argc, char **argv)
{
	const char *no_color = getenv("NO_COLOR");
	struct cli cli = { .color = isatty(STDERR_FILENO) && !(no_color && *no_color) };
	int code;

	signal(SIGPIPE, SIG_IGN);
	set_home();
	code = called_as(argv[0]) ? run_command(&cli, called_as(argv[0]), argc, argv) : find_and_run(&cli, argc, argv);
	if (out_flush() < 0 && code == EXIT_DONE)
		code = out_failed(&cli);
	genstore_free(cli.st);
	free(cli.owned_path);
	return code;
}
