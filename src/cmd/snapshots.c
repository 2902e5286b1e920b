/* genstore snapshots */
#include "src/cmd/files_json.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "store/base/utf8.h"

enum { PROMPT_BYTES = 60 };

static struct {
	bool files;
} o;

static const struct opt options[] = {
	{ "files", 0, OPT_FLAG, &o.files, NULL, "with --json: the content of every file" },
	{ 0 },
};

static int print_object(struct cli *cli, const struct iteration *it)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;
	int r;

	if (o.files && it->manifest && (r = manifest_load(cli->st, it->manifest, &m)))
		return cli_fail(cli, r);
	out_object(&j, &line, "snapshot");
	jw_int(&j, "id", it->id);
	jw_int(&j, "iteration_number", it->number);
	jw_str(&j, "snapshot_type", it->snapshot_type);
	jw_str(&j, "prompt_used", it->prompt_used);
	jw_str(&j, "timestamp", it->timestamp);
	out_json(&j, "metadata", it->metadata);
	jw_int(&j, "files", it->files);
	jw_int(&j, "bytes", it->bytes);
	if (!m) {
		out_object_end(&j);
		return 0;
	}
	/* Trees can be larger than memory: the rest is written as it is read. */
	buf_adds(&line, ",\"files_snapshot\":");
	if ((r = out_bytes(cli, line.data, line.len)) || (r = files_json(cli, m)))
		return r;
	puts("}");
	return 0;
}

/* Bytes of the first line, at most PROMPT_BYTES, no character cut. */
static size_t first_words(const char *s)
{
	return s ? utf8_cut(s, strcspn(s, "\n"), PROMPT_BYTES) : 0;
}

static void add_row(struct table *t, const struct iteration *it)
{
	char human[HUMAN_SIZE];

	/* What is no iteration is named by its id: REV@s17. */
	table_cellf(t, it->number ? "%lld" : "s%lld", (long long)(it->number ? it->number : it->id));
	table_cell(t, it->snapshot_type);
	table_cellf(t, "%lld", (long long)it->files);
	table_cell(t, human_bytes(it->bytes, human));
	table_cell(t, it->timestamp);
	table_cellf(t, "%.*s", (int)first_words(it->prompt_used), it->prompt_used ? it->prompt_used : "");
}

static int print_one(struct cli *cli, const struct iteration *it, struct table *t)
{
	if (cli->json)
		return print_object(cli, it);
	add_row(t, it);
	return 0;
}

/* The one that was asked for with @n, else all. */
static int print_all(struct cli *cli, const struct revision *rev, struct table *t)
{
	int64_t last = 0;
	int r;

	for (;;) {
		AUTO(iteration_release) struct iteration it = { 0 };

		r = rev->single ? iteration_get(cli->st, rev->snapshot, &it) :
				     iteration_next(cli->st, rev->generation.id, last, &it);
		if (r < 0)
			return cli_fail(cli, r);
		if (!it.id)
			return 0;
		if ((r = print_one(cli, &it, t)) || rev->single || ferror(stdout))
			return r;
		last = it.id;
	}
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	static const char *const titles[] = { "ITERATION", "TYPE", "FILES", "SIZE", "TIME", "PROMPT" };
	AUTO(revision_release) struct revision rev = { 0 };
	struct table t;
	int r;

	if (o.files && !cli->json)
		return cli_usage(cli, "--files needs --json");
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_revision(cli, argv[0], &rev)))
		return r;
	table_begin(&t, titles, ARRAY_LEN(titles), "rlrrll");
	r = print_all(cli, &rev, &t);
	table_end(&t);
	return r;
}

const struct command command_snapshots = {
	.name = "snapshots", .access = FOR_USERS, .arguments = "REV", .summary = "lists the iterations of a generation", .options = options,
	.run = run, .min_args = 1, .max_args = 1,
};
