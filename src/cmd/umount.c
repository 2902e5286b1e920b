#include "src/cmd/cmd.h"

#if HAVE_FUSE
#include "fs/mounts.h"

static struct { bool lazy; } o;

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(free_ptr) char *target = NULL;
	int r;

	if ((r = mounts_resolve(argv[0], &target)) || (r = mounts_find(target, NULL)) < 0)
		return cli_error(cli, EXIT_FAILED, "cannot unmount '%s': %s", argv[0], strerror(-r));
	if (!r)
		return cli_error(cli, EXIT_NONE, "'%s' is not a mount of genstore; 'genstore mount' lists them", argv[0]);
	r = mounts_end(target, o.lazy);
	if (r == -EBUSY)
		return cli_error(cli, EXIT_FAILED,
				 "'%s' is in use; close what is open there ('fuser -vm' names it), or use --lazy", target);
	if (r)
		return cli_error(cli, EXIT_FAILED, "cannot unmount '%s': %s", target, strerror(-r));
	return EXIT_DONE;
}

#else

static struct { bool lazy; } o;

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	return cli_error(cli, EXIT_FAILED, "cannot unmount: this genstore was built without FUSE");
}

#endif

static const struct opt options[] = {
	{ "lazy", 'z', OPT_FLAG, &o.lazy, NULL, "at once: what is still open there lives on until it is closed" },
	{ 0 },
};

const struct command command_umount = {
	.name = "umount", .arguments = "MOUNTPOINT", .summary = "ends a mount", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
};
