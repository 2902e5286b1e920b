#include "src/cmd/setting.h"
#include "src/cmd/keysource.h"
#include "store/config.h"

int cli_setting(struct cli *cli, const char *key, char **ret_value)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = setting_get(cli->st, key, ret_value, &why);

	return r ? cli_error(cli, cli_exit_code(r), "%s", buf_str(&why)) : 0;
}

int cli_setting_number(struct cli *cli, const char *key, int64_t *ret_n)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = setting_get_number(cli->st, key, ret_n, NULL, &why);

	return r ? cli_error(cli, cli_exit_code(r), "%s", buf_str(&why)) : 0;
}

int cli_setting_answer(struct cli *cli, const char *key, bool *ret_yes)
{
	int64_t n = 0;
	int r = cli_setting_number(cli, key, &n);

	if (!r)
		*ret_yes = n;
	return r;
}

int cli_setting_secret(struct cli *cli, const char *key, struct secret_bytes *ret_value)
{
	AUTO(secret_bytes_release) struct secret_bytes store_key = { 0 };
	AUTO(config_row_release) struct config_row row = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r = setting_get_secret(cli->st, key, ret_value, &why);

	if (r < 0)
		return cli_error(cli, cli_exit_code(r), "%s", buf_str(&why));
	if (r != SECRET_SEALED)
		return 0;
	if ((r = config_find(cli->st, key, &row)) <= 0)
		return r ? cli_fail(cli, r) : 0;
	if ((r = key_open(cli, &store_key)))
		return r;
	return (r = config_unseal(cli->st, store_key.data, &row, ret_value)) ? key_fail(cli, r) : 0;
}

int cli_no_setting(struct cli *cli, const char *key)
{
	const struct setting *near = setting_nearest(key);

	if (near)
		return cli_error(cli, EXIT_USAGE, "there is no setting '%s'; did you mean '%s'?", key, near->key);
	return cli_error(cli, EXIT_USAGE, "there is no setting '%s'; 'genstore config list --all' shows all", key);
}

int cli_bad_setting(struct cli *cli, const struct setting *s, const char *text)
{
	AUTO(buf_release) struct buf why = BUF_INIT;

	setting_refuse(s, s->key, text, &why);
	return cli_error(cli, EXIT_USAGE, "%s; see 'genstore config describe %s'", buf_str(&why), s->key);
}

int cli_set(struct cli *cli, const char *assignment)
{
	AUTO(free_ptr) char *key = strndup(assignment, strcspn(assignment, "="));
	const char *value = strchr(assignment, '=');
	const struct setting *s = key ? setting_find(key) : NULL;

	if (!key)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if (!value)
		return cli_usage(cli, "--set takes KEY=VALUE, not '%s'", assignment);
	if (!s)
		return cli_no_setting(cli, key);
	if (s->type == SETTING_SECRET)
		return cli_usage(cli, "%s is a secret, and command lines are seen by everybody; $%s takes it", key, s->variables[0]);
	if (!s->variables[0])
		return cli_usage(cli, "%s belongs to the store, whose commits it decides about; 'genstore config set' changes it", key);
	if (!setting_valid(s, value + 1))
		return cli_bad_setting(cli, s, value + 1);
	return setenv(s->variables[0], value + 1, 1) ? cli_error(cli, EXIT_FAILED, "no memory") : 0;
}
