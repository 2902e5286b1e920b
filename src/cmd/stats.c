/* genstore stats */
#include "src/cmd/out.h"
#include "store/stats.h"

static void print_object(const struct cli *cli, const struct store_stats *s)
{
	const struct { const char *name; int64_t value; } numbers[] = {
		{ "users", s->users }, { "apps", s->apps }, { "generations", s->generations }, { "completed", s->completed },
		{ "iterations", s->iterations }, { "events", s->events }, { "archives", s->archives }, { "foreign_archives", s->foreign },
		{ "archive_bytes", s->archive_bytes }, { "evicted", s->evicted }, { "evicted_bytes", s->evicted_bytes }, { "contents", s->contents }, { "content_bytes", s->content_bytes },
		{ "organizations", s->organizations }, { "sessions", s->sessions }, { "artifacts", s->artifacts },
		{ "artifact_bytes", s->artifact_bytes }, { "pieces", s->pieces }, { "stored_bytes", s->stored_bytes }, { "logical_bytes", s->logical_bytes },
		{ "file_bytes", s->file_bytes }, { "page_size", s->page_size }, { "free_pages", s->free_pages },
	};
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	jw_str(&j, "store", cli->store_path);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		jw_int(&j, numbers[i].name, numbers[i].value);
	jw_real(&j, "ratio", s->ratio);
	out_object_end(&j);
}

static void print_text(const struct store_stats *s)
{
	char a[HUMAN_SIZE], b[HUMAN_SIZE];

	printf("users            %lld\n", (long long)s->users);
	printf("apps             %lld\n", (long long)s->apps);
	printf("generations      %lld, %lld completed\n", (long long)s->generations, (long long)s->completed);
	printf("iterations       %lld: %s of files\n", (long long)s->iterations, human_bytes(s->logical_bytes, a));
	printf("archives         %lld: %s; %lld as they were handed in\n", (long long)s->archives, human_bytes(s->archive_bytes, a),
	       (long long)s->foreign);
	if (s->evicted)
		printf("evicted          %lld of them, %s: in the bucket only\n", (long long)s->evicted, human_bytes(s->evicted_bytes, a));
	if (s->artifacts)
		printf("artifacts        %lld in %lld sessions of %lld organizations: %s\n", (long long)s->artifacts, (long long)s->sessions,
		       (long long)s->organizations, human_bytes(s->artifact_bytes, a));
	printf("different files  %lld: %s\n", (long long)s->contents, human_bytes(s->content_bytes, a));
	printf("kept as          %lld pieces: %s\n", (long long)s->pieces, human_bytes(s->stored_bytes, a));
	if (s->ratio > 0)
		printf("ratio            %.1f: what the files would take, to what they do\n", s->ratio);
	printf("log lines        %lld\n", (long long)s->events);
	printf("store            %s, %s of it free\n", human_bytes(s->file_bytes, a), human_bytes(s->free_pages * s->page_size, b));
}

static int run(struct cli *cli, int argc UNUSED, char **argv UNUSED)
{
	struct store_stats stats;
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)))
		return r;
	if ((r = stats_read(cli->st, &stats)))
		return cli_fail(cli, r);
	if (cli->json)
		print_object(cli, &stats);
	else
		print_text(&stats);
	return EXIT_DONE;
}

const struct command command_stats = {
	.name = "stats", .arguments = "", .summary = "says what the store holds and how large it is", .run = run,
};
