/* genstore import --format postgres-csv */
#include "src/cmd/import.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/tables/load.h"
#include "store/access.h"

static void show_progress(void *arg, int64_t rows)
{
	progress_update(arg, rows, "rows");
}

static void print_table(const struct load_counts *c)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "table");
	jw_str(&j, "table", c->table);
	jw_int(&j, "added", c->added);
	jw_int(&j, "same", c->same);
	out_object_end(&j);
}

static void print(const struct load_result *r)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	for (int i = 0; i < r->tables; i++)
		print_table(&r->counts[i]);
	out_object(&j, &line, "summary");
	jw_int(&j, "added", r->added);
	jw_int(&j, "same", r->same);
	jw_int(&j, "kept_as_text", r->texts);
	jw_int(&j, "dropped_values", r->dropped);
	jw_int(&j, "without_secret", r->no_secret);
	jw_int(&j, "sealed", r->sealed);
	out_object_end(&j);
}

static void tell(const struct cli *cli, const struct load_result *r)
{
	static const char *const others = "those of other stores do not open here";

	for (int i = 0; i < r->tables; i++)
		cli_note(cli, "%s: %lld rows, %lld were there", r->counts[i].table, (long long)r->counts[i].added, (long long)r->counts[i].same);
	if (r->dropped)
		cli_note(cli, "%lld values of download_url and conversation were left out: the schema has no such columns any more", (long long)r->dropped);
	if (r->texts)
		cli_note(cli, "the files_snapshot of %lld iterations cannot be a tree and is kept as text", (long long)r->texts);
	if (r->no_secret)
		cli_note(cli, "%lld rows were left out: the secret that they are there for is not in them", (long long)r->no_secret);
	if (r->sealed)
		cli_note(cli, "%lld secrets are sealed as they came; %s", (long long)r->sealed, others);
}

int import_tables(struct cli *cli, const char *folder)
{
	struct progress p;
	const struct load_options o = { .progress = show_progress, .arg = &p };
	struct load_result result;
	int r;

	if ((r = cli_open_writer(cli)))
		return r;
	if (access_is_limited(cli->st))
		return cli_error(cli, EXIT_FAILED, "rows of all users can be imported by the owner of the store only, without a token");
	progress_begin(&p, cli, "importing", 0);
	r = load_folder(cli->st, folder, &o, &result);
	progress_end(&p);
	if (r == -ENOENT)
		return cli_error(cli, EXIT_NONE, "%s", genstore_errmsg(cli->st));
	if (r == -EEXIST || r == -EINVAL)
		return cli_error(cli, EXIT_FAILED, "%s", genstore_errmsg(cli->st));
	if (r)
		return cli_fail(cli, r);
	if (cli->json)
		print(&result);
	else
		tell(cli, &result);
	return EXIT_DONE;
}
