/* genstore gc */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "store/evict.h"
#include "store/gc.h"

static struct {
	bool compact, dry_run;
} o;

static const struct opt options[] = {
	{ "compact", 0, OPT_FLAG, &o.compact, NULL, "give the space back too: writes the file anew" },
	{ "dry-run", 'n', OPT_FLAG, &o.dry_run, NULL, "only say what would go" },
	{ 0 },
};

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct progress *p = arg;

	p->total = total;
	progress_update(p, done, "rows");
}

struct sizes {
	int64_t before, after; /* of the file; 0: it was not compacted */
	int64_t evicted;       /* generations */
};

static void tell_object(const struct gc_result *g, const struct sizes *s)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	jw_bool(&j, "dry_run", o.dry_run);
	jw_int(&j, "seals", g->seals);
	jw_int(&j, "manifests", g->manifests);
	jw_int(&j, "contents", g->contents);
	jw_int(&j, "pieces", g->pieces);
	jw_int(&j, "indexes", g->indexes);
	jw_int(&j, "bytes", g->bytes);
	jw_int(&j, "evicted", s->evicted);
	if (s->before) {
		jw_int(&j, "file_bytes_before", s->before);
		jw_int(&j, "file_bytes_after", s->after);
	}
	out_object_end(&j);
}

static void tell(const struct cli *cli, const struct gc_result *g, const struct sizes *s)
{
	char human[HUMAN_SIZE], after[HUMAN_SIZE];

	if (cli->json) {
		tell_object(g, s);
		return;
	}
	cli_note(cli, "%s %lld contents, %lld trees, %lld archives, %lld pieces: %s", o.dry_run ? "would remove" : "removed",
		 (long long)g->contents, (long long)g->manifests, (long long)g->seals, (long long)g->pieces,
		 human_bytes(g->bytes, human));
	if (s->evicted)
		cli_note(cli, "%lld generation%s evicted: what only %s had is not kept", (long long)s->evicted, s->evicted == 1 ? " is" : "s are",
			 s->evicted == 1 ? "it" : "they");
	if (s->before)
		cli_note(cli, "the file had %s, has %s now", human_bytes(s->before, human), human_bytes(s->after, after));
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	struct gc_result result = { 0 };
	struct sizes sizes = { 0 };
	struct progress p;
	const struct gc_options go = { .dry_run = o.dry_run, .progress = show_progress, .arg = &p };
	int r;

	if (o.compact && o.dry_run)
		return cli_usage(cli, "--compact and --dry-run exclude each other");
	if ((r = o.dry_run ? cli_open(cli, GENSTORE_READ_ONLY) : cli_open_writer(cli)))
		return r;
	progress_begin(&p, cli, "looking for what is unused", 0);
	r = gc_run(cli->st, &go, &result);
	progress_end(&p);
	if (!r)
		r = evict_count(cli->st, &sizes.evicted);
	if (r || (o.compact && (r = gc_compact(cli->st, &sizes.before, &sizes.after))))
		return cli_fail(cli, r);
	tell(cli, &result, &sizes);
	return EXIT_DONE;
}

const struct command command_gc = {
	.name = "gc", .arguments = "", .summary = "removes bytes that nothing refers to", .options = options, .run = run,
};
