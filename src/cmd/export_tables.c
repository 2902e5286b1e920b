/* genstore export --format postgres and json: rows, whole or not at all. */
#include "src/cmd/export.h"
#include "src/cmd/keysource.h"
#include "src/cmd/newfile.h"
#include "src/cmd/out.h"
#include "src/tables/dump.h"
#include "src/tables/secrets.h"
#include "src/tables/spool.h"

#include <fcntl.h>
#include <sys/stat.h>

enum { TROUBLES_TOLD = 20, READ_AT_ONCE = 4 << 20, ROOM = NEEDLE_OVERLAP + READ_AT_ONCE };

typedef int dump_form(struct genstore *st, const struct dump_options *o, struct dump_result *ret_result);

struct writing {
	struct cli *cli;
	const struct export_to *to;
	struct newfile file;
	int aside; /* what goes to standard output once it was searched; -1: none */
	struct progress bar;
	int64_t bytes;
	struct dump_result result;
	struct needles *needles;
	int code;  /* of what write_some() told */
};

static void writing_release(struct writing *w)
{
	newfile_release(&w->file);
	close_fd(&w->aside);
	needles_free(w->needles);
}

static int cannot_write(struct cli *cli, const struct export_to *to, int r)
{
	if (r == -EEXIST)
		return cli_error(cli, EXIT_FAILED, "'%s' exists; --force replaces it", to->file);
	return cli_error(cli, EXIT_FAILED, "cannot write '%s': %s", to->file, strerror(-r));
}

static int write_some(void *arg, const void *data, size_t n)
{
	struct writing *w = arg;
	int r = 0;

	if (w->aside >= 0) {
		if ((r = fd_write(w->aside, data, n)))
			w->code = cli_error(w->cli, EXIT_FAILED, "cannot write a temporary file: %s", strerror(-r));
	} else if (w->file.fd >= 0) {
		if ((r = newfile_write(&w->file, data, n)))
			w->code = cannot_write(w->cli, w->to, r);
	} else {
		w->code = out_bytes(w->cli, data, n);
		r = w->code || ferror(stdout) ? -EPIPE : 0;
	}
	w->bytes += (int64_t)n;
	/* With --json progress goes to standard output, where rows may be. */
	if (!w->cli->json || w->file.fd >= 0)
		progress_update(&w->bar, w->bytes, "bytes");
	return r;
}

static void tell_trouble(void *arg, const char *table, const char *key, const char *column, const char *why)
{
	struct writing *w = arg;

	if (w->result.troubles++ >= TROUBLES_TOLD)
		return;
	progress_end(&w->bar);
	cli_error(w->cli, EXIT_FAILED, "cannot export '%s' of row '%s' of '%s': %s", column, key, table, why);
}

static int open_aside(struct cli *cli, int *ret_fd)
{
	*ret_fd = spool_temporary();
	return *ret_fd < 0 ? cli_error(cli, EXIT_FAILED, "cannot make a temporary file: %s; TMPDIR can name another folder", strerror(-*ret_fd)) : 0;
}

static int open_output(struct writing *w)
{
	int r;

	if (!strcmp(w->to->file, "-"))
		return w->needles ? open_aside(w->cli, &w->aside) : 0;
	if ((r = newfile_open(w->to->file, w->to->force, &w->file)))
		return cannot_write(w->cli, w->to, r);
	if (w->file.direct && w->needles)
		return cli_error(w->cli, EXIT_USAGE, "'%s' is no file; --redact searches what was written before anybody else sees it, so name a file, or '-'",
				 w->to->file);
	return 0;
}

/* Everything that is to be searched for: what is sealed has to be opened for that. */
static int collect(struct writing *w)
{
	AUTO(secret_bytes_release) struct secret_bytes key = { 0 };
	int64_t sealed;
	int r;

	if ((r = secrets_sealed(w->cli->st, &sealed)))
		return cli_fail(w->cli, r);
	if (sealed && (r = key_open(w->cli, &key)))
		return r;
	if ((r = needles_new(&w->needles)) || (r = secrets_collect(w->cli->st, key.data, w->needles)))
		return r == -ENOMEM ? cli_error(w->cli, EXIT_FAILED, "no memory") : key_fail(w->cli, r);
	if (w->needles->shorter)
		cli_note(w->cli, "%d secrets have less than %d bytes and are not searched for: they cannot be told from other words", w->needles->shorter,
			 NEEDLE_MIN);
	return 0;
}

static int found(struct writing *w, const uint8_t *data, size_t at, int64_t before)
{
	size_t line = 0;

	for (size_t i = 0; i < at; i++)
		line = data[i] == '\n' ? i + 1 : line;
	return cli_error(w->cli, EXIT_FAILED, "a secret is left in the export, at byte %lld (in the line that begins at byte %lld): it stands where it cannot be taken out; "
					      "nothing was written",
			 (long long)(before + (int64_t)at), (long long)(before + (int64_t)line));
}

