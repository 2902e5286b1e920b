#include "src/cmd/save.h"
#include "src/cmd/newfile.h"
#include "src/cmd/out.h"

enum { AT_ONCE = 1 << 20 };

static int write_some(struct cli *cli, struct newfile *to, const void *data, size_t n)
{
	int r;

	if (to->fd < 0)
		return out_bytes(cli, data, n);
	if ((r = newfile_write(to, data, n)))
		return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", to->path, strerror(-r));
	return 0;
}

/* Copies it, hashed on the way. */
static int copy(struct cli *cli, const struct object *o, struct newfile *to, uint8_t ret_sha256[SHA256_SIZE])
{
	AUTO(free_ptr) char *bytes = malloc(AT_ONCE);
	struct progress p;
	struct sha256 h;
	int64_t at = 0;
	ssize_t n = 0;
	int r = 0;

	if (!bytes)
		return cli_error(cli, EXIT_FAILED, "no memory");
	sha256_init(&h);
	progress_begin(&p, cli, "writing", object_size(o));
	for (; !r && at < object_size(o) && !ferror(stdout); at += n) {
		n = object_read(cli->st, o, at, AT_ONCE, bytes);
		if (n <= 0)
			break;
		sha256_update(&h, bytes, (size_t)n);
		r = write_some(cli, to, bytes, (size_t)n);
		if (to->fd >= 0)
			progress_update(&p, at + n, "bytes");
	}
	progress_end(&p);
	sha256_final(&h, ret_sha256);
	return n < 0 ? cli_fail(cli, (int)n) : r;
}

static int check_hash(struct cli *cli, const struct save *how, const uint8_t sha256[SHA256_SIZE])
{
	if (!how->sha256 || memcmp(sha256, how->sha256, SHA256_SIZE) == 0 || ferror(stdout))
		return 0;
	return cli_error(cli, EXIT_DAMAGED, "%s does not have its SHA-256; run 'genstore check --read-data'", how->what);
}

static int open_error(struct cli *cli, const struct save *how, int r)
{
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "'%s' exists; --force replaces it", how->file);
	return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", how->file, strerror(-r));
}

int save_object(struct cli *cli, const struct object *o, const struct save *how, uint8_t ret_sha256[SHA256_SIZE])
{
	AUTO(newfile_release) struct newfile to = NEWFILE_INIT;
	bool to_stdout = strcmp(how->file, "-") == 0;
	int r = to_stdout ? 0 : newfile_open(how->file, how->force, &to);

	if (r)
		return open_error(cli, how, r);
	if ((r = copy(cli, o, &to, ret_sha256)) || (r = check_hash(cli, how, ret_sha256)))
		return r;
	if (!to_stdout && (r = newfile_finish(&to, how->force)))
		return open_error(cli, how, r);
	return 0;
}
