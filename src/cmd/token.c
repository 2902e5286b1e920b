/* genstore token: add, list, rm */
#include "src/cmd/keep.h"
#include "src/cmd/keysource.h"
#include "src/cmd/out.h"
#include "store/access.h"
#include "store/app.h"
#include "store/session.h"
#include "store/token.h"

#include <openssl/crypto.h>

static struct {
	const char *user, *organization, *expires, *description;
	bool s3;
} o;

static const struct opt add_options[] = {
	{ "user", 'u', OPT_TEXT, &o.user, "NAME", "whose it is (local)" },
	{ "org", 0, OPT_TEXT, &o.organization, "ORG", "for what that organization has, and nothing else" },
	{ "expires", 0, OPT_TEXT, &o.expires, "TIME", "when it is good for nothing any more" },
	{ "description", 'd', OPT_TEXT, &o.description, "TEXT", "what it is for" },
	{ "s3", 0, OPT_FLAG, &o.s3, NULL, "an access key and its secret, for S3 clients" },
	{ 0 },
};

/* The only time that it is shown. */
static int tell_token(const struct cli *cli, const char *id, const char *text)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "the token '%s', which is not shown again:", id);
		return printf("%s\n", text) < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	out_object(&j, &line, "token");
	jw_str(&j, "id", id);
	jw_str(&j, "token", text);
	out_object_end(&j);
	return EXIT_DONE;
}

static int tell_key(const struct cli *cli, const char *id, const char *secret)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "an access key and its secret, which is not shown again:");
		return printf("%s\n%s\n", id, secret) < 0 ? EXIT_FAILED : EXIT_DONE;
	}
	out_object(&j, &line, "access_key");
	jw_str(&j, "access_key_id", id);
	jw_str(&j, "secret_access_key", secret);
	out_object_end(&j);
	return EXIT_DONE;
}

static int add_token(struct cli *cli, const struct token_request *req)
{
	char id[ID_UUID], text[TOKEN_TEXT];
	int r = token_make(cli->st, req, id, text);

	r = r ? cli_fail(cli, r) : tell_token(cli, id, text);
	OPENSSL_cleanse(text, sizeof(text));
	return r;
}

static int add_key(struct cli *cli, const struct token_request *req)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	char id[ACCESS_KEY_ID], secret[ACCESS_KEY_SECRET];
	int r = key_open(cli, &key);

	if (r)
		return r;
	r = access_key_make(cli->st, key.data, req, id, secret);
	r = r ? key_fail(cli, r) : tell_key(cli, id, secret);
	OPENSSL_cleanse(secret, sizeof(secret));
	return r;
}

static int run_add(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	char user[ID_UUID], organization[ID_UUID], until[CLOCK_TEXT];
	struct token_request req = { .user_id = user, .description = o.description };
	int r;

	if ((o.expires && (r = cli_time(cli, "expires", o.expires, until))) || (r = cli_open_writer(cli)))
		return r;
	if ((r = user_find(cli->st, o.user, user)) || (o.organization && (r = organization_find(cli->st, o.organization, organization))))
		return cli_fail(cli, r);
	req.organization_id = o.organization ? organization : NULL;
	req.expires_at = o.expires ? until : NULL;
	return o.s3 ? add_key(cli, &req) : add_token(cli, &req);
}

static const struct opt list_options[] = { { "user", 'u', OPT_TEXT, &o.user, "NAME", "of that user (all)" }, { 0 } };

static void print_object(const struct cli *cli, const struct token *t)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const struct { const char *key, *text; } texts[] = {
		{ "id", t->id }, { "kind", t->is_access_key ? "s3" : "bearer" }, { "user", t->user }, { "organization", t->organization },
		{ "description", t->description }, { "created_at", t->created_at }, { "expires_at", t->expires_at }, { "last_used_at", t->last_used_at },
	};
	struct jw j;

	out_object(&j, &line, "token");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		jw_str(&j, texts[i].key, texts[i].text);
	jw_bool(&j, "expired", token_is_expired(cli->st, t));
	out_object_more(&j);
}

static void add_row(const struct cli *cli, struct table *table, const struct token *t)
{
	table_cell(table, t->id);
	table_cell(table, t->is_access_key ? "s3" : "bearer");
	table_cell(table, t->user);
	table_cell(table, t->organization ? t->organization : "all");
	table_cellf(table, "%s%s", t->expires_at ? t->expires_at : "never", token_is_expired(cli->st, t) ? ", is over" : "");
	table_cell(table, t->last_used_at ? t->last_used_at : "never");
	table_cell(table, t->description ? t->description : "");
}

static int run_list(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	static const char *const titles[] = { "ID", "KIND", "USER", "ORGANIZATION", "EXPIRES", "USED", "DESCRIPTION" };
	AUTO(token_release) struct token t = { 0 };
	char user[ID_UUID];
	struct table table;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if (o.user && (r = user_find(cli->st, o.user, user)))
		return cli_fail(cli, r);
	table_begin(&table, titles, ARRAY_LEN(titles), "lllllll");
	while ((r = token_next(cli->st, o.user ? user : NULL, t.created_at ? t.created_at : "", t.id ? t.id : "", &t)) > 0) {
		if (cli->json)
			print_object(cli, &t);
		else
			add_row(cli, &table, &t);
	}
	table_end(&table);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int run_rm(struct cli *cli, int argc, char **argv)
{
	int r = cli_open_writer(cli);

	if (r)
		return r;
	return (r = token_remove(cli->st, argv, argc)) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct command command_token_add = {
	.name = "token add", .access = FOR_USERS, .arguments = "", .summary = "makes one and prints it, once", .options = add_options, .run = run_add,
};
static const struct command command_token_list = {
	.name = "token list", .access = FOR_USERS, .arguments = "", .summary = "lists them, without what they are", .options = list_options, .run = run_list,
};
static const struct command command_token_rm = {
	.name = "token rm", .access = FOR_USERS, .arguments = "ID...", .summary = "revokes them, all or none", .run = run_rm, .min_args = 1, .max_args = -1,
};
static const struct command *const group[] = { &command_token_add, &command_token_list, &command_token_rm, NULL };

const struct command command_token = {
	.name = "token", .arguments = "COMMAND", .summary = "what shows that somebody is a user: add, list, rm", .commands = group,
};