/* The proof: what was written is read again, from its beginning, and nothing of it may be there. */
static int search(struct writing *w, int fd)
{
	AUTO(free_ptr) uint8_t *room = malloc(ROOM);
	size_t kept = 0, at;
	int64_t offset = 0;
	ssize_t n;

	if (!room)
		return cli_error(w->cli, EXIT_FAILED, "no memory");
	while ((n = pread(fd, room + kept, ROOM - kept, offset)) > 0) {
		size_t all = kept + (size_t)n, keep;

		if (needles_find(w->needles, room, all, &at))
			return found(w, room, at, offset - (int64_t)kept);
		offset += n;
		keep = all < NEEDLE_OVERLAP ? all : NEEDLE_OVERLAP;
		memmove(room, room + all - keep, keep);
		kept = keep;
	}
	return n < 0 ? cli_error(w->cli, EXIT_FAILED, "cannot read back what was written: %s", strerror(errno)) : 0;
}

/* Its own descriptor was opened for writing only. */
static int search_file(struct writing *w)
{
	AUTO(close_fd) int fd = -1;
	char self[64];

	if (w->aside >= 0)
		return search(w, w->aside);
	snprintf(self, sizeof(self), "/proc/self/fd/%d", w->file.fd);
	fd = open(self, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? cli_error(w->cli, EXIT_FAILED, "cannot read back what was written: %s", strerror(errno)) : search(w, fd);
}

static int pass_on(struct writing *w)
{
	AUTO(free_ptr) char *room = malloc(READ_AT_ONCE);
	int64_t at = 0;
	ssize_t n;
	int r = 0;

	if (!room)
		return cli_error(w->cli, EXIT_FAILED, "no memory");
	for (; !r && !ferror(stdout) && (n = pread(w->aside, room, READ_AT_ONCE, at)) > 0; at += n)
		r = out_bytes(w->cli, room, (size_t)n);
	return r;
}

static int finish(struct writing *w)
{
	int r = 0;

	if (w->needles && (r = search_file(w)))
		return r;
	if (w->aside >= 0)
		return pass_on(w);
	if (w->file.fd >= 0 && (r = newfile_finish(&w->file, w->to->force)))
		return cannot_write(w->cli, w->to, r);
	return 0;
}

/* Where standard output has no rows on it. */
static void print(const struct writing *w)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	jw_str(&j, "file", w->to->file);
	jw_int(&j, "rows", w->result.rows);
	jw_int(&j, "bytes", w->bytes);
	jw_int(&j, "replaced", w->result.replaced);
	out_object_end(&j);
}

static void tell(const struct writing *w)
{
	const struct tree_losses *l = &w->result.losses;
	char human[HUMAN_SIZE];

	if (l->executables || l->folders)
		cli_note(w->cli, "files_snapshot has no room for %lld executable bits and %lld empty folders", (long long)l->executables,
			 (long long)l->folders);
	if (l->away)
		cli_note(w->cli, "the trees of %lld iterations are in a bucket only and are left out; 'genstore pull' fetches them", (long long)l->away);
	if (w->needles)
		cli_note(w->cli, "searched for %d secrets and for signed addresses: none is left, %lld were replaced by ***", w->needles->values,
			 (long long)w->result.replaced);
	if (w->cli->json && w->file.fd >= 0)
		print(w);
	else
		cli_note(w->cli, "wrote %lld rows, %s", (long long)w->result.rows, human_bytes(w->bytes, human));
}

static int troubles(struct writing *w, int64_t count)
{
	if (count > TROUBLES_TOLD)
		cli_error(w->cli, EXIT_FAILED, "and %lld more", (long long)(count - TROUBLES_TOLD));
	return cli_error(w->cli, EXIT_FAILED, "%lld values cannot be held there; nothing was written%s", (long long)count,
			 strcmp(w->to->file, "-") ? "" : " that can be loaded");
}

static int dump(struct writing *w, dump_form *form, bool no_secrets)
{
	const struct dump_options o = {
		.no_secrets = no_secrets, .without_files = w->to->without_files, .needles = w->needles, .write = write_some, .trouble = tell_trouble, .arg = w,
	};
	struct dump_result result;
	int r;

	progress_begin(&w->bar, w->cli, "exporting", 0);
	r = form(w->cli->st, &o, &result);
	progress_end(&w->bar);
	w->result = result;
	if (ferror(stdout) || w->code)
		return w->code;
	if (r)
		return cli_fail(w->cli, r);
	return result.troubles ? troubles(w, result.troubles) : finish(w);
}

static int run(struct cli *cli, const struct export_to *to, dump_form *form, bool no_secrets)
{
	AUTO(writing_release) struct writing w = { .cli = cli, .to = to, .file = NEWFILE_INIT, .aside = -1 };
	int r;

	if ((to->redact && (r = collect(&w))) || (r = open_output(&w)) || (r = dump(&w, form, no_secrets)))
		return r;
	tell(&w);
	return EXIT_DONE;
}

int export_postgres(struct cli *cli, const struct export_to *to)
{
	return run(cli, to, dump_postgres, to->redact);
}

int export_json(struct cli *cli, const struct export_to *to)
{
	return run(cli, to, dump_json, true);
}
