/* genstore restore */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "store/snapshot.h"
#include "store/audit.h"

#include <fcntl.h>
#include <sys/stat.h>

static int open_target(struct cli *cli, const char *dir, int *ret_fd)
{
	AUTO(close_fd) int fd = -1;

	if (mkdir(dir, 0777) && errno != EEXIST)
		return cli_error(cli, EXIT_FAILED, "cannot make the folder '%s': %s", dir, strerror(errno));
	fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return cli_error(cli, EXIT_FAILED, "cannot open the folder '%s': %s", dir, strerror(errno));
	*ret_fd = move_fd(&fd);
	return 0;
}

static void show_progress(void *arg, int64_t files UNUSED, int64_t bytes)
{
	progress_update(arg, bytes, "bytes");
}

static int write_tree(struct cli *cli, const struct revision *rev, const struct manifest *m, const char *dir)
{
	AUTO(close_fd) int fd = -1;
	struct progress p;
	const struct restore_options ro = { .progress = show_progress, .arg = &p };
	int64_t mtime = 0;
	int r = open_target(cli, dir, &fd);

	if (r)
		return r;
	/* The time that the entries of the archive have too. */
	if (clock_parse(rev->generation.created_at, &mtime))
		return cli_error(cli, EXIT_DAMAGED, "'%s' has no time of creation", rev->generation.request_id);
	progress_begin(&p, cli, "restoring", m->bytes);
	r = restore_tree(cli->st, m, fd, mtime, &ro);
	progress_end(&p);
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "the folder '%s' is not empty; name a new one", dir);
	return r ? cli_fail(cli, r) : 0;
}

/* In the trail, unless the store cannot be written to: it can be restored from all the same. */
static void record(const struct cli *cli, const struct revision *rev, const char *dir)
{
	struct genstore *st = genstore_new();
	AUTO(buf_release) struct buf details = BUF_INIT;
	struct jw j;
	int r;

	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "folder", dir);
	jw_int(&j, "iteration", rev->iteration);
	jw_end(&j);
	if (!(r = st ? genstore_open(st, cli->store_path, 0) : -ENOMEM)) {
		TXN t = txn_begin(&st->db);

		if (!(r = t.error) && !(r = audit_write(st, "generation.restore", rev->generation.request_id, buf_str(&details))))
			r = txn_commit(&t);
	}
	if (r)
		cli_debug(cli, "not in the trail: %s", st ? genstore_errmsg(st) : "no memory");
	genstore_free(st);
}

static void tell(const struct cli *cli, const struct revision *rev, const struct manifest *m, const char *dir)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "'%s' has %lld files, %s", dir, (long long)m->files, human_bytes(m->bytes, human));
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "request_id", rev->generation.request_id);
	jw_str(&j, "directory", dir);
	jw_int(&j, "files", m->files);
	jw_int(&j, "bytes", m->bytes);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_tree(cli, argv[0], &rev, &m)) ||
	    (r = write_tree(cli, &rev, m, argv[1])))
		return r;
	record(cli, &rev, argv[1]);
	tell(cli, &rev, m, argv[1]);
	return EXIT_DONE;
}

const struct command command_restore = {
	.name = "restore", .access = FOR_USERS, .arguments = "REV FOLDER", .summary = "writes a tree into a new or empty folder", .run = run,
	.min_args = 2, .max_args = 2,
};
