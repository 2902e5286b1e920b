/* genstore config: list, describe, get, set, unset */
#include "src/cmd/config.h"
#include "src/cmd/keep.h"
#include "src/cmd/keysource.h"
#include "src/cmd/out.h"

static struct {
	const char *file;
	bool all, reveal;
} o;

static const struct opt list_options[] = {
	{ "all", 'a', OPT_FLAG, &o.all, NULL, "also what is as it is by default" },
	{ 0 },
};

static int run_list(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	return r ? r : config_show_all(cli, o.all);
}

static int run_describe(struct cli *cli, int argc UNUSED, char **argv)
{
	const struct setting *s = setting_find(argv[0]);

	return s ? config_describe(cli, s) : cli_no_setting(cli, argv[0]);
}

static const struct opt get_options[] = {
	{ "reveal", 0, OPT_FLAG, &o.reveal, NULL, "print it although it is a secret" },
	{ 0 },
};

static int not_set(struct cli *cli, const char *key)
{
	return cli_error(cli, EXIT_NONE, "the setting '%s' is not set", key);
}

static int get_secret(struct cli *cli, const struct setting *s)
{
	AUTO(secret_bytes_release) struct secret_bytes value = { 0 };
	int r;

	if (!o.reveal || cli->json)
		return cli_usage(cli, cli->json ? "a secret is never printed as JSON" : "say --reveal to have the secret printed");
	if ((r = cli_open_writer(cli)) || (r = cli_setting_secret(cli, s->key, &value)))
		return r;
	if (!value.len)
		return not_set(cli, s->key);
	return (r = config_note_reveal(cli->st, s->key)) ? cli_fail(cli, r) : secret_print(cli, &value);
}

/* Of another program's: as it stands there. */
static int get_unknown(struct cli *cli, const char *key)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if ((r = config_find(cli->st, key, &row)) <= 0)
		return r ? cli_fail(cli, r) : cli_no_setting(cli, key);
	if (row.sealed)
		return cli_error(cli, EXIT_KEY, "'%s' was sealed by another program, and this one has no key for it", key);
	if (config_seems_secret(key) && !o.reveal)
		return cli_usage(cli, "'%s' seems to be a secret; say --reveal to have it printed", key);
	if (cli->json)
		return cli_usage(cli, "'%s' is no setting of this program, and is printed as it is or listed", key);
	puts(row.value);
	return EXIT_DONE;
}

static int run_get(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(free_ptr) char *value = NULL;
	const struct setting *s = setting_find(argv[0]);
	int r;

	if (!s)
		return get_unknown(cli, argv[0]);
	if (s->type == SETTING_SECRET)
		return get_secret(cli, s);
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_setting(cli, s->key, &value)))
		return r;
	if (!value)
		return not_set(cli, s->key);
	if (cli->json)
		return config_show_object(cli, s);
	puts(value);
	return EXIT_DONE;
}

static const struct opt set_options[] = {
	{ "file", 'f', OPT_TEXT, &o.file, "FILE", "where a secret is (standard input, or the terminal without echo)" },
	{ 0 },
};

/* The default store is made at first use. */
static int open_store(struct cli *cli)
{
	int r = cli->store_is_default ? cli_make_default(cli) : 0;

	return r ? r : cli_open_writer(cli);
}

static void note_override(const struct cli *cli, const struct setting *s)
{
	const char *text, *variable = setting_variable(s, &text);

	if (variable)
		cli_note(cli, "note: $%s is set, and goes before it", variable);
}

static int take_secret(struct cli *cli, const struct setting *s, struct secret_bytes *ret_value)
{
	AUTO(free_ptr) char *prompt = NULL;
	int r;

	if (asprintf(&prompt, "%s: ", s->key) < 0)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = o.file ? secret_file(cli, o.file, "the file", EXIT_FAILED, ret_value) : secret_input(cli, prompt, ret_value)))
		return r;
	if (ret_value->len == strlen((const char *)ret_value->data) && setting_valid(s, (const char *)ret_value->data))
		return 0;
	return cli_bad_setting(cli, s, ret_value->len ? "?" : "");
}

static int set_secret(struct cli *cli, const struct setting *s, int argc)
{
	AUTO(secret_bytes_release) struct secret_bytes store_key = { 0 }, value = { 0 };
	int r;

	if (argc > 1)
		return cli_usage(cli, "%s is a secret, and command lines are seen by everybody; it comes on standard input, or by --file", s->key);
	if ((r = open_store(cli)) || (r = key_open(cli, &store_key)) || (r = take_secret(cli, s, &value)))
		return r;
	if ((r = config_seal(cli->st, store_key.data, s->key, &value, s->what)))
		return key_fail(cli, r);
	note_override(cli, s);
	return EXIT_DONE;
}

static int run_set(struct cli *cli, int argc, char **argv)
{
	const struct setting *s = setting_find(argv[0]);
	AUTO(free_ptr) char *value = NULL;
	int r;

	if (!s)
		return cli_no_setting(cli, argv[0]);
	if (s->type == SETTING_SECRET)
		return set_secret(cli, s, argc);
	if (argc < 2 || o.file)
		return cli_usage(cli, "%s takes its value behind it: 'genstore config set %s VALUE'", s->key, s->key);
	if ((r = setting_parse(s, argv[1], &value)) == -EINVAL)
		return cli_bad_setting(cli, s, argv[1]);
	if (r)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = open_store(cli)))
		return r;
	if ((r = config_set(cli->st, s->key, value, s->what)))
		return cli_fail(cli, r);
	note_override(cli, s);
	return EXIT_DONE;
}

static int run_unset(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(config_row_release) struct config_row row = { 0 };
	const struct setting *s = setting_find(argv[0]);
	int r;

	if ((r = cli_open_writer(cli)))
		return r;
	if (!s && (r = config_find(cli->st, argv[0], &row)) <= 0)
		return r ? cli_fail(cli, r) : cli_no_setting(cli, argv[0]);
	r = config_unset(cli->st, argv[0], s ? s->type == SETTING_SECRET : config_seems_secret(argv[0]));
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct command command_config_list = {
	.name = "config list", .arguments = "", .summary = "what is set, and where", .options = list_options, .run = run_list,
};
static const struct command command_config_describe = {
	.name = "config describe", .arguments = "KEY", .summary = "what a setting is, takes, and is by default", .run = run_describe, .min_args = 1, .max_args = 1,
	.takes_key = true,
};
static const struct command command_config_get = {
	.name = "config get", .arguments = "KEY", .summary = "prints the value that holds here", .options = get_options, .run = run_get, .min_args = 1,
	.max_args = 1, .takes_key = true,
};
static const struct command command_config_set = {
	.name = "config set", .arguments = "KEY [VALUE]", .summary = "sets it in the store; a secret comes on standard input", .options = set_options,
	.run = run_set, .min_args = 1, .max_args = 2, .takes_key = true,
};
static const struct command command_config_unset = {
	.name = "config unset", .arguments = "KEY", .summary = "takes it out of the store", .run = run_unset, .min_args = 1, .max_args = 1, .takes_key = true,
};
/* As with everything else that can be removed. */
static const struct command command_config_rm = {
	.name = "config rm", .arguments = "KEY", .summary = "the same as unset", .run = run_unset, .min_args = 1, .max_args = 1, .takes_key = true, .hidden = true,
};
static const struct command *const group[] = {
	&command_config_list, &command_config_describe, &command_config_get, &command_config_set, &command_config_unset, &command_config_rm, NULL,
};

const struct command command_config = {
	.name = "config", .arguments = "COMMAND", .summary = "the settings: list, describe, get, set, unset", .commands = group,
};
