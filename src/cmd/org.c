/* genstore org: add, list, show, rm, grant, revoke */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/member.h"
#include "store/session.h"

static struct { const char *id, *owner; } o;

static const struct opt add_options[] = {
	{ "id", 0, OPT_TEXT, &o.id, "UUID", "the id it has elsewhere (a new one)" },
	{ "owner", 0, OPT_TEXT, &o.owner, "USER", "who may give roles in it" },
	{ 0 },
};

static int run_add(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char id[ID_UUID], owner[ID_UUID];
	struct jw j;
	int r;

	if ((cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)))
		return r;
	if ((o.owner && (r = user_find_anybody(cli->st, o.owner, owner))) || (r = organization_add(cli->st, argv[0], o.id, o.owner ? owner : NULL, id)))
		return cli_fail(cli, r);
	if (!cli->json)
		return printf("%s\n", id) < 0 ? EXIT_FAILED : EXIT_DONE;
	out_object(&j, &line, "organization");
	jw_str(&j, "organization_id", id);
	jw_str(&j, "name", argv[0]);
	out_object_end(&j);
	return EXIT_DONE;
}

static void print_object(const struct organization *x)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const struct { const char *key; int64_t n; } numbers[] = {
		{ "members", x->members }, { "sessions", x->sessions }, { "artifacts", x->artifacts }, { "bytes", x->bytes },
	};
	struct jw j;

	out_object(&j, &line, "organization");
	jw_str(&j, "organization_id", x->id);
	jw_str(&j, "name", x->name);
	jw_str(&j, "created_at", x->created_at);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		jw_int(&j, numbers[i].key, numbers[i].n);
	out_object_more(&j);
}

static int run_list(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	static const char *const titles[] = { "NAME", "MEMBERS", "SESSIONS", "ARTIFACTS", "SIZE", "ADDED", "ID" };
	AUTO(organization_release) struct organization x = { 0 };
	char human[HUMAN_SIZE];
	struct table t;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "lrrrrll");
	while ((r = organization_next(cli->st, x.name ? x.name : "", &x)) > 0) {
		const int64_t numbers[] = { x.members, x.sessions, x.artifacts };

		if (cli->json) {
			print_object(&x);
			continue;
		}
		table_cell(&t, x.name);
		for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
			table_cellf(&t, "%lld", (long long)numbers[i]);
		table_cell(&t, human_bytes(x.bytes, human));
		table_cell(&t, x.created_at);
		table_cell(&t, x.id);
	}
	table_end(&t);
	return r ? cli_fail(cli, r) : EXIT_DONE;
}

static void print_member(const struct member *m)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "member");
	jw_str(&j, "user_id", m->user_id);
	jw_str(&j, "user", m->user);
	jw_str(&j, "role", m->role);
	jw_str(&j, "created_at", m->created_at);
	out_object_more(&j);
}

static int run_show(struct cli *cli, int argc UNUSED, char **argv)
{
	static const char *const titles[] = { "USER", "ROLE", "SINCE" };
	AUTO(member_release) struct member m = { 0 };
	char id[ID_UUID];
	struct table t;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if ((r = organization_find(cli->st, argv[0], id)))
		return cli_fail(cli, r);
	table_begin(&t, titles, ARRAY_LEN(titles), "lll");
	while ((r = member_next(cli->st, id, m.user ? m.user : "", &m)) > 0) {
		if (cli->json) {
			print_member(&m);
			continue;
		}
		table_cell(&t, m.user);
		table_cell(&t, m.role);
		table_cell(&t, m.created_at);
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
	return (r = organization_find(cli->st, argv[0], id)) || (r = organization_remove(cli->st, id)) ? cli_fail(cli, r) : EXIT_DONE;
}

/* Both by name or id. */
static int find_both(struct cli *cli, char **argv, char organization[ID_UUID], char user[ID_UUID])
{
	int r = cli_open_writer(cli);

	if (r)
		return r;
	return (r = organization_find(cli->st, argv[0], organization)) || (r = user_find_anybody(cli->st, argv[1], user)) ? cli_fail(cli, r) : 0;
}

static int run_grant(struct cli *cli, int argc UNUSED, char **argv)
{
	char organization[ID_UUID], user[ID_UUID];
	int r = find_both(cli, argv, organization, user);

	if (r)
		return r;
	return (r = member_grant(cli->st, organization, user, argv[2])) ? cli_fail(cli, r) : EXIT_DONE;
}

static int run_revoke(struct cli *cli, int argc UNUSED, char **argv)
{
	char organization[ID_UUID], user[ID_UUID];
	int r = find_both(cli, argv, organization, user);

	if (r)
		return r;
	return (r = member_revoke(cli->st, organization, user)) ? cli_fail(cli, r) : EXIT_DONE;
}

static const struct command command_org_add = {
	.name = "org add", .arguments = "NAME", .summary = "adds one and prints its id", .options = add_options, .run = run_add, .min_args = 1, .max_args = 1,
};
static const struct command command_org_list = {
	.name = "org list", .access = FOR_USERS, .arguments = "", .summary = "lists them", .run = run_list,
};
static const struct command command_org_show = {
	.name = "org show", .access = FOR_USERS, .arguments = "ORG", .summary = "lists its members", .run = run_show, .min_args = 1, .max_args = 1,
};
static const struct command command_org_rm = {
	.name = "org rm", .access = FOR_USERS, .arguments = "ORG", .summary = "removes one that has no artifacts", .run = run_rm, .min_args = 1, .max_args = 1,
};
static const struct command command_org_grant = {
	.name = "org grant", .access = FOR_USERS, .arguments = "ORG USER owner|member|viewer", .summary = "gives a user a role in it", .run = run_grant,
	.min_args = 3, .max_args = 3,
};
static const struct command command_org_revoke = {
	.name = "org revoke", .access = FOR_USERS, .arguments = "ORG USER", .summary = "ends a membership, and the tokens that hang on it", .run = run_revoke,
	.min_args = 2, .max_args = 2,
};
static const struct command *const group[] = {
	&command_org_add, &command_org_list, &command_org_show, &command_org_rm, &command_org_grant, &command_org_revoke, NULL,
};

const struct command command_org = {
	.name = "org", .arguments = "COMMAND", .summary = "organizations and their members: add, list, show, rm, grant, revoke", .commands = group,
};
