/* genstore import: a folder. An archive is import_archive.c's, rows are import_tables.c's. */
#include "src/cmd/import.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/app.h"
#include "store/base/utf8.h"
#include "store/gc.h"
#include "store/revision.h"
#include "store/snapshot.h"
#include "store/base/folders.h"

#include <sys/stat.h>

enum { NAMES_SHOWN = 5 };

static struct {
	const char *app_name, *prompt, *format;
} o;

static const struct opt options[] = {
	{ "app-name", 'a', OPT_TEXT, &o.app_name, "NAME", "the app it becomes the next generation of" },
	{ "prompt", 'p', OPT_TEXT, &o.prompt, "P", "what was asked for, where it is known" },
	{ "format", 0, OPT_TEXT, &o.format, "F", "postgres-csv: rows, from a folder of CSV files that are called like the tables" },
	{ 0 },
};

/* A folder, with its real path; not one that the store itself is in, which would grow while it is read. */
static int check_folder(struct cli *cli, const char *dir, char **ret_real)
{
	AUTO(free_ptr) char *real = realpath(dir, NULL), *store = NULL;
	struct stat sb;
	size_t n;

	if (!real || stat(real, &sb))
		return cli_error(cli, errno == ENOENT ? EXIT_NONE : EXIT_FAILED, "cannot import '%s': %s", dir, strerror(errno));
	store = realpath(cli->store_path, NULL);
	n = strcmp(real, "/") ? strlen(real) : 0;
	if (store && !strncmp(store, real, n) && store[n] == '/')
		return cli_error(cli, EXIT_FAILED, "the store '%s' is in the folder '%s'; keep it elsewhere", store, real);
	*ret_real = MOVE(real);
	return 0;
}

/* $XDG_CACHE_HOME/genstore/stat-<store and folder>; NULL when there is no place for it: then all is read. */
static char *cache_path(const char *store_path, const char *real)
{
	AUTO(free_ptr) char *store = realpath(store_path, NULL);
	AUTO(buf_release) struct buf key = BUF_INIT, path = BUF_INIT;
	const char *cache = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
	char hex[2 * XXH3_SIZE + 1];
	uint8_t hash[XXH3_SIZE];

	if (!store || (!(cache && *cache == '/') && !(home && *home == '/')))
		return NULL;
	buf_addf(&path, "%s%s", cache && *cache == '/' ? cache : home, cache && *cache == '/' ? "" : "/.cache");
	buf_addf(&key, "%s%c%s", store, 0, real);
	xxh3_128(key.data, key.len, hash);
	hex_encode(hash, sizeof(hash), hex);
	buf_addf(&path, "/genstore/stat-%s", hex);
	/* Without the folder there is no cache, and nothing else is lost. */
	folders_above(buf_str(&path), 0700);
	return buf_error(&key) ? NULL : buf_steal(&path);
}

/* The manifest of the app's newest tree, which this one will be like; 0: none. */
static int newest_manifest(struct genstore *st, int64_t *ret_id)
{
	AUTO(revision_release) struct revision rev = { 0 };
	char user[ID_UUID], app[ID_UUID];
	int r;

	*ret_id = 0;
	if ((r = user_find(st, NULL, user)))
		return r;
	if ((r = app_find(st, user, o.app_name, app)) || (r = revision_find(st, user, o.app_name, &rev)))
		return r == -ENOENT ? 0 : r;
	*ret_id = rev.manifest;
	return 0;
}

static void show_progress(void *arg, int64_t files UNUSED, int64_t bytes)
{
	progress_update(arg, bytes, "bytes");
}

static int metadata(const struct left_out *l, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	left_out_json(&j, l);
	jw_end(&j);
	return buf_error(out);
}

struct imported {
	struct snapshot *snapshot;
	struct manifest *manifest;
	struct generation generation;
};

static void imported_release(struct imported *i)
{
	snapshot_free(i->snapshot);
	manifest_unref(i->manifest);
	generation_release(&i->generation);
}

/* The tree into the store, where nothing refers to it yet. */
static int put(struct genstore *st, struct imported *i, struct keep *k)
{
	int r;

	TXN t = txn_begin(&st->db);

	if ((r = t.error) || (r = snapshot_put(st, i->snapshot, &i->manifest)) || (r = gc_epoch(st, &k->epoch)))
		return r;
	return txn_commit(&t);
}

