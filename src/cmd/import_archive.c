/* genstore import FILE.tar.gz */
#include "src/cmd/import.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/facts/tree.h"
#include "store/foreign.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { TRIES = 5 };

struct source {
	const char *path; /* for people */
	int fd;
	int64_t size;     /* 0: not known */
};

static int open_source(struct cli *cli, const char *path, struct source *s)
{
	bool is_stdin = !strcmp(path, "-");
	struct stat sb;

	s->path = is_stdin ? "standard input" : path;
	s->fd = is_stdin ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (s->fd < 0 || fstat(s->fd, &sb))
		return cli_error(cli, errno == ENOENT ? EXIT_NONE : EXIT_FAILED, "cannot read '%s': %s", s->path, strerror(errno));
	s->size = S_ISREG(sb.st_mode) ? sb.st_size : 0;
	if (S_ISREG(sb.st_mode))
		posix_fadvise(s->fd, 0, 0, POSIX_FADV_SEQUENTIAL);
	return 0;
}

/* -ESTALE is told when there is no other try left. */
static int fail(struct cli *cli, int r)
{
	return r == -ESTALE ? EXIT_FAILED : cli_fail(cli, r);
}

/* Reads it to its end. An exit code; *ret_r is the store's error where that is why. */
static int fill(struct cli *cli, const struct source *s, struct foreign *f, int *ret_r)
{
	struct progress p;
	int64_t at = 0;
	ssize_t n = 1;
	size_t room;
	void *to;

	progress_begin(&p, cli, "reading", s->size);
	while (n > 0 && !*ret_r && !foreign_has_failed(f)) {
		if ((*ret_r = foreign_room(f, &to, &room)))
			break;
		n = read(s->fd, to, room);
		if (n < 0 && errno == EINTR)
			n = 1;
		else if (n > 0)
			*ret_r = foreign_fill(f, (size_t)n);
		at += n > 0 ? n : 0;
		progress_update(&p, at, "bytes");
	}
	progress_end(&p);
	if (n < 0)
		return cli_error(cli, EXIT_FAILED, "cannot read '%s': %s", s->path, strerror(errno));
	return *ret_r ? fail(cli, *ret_r) : 0;
}

static int keep(struct cli *cli, const struct source *s, struct foreign *f, const struct foreign_receive *how,
		struct foreign_archive *ret_a, struct generation *ret_g, int *ret_r)
{
	if ((*ret_r = foreign_end(f, ret_a)))
		return fail(cli, *ret_r);
	if (ret_a->error)
		return cli_error(cli, EXIT_FAILED, "cannot import '%s': %s", s->path, ret_a->reason);
	*ret_r = foreign_receive(f, how, ret_g);
	return *ret_r ? fail(cli, *ret_r) : 0;
}

static int take(struct cli *cli, const struct source *s, const struct foreign_receive *how, struct foreign_archive *ret_a,
		struct generation *ret_g, int *ret_r)
{
	AUTO(foreign_freep) struct foreign *f = NULL;
	int code;

	if ((*ret_r = foreign_new(cli->st, NULL, &f)))
		return fail(cli, *ret_r);
	code = fill(cli, s, f, ret_r);
	return code ? code : keep(cli, s, f, how, ret_a, ret_g, ret_r);
}

static void tell(const struct cli *cli, const struct generation *g, const struct foreign_archive *a)
{
	char packed[HUMAN_SIZE], unpacked[HUMAN_SIZE];
	int r;

	if ((r = tree_note_schema(cli->st, g->id)))
		cli_debug(cli, "the tables of '%s' were not noted: %s", g->request_id, strerror(-r));
	keep_tell(cli, g);
	cli_note(cli, "'%s/%lld' has %lld files, %s, in an archive of %s", g->app_name, (long long)g->generation_number,
		 (long long)a->files, human_bytes(a->bytes, unpacked), human_bytes(a->size, packed));
}

int import_archive(struct cli *cli, const char *path, const char *app_name, const char *prompt)
{
	const struct foreign_receive how = { .app_name = app_name, .prompt = prompt };
	AUTO(generation_release) struct generation g = { 0 };
	struct foreign_archive a;
	struct source s = { .fd = -1 };
	int code, r = -ESTALE;

	if ((code = open_source(cli, path, &s)) || (code = cli_open_writer(cli))) {
		close_fd(&s.fd);
		return code;
	}
	/* A collection in another process can take what was staged: then once more, where that can be. */
	for (int i = 0; i < TRIES && r == -ESTALE && (!i || lseek(s.fd, 0, SEEK_SET) == 0); i++) {
		r = 0;
		code = take(cli, &s, &how, &a, &g, &r);
	}
	close_fd(&s.fd);
	if (r == -ESTALE)
		cli_fail(cli, r);
	if (!code)
		tell(cli, &g, &a);
	return code;
}
