/* genstore user: add, list, rm */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/member.h"

static struct { const char *id, *email; } o;

static const struct opt add_options[] = {
	{ "id", 0, OPT_TEXT, &o.id, "UUID", "the id it has elsewhere (a new one)" },
	{ "email", 0, OPT_TEXT, &o.email, "ADDRESS", "where to reach it" },
	{ 0 },
};

static int run_add(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char id[ID_UUID];
	struct jw j;
	int r;

	if ((cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)))
		return r;
	if ((r = user_add(cli->st, argv[0], o.id, o.email, id)))
		return cli_fail(cli, r);
	if (!cli->json)
		return printf("%s\n", id) < 0 ? EXIT_FAILED : EXIT_DONE;
	out_object(&j, &line, "user");
	jw_str(&j, "id", id);
	jw_str(&j, "name", argv[0]);
	jw_str(&j, "email", o.email);
	out_object_end(&j);
	return EXIT_DONE;
}

static void print_object(const struct user *u)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "user");
	jw_str(&j, "id", u->id);
	jw_str(&j, "name", u->name);
	jw_str(&j, "email", u->email);
	jw_str(&j, "created_at", u->created_at);
	jw_int(&j, "apps", u->apps);
	jw_int(&j, "organizations", u->organizations);
	out_object_more(&j);
}

static int run_list(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	static const char *const titles[] = { "NAME", "APPS", "ORGANIZATIONS", "ADDED", "ID" };
	AUTO(user_release) struct user u = { 0 };
	struct table t;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "lrrll");
	while ((r = user_next(cli->st, u.name ? u.name : "", &u)) > 0) {
		if (cli->json) {
			print_object(&u);
			continue;
		}
		table_cell(&t, u.name);
		table_cellf(&t, "%lld", (long long)u.apps);
		table_cellf(&t, "%lld", (long long)u.organizations);
		table_cell(&t, u.created_at);
		table_cell(&t, u.id);
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static int run_rm(struct cli *cli, int argc UNUSED, char **argv)
{
	char id[ID_UUID];
	int r;

	if ((r = cli_open_writer(cli)))
		return r;
	return (r = user_find_anybody(cli->st, argv[0], id)) || (r = user_remove(cli->st, id)) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct command command_user_add = {
	.name = "user add", .arguments = "NAME", .summary = "adds one and prints its id", .options = add_options, .run = run_add, .min_args = 1, .max_args = 1,
};
static const struct command command_user_list = {
	.name = "user list", .access = FOR_USERS, .arguments = "", .summary = "lists them", .run = run_list,
};
static const struct command command_user_rm = {
	.name = "user rm", .arguments = "NAME", .summary = "removes one, with its tokens, secrets and memberships", .run = run_rm, .min_args = 1, .max_args = 1,
};
static const struct command *const group[] = { &command_user_add, &command_user_list, &command_user_rm, NULL };

const struct command command_user = { .name = "user", .arguments = "COMMAND", .summary = "users: add, list, rm", .commands = group };
