/* genstore migrate */
#include "src/cmd/out.h"
#include "store/backup.h"
#include "store/migrate.h"

static struct {
	int64_t to;
	bool dry_run;
} o = { .to = INT64_MIN };

static const struct opt options[] = {
	{ "to", 0, OPT_INT, &o.to, "N", "the version of the schema (the newest)" },
	{ "dry-run", 'n', OPT_FLAG, &o.dry_run, NULL, "only say what would be done" },
	{ 0 },
};

static void tell_step(void *arg, int from, int to, const char *name, const char *what)
{
	const struct cli *cli = arg;
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "schema %d -> %d (%s)%s%s", from, to, name, *what ? ": " : "", what);
		return;
	}
	out_object(&j, &line, "migration");
	jw_int(&j, "from", from);
	jw_int(&j, "to", to);
	jw_str(&j, "name", name);
	jw_str(&j, "what", what);
	out_object_end(&j);
}

/* <store>.v<from>-20251211T203000Z.bak, beside the store; with -2 and so on where that is there already. */
static int backup_name(struct cli *cli, int from, int again, char **ret_path)
{
	char now[CLOCK_TEXT], nth[16] = "", *to = now;

	store_now(cli->st, now);
	for (const char *p = now; *p; p++)
		if (*p != '-' && *p != ':')
			*to++ = *p;
	*to = '\0';
	if (again > 1)
		snprintf(nth, sizeof(nth), "-%d", again);
	return asprintf(ret_path, "%s.v%d-%s%s.bak", cli->store_path, from, now, nth) < 0 ? -ENOMEM : 0;
}

static int take_backup(struct cli *cli, int from, char **ret_path)
{
	int r = -EEXIST;

	for (int again = 1; r == -EEXIST && again < 100; again++) {
		AUTO(free_ptr) char *path = NULL;

		if ((r = backup_name(cli, from, again, &path)) || (r = backup_store(cli->st, path, &(struct backup_options){ 0 })))
			continue;
		cli_note(cli, "the store as it was is in '%s'", path);
		*ret_path = MOVE(path);
	}
	return r ? cli_fail(cli, r) : 0;
}

static void summary(const struct cli *cli, int from, int to, const char *backup)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		if (from == to)
			cli_note(cli, "the schema is %d already", from);
		else if (o.dry_run)
			cli_note(cli, "the schema stays %d", from);
		else
			cli_note(cli, "the schema is %d now", to);
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "from", from);
	jw_int(&j, "to", to);
	jw_bool(&j, "dry_run", o.dry_run);
	jw_str(&j, "backup", backup);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	const struct migrate_report report = { .step = tell_step, .arg = cli };
	AUTO(free_ptr) char *backup = NULL;
	int from, to, r;

	if (o.to != INT64_MIN && (o.to < 1 || o.to > migrate_newest()))
		return cli_usage(cli, "there is no schema %lld; this genstore knows 1 to %d", (long long)o.to, migrate_newest());
	if ((r = cli_open(cli, GENSTORE_ANY_VERSION)))
		return r;
	if ((r = migrate_version(cli->st, &from)))
		return cli_fail(cli, r);
	to = o.to == INT64_MIN ? migrate_newest() : (int)o.to;
	if (from != to && !o.dry_run && (r = take_backup(cli, from, &backup)))
		return r;
	if (from != to && (r = migrate_to(cli->st, to, o.dry_run, &report)))
		return cli_fail(cli, r);
	summary(cli, from, to, backup);
	return EXIT_DONE;
}

const struct command command_migrate = {
	.name = "migrate", .arguments = "", .summary = "brings the schema up to date, or to another version", .options = options,
	.run = run,
};
