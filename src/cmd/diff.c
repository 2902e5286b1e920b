/* genstore diff */
#include "src/cmd/diff_facts.h"
#include "src/cmd/out.h"
#include "src/cmd/patch.h"
#include "src/cmd/rev.h"
#include "store/base/utf8.h"
#include "store/foreign.h"

static struct {
	bool stat, patch, summary, exit_code;
} o;

static const struct opt options[] = {
	{ "stat", 0, OPT_FLAG, &o.stat, NULL, "sizes, and a sum" },
	{ "patch", 'p', OPT_FLAG, &o.patch, NULL, "the changed lines, as diff -u prints them" },
	{ "summary", 0, OPT_FLAG, &o.summary, NULL, "only what changed in dependencies, tables and routes" },
	{ "exit-code", 0, OPT_FLAG, &o.exit_code, NULL, "exit with 1 when there is a difference" },
	{ 0 },
};

struct work {
	struct cli *cli;
	const struct manifest *a, *b;
	int64_t added, removed, modified, bytes_a, bytes_b;
	struct table sizes;
	struct diff_facts facts;
	int failed; /* to find facts */
};

static void work_release(struct work *w)
{
	diff_facts_release(&w->facts);
}

/* Of folders only empty ones are worth a line: the others show by what is in them. */
static bool is_shown(const struct manifest *m, const struct entry *e)
{
	size_t i;

	if (e->type != TAR_DIR)
		return true;
	i = (size_t)(e - m->entries);
	return manifest_skip(m, i) == i + 1;
}

/* e is b where there is one, else a. */
static void print_object(char letter, const struct entry *a, const struct entry *b, const struct entry *e)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	const char status[2] = { letter, '\0' };
	struct jw j;

	out_object(&j, &line, "change");
	jw_str(&j, "status", status);
	jw_strn(&j, "path", e->path, e->path_len);
	if (a && a->type == TAR_FILE)
		jw_int(&j, "old_size", a->size);
	if (b && b->type == TAR_FILE)
		jw_int(&j, "new_size", b->size);
	out_object_more(&j);
}

static void print_line(char letter, const struct entry *e)
{
	AUTO(buf_release) struct buf path = BUF_INIT;

	utf8_printable(&path, e->path, e->path_len);
	printf("%c\t%s\n", letter, buf_str(&path));
}

static void add_sizes(struct table *t, char letter, const struct entry *a, const struct entry *b)
{
	char human[HUMAN_SIZE];

	table_cellf(t, "%c", letter);
	table_cell(t, a && a->type == TAR_FILE ? human_bytes(a->size, human) : NULL);
	table_cell(t, b && b->type == TAR_FILE ? human_bytes(b->size, human) : NULL);
	table_cell(t, b ? b->path : a->path);
}

static int one_change(void *arg, enum manifest_change change, const struct entry *a, const struct entry *b)
{
	struct work *w = arg;
	char letter = (char)change;

	/* A file that cannot be read is told when all are listed. */
	if (!o.patch && !w->failed)
		w->failed = diff_facts_note(&w->facts, a, b);
	if (!(b ? is_shown(w->b, b) : is_shown(w->a, a)))
		return 0;
	*(letter == 'A' ? &w->added : letter == 'D' ? &w->removed : &w->modified) += 1;
	w->bytes_a += a ? a->size : 0;
	w->bytes_b += b ? b->size : 0;
	if (o.summary)
		return 0;
	if (w->cli->json)
		print_object(letter, a, b, b ? b : a);
	else if (o.patch)
		return patch_print(w->cli, a, b);
	else if (o.stat)
		add_sizes(&w->sizes, letter, a, b);
	else
		print_line(letter, b ? b : a);
	/* Whoever reads it has left. */
	return ferror(stdout) ? -EPIPE : 0;
}

static void print_sum(const struct work *w)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char old[HUMAN_SIZE], new[HUMAN_SIZE];
	struct jw j;

	if (w->cli->json) {
		out_object(&j, &line, "summary");
		jw_int(&j, "added", w->added);
		jw_int(&j, "modified", w->modified);
		jw_int(&j, "removed", w->removed);
		jw_int(&j, "old_bytes", w->bytes_a);
		jw_int(&j, "new_bytes", w->bytes_b);
		jw_int(&j, "dependencies", w->facts.counts[FACT_DEPENDENCY]);
		jw_int(&j, "tables", w->facts.counts[FACT_TABLE]);
		jw_int(&j, "routes", w->facts.counts[FACT_ROUTE]);
		out_object_end(&j);
	} else if (o.stat) {
		printf("%lld added, %lld modified, %lld removed: %s, before %s\n", (long long)w->added, (long long)w->modified,
		       (long long)w->removed, human_bytes(w->bytes_b, new), human_bytes(w->bytes_a, old));
	}
}

/* All that is told, as it is found. 0, an exit code, or -errno: -EPIPE when whoever reads it has left. */
static int compare(struct work *w)
{
	static const char *const titles[] = { " ", "BEFORE", "AFTER", "PATH" };
	int r;

	table_begin(&w->sizes, titles, ARRAY_LEN(titles), "lrrl");
	r = foreign_diff(w->cli->st, w->a, w->b, one_change, w);
	table_end(&w->sizes);
	if (!r)
		r = w->failed;
	if (!r)
		r = diff_facts_end(&w->facts, w->a, w->b);
	return r;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev_a = { 0 }, rev_b = { 0 };
	AUTO(manifest_unrefp) struct manifest *a = NULL, *b = NULL;
	AUTO(work_release) struct work w = { .cli = cli };
	int r;

	if (o.stat + o.patch + o.summary > 1)
		return cli_usage(cli, "--stat, --patch and --summary exclude each other");
	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_tree(cli, argv[0], &rev_a, &a)) ||
	    (r = cli_tree(cli, argv[1], &rev_b, &b)))
		return r;
	w.a = a;
	w.b = b;
	if ((r = diff_facts_init(&w.facts, cli->st)) || (r = compare(&w)))
		return r > 0 ? r : r == -EPIPE || ferror(stdout) ? EXIT_DONE : cli_fail(cli, r);
	if (!cli->json)
		print_sum(&w);
	w.facts.shown = !o.summary && w.added + w.modified + w.removed;
	if ((r = diff_facts_tell(cli, &w.facts)))
		return cli_fail(cli, r);
	if (cli->json)
		print_sum(&w);
	return o.exit_code && w.added + w.modified + w.removed ? EXIT_FAILED : EXIT_DONE;
}

const struct command command_diff = {
	.name = "diff", .access = FOR_USERS, .arguments = "REV REV", .summary = "says what changed from one tree to another", .options = options,
	.run = run, .min_args = 2, .max_args = 2,
};
