/* genstore check */
#include "src/cmd/out.h"
#include "src/cmd/remote.h"
#include "src/sync/compare.h"
#include "store/base/utf8.h"
#include "store/check.h"

static struct {
	bool read_data, remote;
} o;

static const struct opt options[] = {
	{ "read-data", 0, OPT_FLAG, &o.read_data, NULL, "read and compare every stored byte" },
	{ "remote", 0, OPT_FLAG, &o.remote, NULL, "compare what is in the bucket with what was sent, by its listing" },
	{ 0 },
};

struct work {
	struct cli *cli;
	struct progress progress;
};

static void tell_problem(void *arg, const char *kind, const char *subject, const char *words)
{
	struct work *w = arg;
	AUTO(buf_release) struct buf line = BUF_INIT, safe = BUF_INIT;
	struct jw j;

	progress_end(&w->progress);
	if (w->cli->json) {
		out_object(&j, &line, "problem");
		jw_str(&j, "kind", kind);
		jw_str(&j, "subject", subject);
		jw_str(&j, "message", words);
		out_object_end(&j);
		return;
	}
	buf_addf(&line, "%s '%s': %s", kind, subject, words);
	utf8_printable(&safe, buf_str(&line), line.len);
	puts(buf_str(&safe));
}

static void show_progress(void *arg, int64_t done, int64_t total)
{
	struct work *w = arg;

	w->progress.total = total;
	progress_update(&w->progress, done, "rows");
}

static void summary(const struct check_result *c)
{
	const struct { const char *name; int64_t value; } numbers[] = {
		{ "problems", c->problems }, { "generations", c->generations }, { "evicted", c->evicted }, { "iterations", c->iterations },
		{ "events", c->events }, { "artifacts", c->artifacts }, { "audit_rows", c->audit_rows },
		{ "seals", c->seals }, { "manifests", c->manifests }, { "contents", c->contents }, { "pieces", c->pieces }, { "bytes", c->bytes },
		{ "unused_pieces", c->unused.pieces }, { "unused_bytes", c->unused.bytes },
	};
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	jw_bool(&j, "read_data", o.read_data);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		jw_int(&j, numbers[i].name, numbers[i].value);
	out_object_end(&j);
}

static const char *plural(int64_t n)
{
	return n == 1 ? "" : "s";
}

static void tell(const struct cli *cli, const struct check_result *c)
{
	char human[HUMAN_SIZE];

	if (cli->json) {
		summary(c);
		return;
	}
	cli_note(cli, "looked at %lld generation%s, %lld iteration%s, %lld content%s, %lld piece%s", (long long)c->generations,
		 plural(c->generations), (long long)c->iterations, plural(c->iterations), (long long)c->contents, plural(c->contents),
		 (long long)c->pieces, plural(c->pieces));
	if (c->evicted)
		cli_note(cli, "%lld generation%s evicted: the archive is in the bucket only; --remote looks whether it is there", (long long)c->evicted,
			 c->evicted == 1 ? " is" : "s are");
	if (o.read_data)
		cli_note(cli, "read %s", human_bytes(c->bytes, human));
	if (c->unused.bytes)
		cli_note(cli, "%s are not used any more; 'genstore gc' removes them", human_bytes(c->unused.bytes, human));
	if (!c->problems)
		cli_note(cli, "no problems%s", o.read_data ? "" : "; --read-data looks at every byte too");
}

static void tell_remote(void *arg, const char *key, const char *words)
{
	tell_problem(arg, "remote", key, words);
}

static void tell_compared(const struct cli *cli, const struct remote *remote, const struct compare_result *c)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		cli_note(cli, "compared %lld object%s of the bucket '%s'; it has %lld more that this store knows nothing of",
			 (long long)c->objects, plural(c->objects), remote->set.bucket, (long long)c->unknown);
		return;
	}
	out_object(&j, &line, "summary");
	jw_str(&j, "bucket", remote->set.bucket);
	jw_int(&j, "objects", c->objects);
	jw_int(&j, "problems", c->problems);
	jw_int(&j, "unknown", c->unknown);
	out_object_end(&j);
}

static int check_remote(struct work *w)
{
	AUTO(remote_release) struct remote remote = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	struct compare_result c;
	struct cli *cli = w->cli;
	int r = remote_open(cli, NULL, NULL, &remote);

	if (r)
		return r;
	if ((r = compare_remote(cli->st, remote.s3, &remote.set, tell_remote, w, &c, &words)))
		return cli_error(cli, remote_code(r), "%s", *buf_str(&words) ? buf_str(&words) : strerror(-r));
	tell_compared(cli, &remote, &c);
	if (c.problems)
		return cli_error(cli, EXIT_FAILED, "%lld object%s of the bucket '%s' %s not what was sent", (long long)c.problems,
				 plural(c.problems), remote.set.bucket, c.problems == 1 ? "is" : "are");
	return EXIT_DONE;
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	struct work w = { .cli = cli };
	const struct check_options co = { .problem = tell_problem, .progress = show_progress, .arg = &w };
	struct check_result result = { 0 };
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	progress_begin(&w.progress, cli, "checking", 0);
	r = check_store(cli->st, o.read_data ? CHECK_READ_DATA : 0, &co, &result);
	progress_end(&w.progress);
	if (r && (r != -EUCLEAN || !result.problems))
		return cli_fail(cli, r);
	tell(cli, &result);
	if (result.problems)
		return cli_error(cli, EXIT_DAMAGED, "'%s' is damaged: %lld problem%s; restore it from a backup", cli->store_path,
				 (long long)result.problems, result.problems == 1 ? "" : "s");
	return o.remote ? check_remote(&w) : EXIT_DONE;
}

const struct command command_check = {
	.name = "check", .arguments = "", .summary = "looks for damage", .options = options, .run = run,
};
