/* genstore secret: set, list, get, rm */
#include "src/cmd/keep.h"
#include "src/cmd/keysource.h"
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/secret.h"

static struct {
	const char *user, *file, *expires;
	bool reveal;
} o;

#define USER { "user", 'u', OPT_TEXT, &o.user, "NAME", "whose it is (local)" }

static int take_user(struct cli *cli, char id[ID_UUID])
{
	int r = user_find(cli->st, o.user, id);

	return r ? cli_fail(cli, r) : 0;
}

static const struct opt set_options[] = {
	USER,
	{ "file", 'f', OPT_TEXT, &o.file, "FILE", "where its value is (standard input, or the terminal without echo)" },
	{ "expires", 0, OPT_TEXT, &o.expires, "TIME", "when it is good for nothing any more" },
	{ 0 },
};

static int take_value(struct cli *cli, const char *provider, struct secret_bytes *ret_b)
{
	AUTO(free_ptr) char *prompt = NULL;
	int r;

	if (asprintf(&prompt, "Secret for '%s': ", provider) < 0)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = o.file ? secret_file(cli, o.file, "the file", EXIT_FAILED, ret_b) : secret_input(cli, prompt, ret_b)))
		return r;
	return ret_b->len ? 0 : cli_error(cli, EXIT_USAGE, "the secret is empty");
}

static int run_set(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 }, value = { 0 };
	char user[ID_UUID], until[CLOCK_TEXT];
	int r;

	if ((o.expires && (r = cli_time(cli, "expires", o.expires, until))) || (r = cli_open_writer(cli)) || (r = take_user(cli, user)))
		return r;
	if ((r = secret_check_provider(cli->st, argv[0])))
		return cli_usage(cli, "%s", genstore_errmsg(cli->st));
	if ((r = key_open(cli, &key)) || (r = take_value(cli, argv[0], &value)))
		return r;
	if ((r = secret_put(cli->st, key.data, user, argv[0], &value, o.expires ? until : NULL)))
		return key_fail(cli, r);
	cli_note(cli, "sealed the secret for '%s'", argv[0]);
	return EXIT_DONE;
}

static const struct opt list_options[] = { { "user", 'u', OPT_TEXT, &o.user, "NAME", "of that user (all)" }, { 0 } };

static void print_object(const struct cli *cli, const struct secret *s)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const struct { const char *key, *text; } texts[] = {
		{ "id", s->id }, { "user_id", s->user_id }, { "user", s->user }, { "provider", s->provider }, { "expires_at", s->expires_at },
		{ "created_at", s->created_at }, { "updated_at", s->updated_at },
	};
	struct jw j;

	out_object(&j, &line, "secret");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		jw_str(&j, texts[i].key, texts[i].text);
	jw_bool(&j, "expired", secret_is_expired(cli->st, s));
	out_object_more(&j);
}

static int run_list(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	static const char *const titles[] = { "USER", "PROVIDER", "CHANGED", "EXPIRES" };
	AUTO(secret_release) struct secret s = { 0 };
	char user[ID_UUID];
	struct table t;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (o.user && (r = take_user(cli, user))))
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "llll");
	while ((r = secret_next(cli->st, o.user ? user : NULL, s.user ? s.user : "", s.provider ? s.provider : "", &s)) > 0) {
		if (cli->json) {
			print_object(cli, &s);
			continue;
		}
		table_cell(&t, s.user);
		table_cell(&t, s.provider);
		table_cell(&t, s.updated_at);
		table_cellf(&t, "%s%s", s.expires_at ? s.expires_at : "never", secret_is_expired(cli->st, &s) ? ", is over" : "");
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct opt get_options[] = {
	USER,
	{ "reveal", 0, OPT_FLAG, &o.reveal, NULL, "yes, print it" },
	{ 0 },
};

static int run_get(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 }, value = { 0 };
	AUTO(secret_release) struct secret s = { 0 };
	char user[ID_UUID];
	int r;

	if (!o.reveal || cli->json)
		return cli_usage(cli, cli->json ? "a secret is never printed as JSON" : "say --reveal to have the secret printed");
	if ((r = cli_open_writer(cli)) || (r = take_user(cli, user)))
		return r;
	if ((r = secret_find(cli->st, user, argv[0], &s)))
		return cli_fail(cli, r);
	if (secret_is_expired(cli->st, &s))
		return cli_error(cli, EXIT_NONE, "the secret for '%s' was good until %s; 'genstore secret set' gives it a new one", argv[0], s.expires_at);
	if ((r = key_open(cli, &key)))
		return r;
	if ((r = secret_open(cli->st, key.data, &s, &value)))
		return key_fail(cli, r);
	return secret_print(cli, &value);
}

static const struct opt rm_options[] = { USER, { 0 } };

static int run_rm(struct cli *cli, int argc UNUSED, char **argv)
{
	char user[ID_UUID];
	int r;

	if ((r = cli_open_writer(cli)) || (r = take_user(cli, user)))
		return r;
	return (r = secret_remove(cli->st, user, argv[0])) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct command command_secret_set = {
	.name = "secret set", .access = FOR_USERS, .arguments = "PROVIDER", .summary = "seals a token for another service", .options = set_options, .run = run_set, .min_args = 1, .max_args = 1,
};
static const struct command command_secret_list = {
	.name = "secret list", .access = FOR_USERS, .arguments = "", .summary = "lists what there is, without values", .options = list_options, .run = run_list,
};
static const struct command command_secret_get = {
	.name = "secret get", .access = FOR_USERS, .arguments = "PROVIDER", .summary = "prints one", .options = get_options, .run = run_get, .min_args = 1, .max_args = 1,
};
static const struct command command_secret_rm = {
	.name = "secret rm", .access = FOR_USERS, .arguments = "PROVIDER", .summary = "removes one", .options = rm_options, .run = run_rm, .min_args = 1, .max_args = 1,
};
static const struct command *const group[] = { &command_secret_set, &command_secret_list, &command_secret_get, &command_secret_rm, NULL };

const struct command command_secret = {
	.name = "secret", .arguments = "COMMAND", .summary = "tokens of users for other services, sealed: set, list, get, rm", .commands = group,
};