/* Everything is read and sealed before anything is written that could be seen. -ESTALE: again. */
static int take(struct genstore *st, const char *dir, const struct snapshot_options *so, struct imported *ret_i)
{
	const struct generation_request req = {
		.app_name = o.app_name, .prompt = o.prompt, .mode = "single-shot", .type = "new", .max_iterations = 1,
	};
	AUTO(imported_release) struct imported i = { 0 };
	AUTO(keep_release) struct keep k = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	int r;

	if ((r = snapshot_scan(st, dir, so, &i.snapshot)) || (r = metadata(snapshot_left_out(i.snapshot), &text)) ||
	    (r = put(st, &i, &k)) || (r = keep_prepare(st, i.manifest, &k)) ||
	    (r = keep_tree(st, &k, &req, buf_str(&text), &i.generation)))
		return r;
	snapshot_keep(st, i.snapshot);
	*ret_i = i;
	i = (struct imported){ 0 };
	return 0;
}

static int take_often(struct cli *cli, const char *real, struct imported *ret_i)
{
	AUTO(free_ptr) char *cache = cache_path(cli->store_path, real);
	struct progress p;
	struct snapshot_options so = { .cache = cache, .progress = show_progress, .arg = &p };
	int r = newest_manifest(cli->st, &so.near);

	progress_begin(&p, cli, "reading", 0);
	for (int i = 0; i < KEEP_TRIES && (!r || r == -ESTALE) && !ret_i->snapshot; i++)
		r = take(cli->st, real, &so, ret_i);
	progress_end(&p);
	return r;
}

/* The first of the names, which are a JSON array's strings: no `","` can be inside of one. */
static void first_names(const char *names, struct buf *out)
{
	const char *end = names;

	for (int i = 0; i < NAMES_SHOWN && end; i++)
		end = strstr(end + (i > 0), "\",\"");
	utf8_printable(out, names, end ? (size_t)(end + 1 - names) : strlen(names));
	if (end)
		buf_adds(out, ", ...");
}

static void tell_left_out(const struct cli *cli, const struct left_out *l)
{
	AUTO(buf_release) struct buf names = BUF_INIT;

	first_names(buf_str(&l->names), &names);
	if (l->ignored || l->secrets)
		cli_note(cli, "left out: %lld ignored, %lld secret: %s", (long long)l->ignored, (long long)l->secrets,
			 buf_str(&names));
	if (l->changing)
		cli_note(cli, "%lld files changed while they were read; they are kept as read", (long long)l->changing);
}

static void tell(const struct cli *cli, const struct imported *i)
{
	char human[HUMAN_SIZE];

	keep_tell(cli, &i->generation);
	cli_note(cli, "'%s/%lld' has %lld files, %s", i->generation.app_name, (long long)i->generation.generation_number,
		 (long long)i->manifest->files, human_bytes(i->manifest->bytes, human));
	tell_left_out(cli, snapshot_left_out(i->snapshot));
}

/* Everything but a folder is read as an archive, pipes too. */
static bool is_archive(const char *path)
{
	struct stat sb;

	return !strcmp(path, "-") || (!stat(path, &sb) && !S_ISDIR(sb.st_mode));
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(imported_release) struct imported i = { 0 };
	AUTO(free_ptr) char *real = NULL;
	int r;

	if (o.format && strcmp(o.format, "postgres-csv") != 0)
		return cli_usage(cli, "no format '%s'; there is: postgres-csv", o.format);
	if (o.format && (o.app_name || o.prompt))
		return cli_usage(cli, "rows have their apps and prompts: --format goes without --app-name and --prompt");
	if (o.format)
		return import_tables(cli, argv[0]);
	if ((r = keep_check(cli, o.app_name, o.prompt)))
		return r;
	if (is_archive(argv[0]))
		return import_archive(cli, argv[0], o.app_name, o.prompt);
	if ((r = check_folder(cli, argv[0], &real)) || (r = cli_open_writer(cli)))
		return r;
	if ((r = take_often(cli, real, &i)))
		return cli_fail(cli, r);
	tell(cli, &i);
	return EXIT_DONE;
}

const struct command command_import = {
	.name = "import", .access = FOR_USERS, .arguments = "FOLDER|FILE.tar.gz --app-name NAME | --format postgres-csv FOLDER", .summary = "keeps a folder or an archive as a generation", .options = options,
	.run = run, .min_args = 1, .max_args = 1,
};
