/* genstore config */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/sync/settings.h"
#include "store/config.h"

static void print_object(const struct setting *s, const char *value)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "setting");
	jw_str(&j, "key", s->key);
	jw_str(&j, "value", value);
	jw_str(&j, "description", s->what);
	out_object_end(&j);
}

static int list(struct cli *cli, char **argv UNUSED)
{
	static const char *const titles[] = { "SETTING", "VALUE", "WHAT IT IS" };
	struct table t;
	int r = cli_open(cli, GENSTORE_READ_ONLY);

	if (r)
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "lll");
	for (const struct setting *s = settings_known; s->key && !r; s++) {
		AUTO(free_ptr) char *value = NULL;

		if ((r = config_get(cli->st, s->key, &value)))
			break;
		if (cli->json) {
			print_object(s, value);
			continue;
		}
		table_cell(&t, s->key);
		table_cell(&t, value);
		table_cell(&t, s->what);
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int no_such(struct cli *cli, const char *key)
{
	return cli_usage(cli, "there is no setting '%s'; 'genstore config list' shows all", key);
}

static int get(struct cli *cli, char **argv)
{
	AUTO(free_ptr) char *value = NULL;
	const struct setting *s = setting_find(argv[0]);
	int r;

	if (!s)
		return no_such(cli, argv[0]);
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if ((r = config_get(cli->st, argv[0], &value)))
		return cli_fail(cli, r);
	if (!value)
		return cli_error(cli, EXIT_NONE, "the setting '%s' is not set", argv[0]);
	if (cli->json)
		print_object(s, value);
	else
		puts(value);
	return EXIT_DONE;
}

static int set(struct cli *cli, char **argv)
{
	const struct setting *s = setting_find(argv[0]);
	int r;

	if (!s)
		return no_such(cli, argv[0]);
	if (!s->valid(argv[1]))
		return cli_usage(cli, "%s cannot be '%s': it is %s", s->key, argv[1], s->what);
	if ((cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)))
		return r;
	return (r = config_set(cli->st, s->key, argv[1])) ? cli_fail(cli, r) : EXIT_DONE;
}

static int rm(struct cli *cli, char **argv)
{
	int r;

	if (!setting_find(argv[0]))
		return no_such(cli, argv[0]);
	if ((r = cli_open_writer(cli)))
		return r;
	return (r = config_unset(cli->st, argv[0])) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct {
	const char *name;
	int args;
	int (*run)(struct cli *cli, char **argv);
} verbs[] = { { "list", 0, list }, { "get", 1, get }, { "set", 2, set }, { "rm", 1, rm } };

static int run(struct cli *cli, int argc, char **argv)
{
	if (!argc)
		return list(cli, argv);
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++) {
		if (strcmp(verbs[i].name, argv[0]))
			continue;
		if (argc - 1 != verbs[i].args)
			return cli_usage(cli, "'config %s' takes %s", argv[0],
					 verbs[i].args == 2 ? "a setting and its value" : verbs[i].args ? "a setting" : "nothing more");
		return verbs[i].run(cli, argv + 1);
	}
	return cli_usage(cli, "'config' can list, get, set and rm, not '%s'", argv[0]);
}

const struct command command_config = {
	.name = "config", .arguments = "[list|get KEY|set KEY VALUE|rm KEY]", .summary = "the settings of a store", .run = run, .max_args = 3,
};
