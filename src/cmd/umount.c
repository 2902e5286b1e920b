#include "src/cmd/cmd.h"

#if HAVE_FUSE
#include "fs/mounts.h"
#include "src/cmd/keep.h"
#include "src/cmd/sync.h"

static struct { bool lazy, wait; } o;

struct found { const char *target; char *store; };

static int note_store(void *arg, const struct mount_entry *m)
{
	struct found *f = arg;

	if (!m->genstore || strcmp(m->target, f->target))
		return 0;
	free(f->store);
	return (f->store = strdup(m->source)) ? 0 : -ENOMEM;
}

/* What nobody who unmounts need wait for: it is in the store. Of one that cannot be read there is nothing to say. */
static void tell_pending(struct cli *cli, const char *store)
{
	struct genstore *st = genstore_new();
	int64_t pending = 0;

	if (st && !genstore_open(st, store, GENSTORE_READ_ONLY) &&
	    !db_number(&st->db, "SELECT count(*) FROM outbox WHERE state <> 'synced'", &pending) && pending)
		cli_note(cli, "%lld still %s to be sent; 'genstore sync' sends what waits", (long long)pending, pending == 1 ? "waits" : "wait");
	genstore_free(st);
}

static int wait_for_sync(struct cli *cli, const char *store)
{
	int64_t pending = 0;
	int r;

	cli->store_path = store;
	if ((r = cli_open_writer(cli)))
		return r;
	if ((r = db_number(&cli->st->db, "SELECT count(*) FROM outbox WHERE state <> 'synced'", &pending)))
		return cli_fail(cli, r);
	return pending ? sync_rows(cli, NULL, false) : EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(free_ptr) char *target = NULL, *store = NULL;
	struct found found = { 0 };
	int r;

	if ((r = mounts_resolve(argv[0], &target)) || (r = mounts_find(target, NULL)) < 0)
		return cli_error(cli, EXIT_FAILED, "cannot unmount '%s': %s", argv[0], strerror(-r));
	if (!r)
		return cli_error(cli, EXIT_NONE, "'%s' is not a mount of genstore; 'genstore mount' lists them", argv[0]);
	found.target = target;
	r = mounts_each(note_store, &found);
	store = found.store;
	r = r ? r : mounts_end(target, o.lazy);
	if (r == -EBUSY)
		return cli_error(cli, EXIT_FAILED,
				 "'%s' is in use; close what is open there ('fuser -vm' names it), or use --lazy", target);
	if (r)
		return cli_error(cli, EXIT_FAILED, "cannot unmount '%s': %s", target, strerror(-r));
	if (store && o.wait)
		return wait_for_sync(cli, store);
	if (store)
		tell_pending(cli, store);
	return EXIT_DONE;
}

#else

static struct { bool lazy, wait; } o;

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	return cli_error(cli, EXIT_FAILED, "cannot unmount: this genstore was built without FUSE");
}

#endif

static const struct opt options[] = {
	{ "lazy", 'z', OPT_FLAG, &o.lazy, NULL, "at once: what is still open there lives on until it is closed" },
	{ "wait", 0, OPT_FLAG, &o.wait, NULL, "then sends what waits in the outbox of the store" },
	{ 0 },
};

const struct command command_umount = {
	.name = "umount", .arguments = "MOUNTPOINT", .summary = "ends a mount", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
