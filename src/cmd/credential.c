#include "src/cmd/credential.h"
#include "src/cmd/keysource.h"
#include "store/access.h"
#include "store/token.h"

bool credential_given(const struct cli *cli)
{
	const char *text = getenv("GENSTORE_TOKEN");

	return cli->token_file || (text && *text);
}

static int take(struct cli *cli, struct secret_bytes *ret_b)
{
	const char *text = getenv("GENSTORE_TOKEN");

	if (cli->token_file)
		return secret_file(cli, cli->token_file, "the file of the token", EXIT_KEY, ret_b);
	if (secret_bytes_new(strlen(text), ret_b))
		return cli_error(cli, EXIT_FAILED, "no memory");
	memcpy(ret_b->data, text, strlen(text));
	return 0;
}

/* Where the store can be written; that it was used is no reason to fail. */
static void note_use(struct cli *cli, const char *text)
{
	struct genstore *st;
	int r;

	if (!token_use_is_old(cli->st, text))
		return;
	if (!cli->st->read_only) {
		token_used(cli->st, text);
		return;
	}
	st = genstore_new();
	r = st ? genstore_open(st, cli->store_path, 0) : -ENOMEM;
	if (!r)
		r = token_used(st, text);
	if (r)
		cli_debug(cli, "that the token was used is not written down: %s", st ? genstore_errmsg(st) : "no memory");
	genstore_free(st);
}

int credential_apply(struct cli *cli)
{
	AUTO(secret_bytes_release) struct secret_bytes text = { 0 };
	struct access_subject who;
	int r;

	/* A handle that is opened again has its limit. */
	if (!credential_given(cli) || access_is_limited(cli->st))
		return 0;
	if ((r = take(cli, &text)))
		return r;
	if ((r = token_find(cli->st, (const char *)text.data, &who)))
		return cli_fail(cli, r);
	if (cli->command->access != FOR_USERS)
		return cli_error(cli, EXIT_NONE, "'%s' is for the store's owner, who needs no token", cli->command->name);
	note_use(cli, (const char *)text.data);
	return (r = access_limit(cli->st, &who)) ? cli_fail(cli, r) : 0;
}
