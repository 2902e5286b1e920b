/* genstore evict */
#include "src/cmd/away.h"
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/rev.h"

struct work {
	struct cli *cli;
	struct remote remote;
	int64_t count, bytes;
};

static void work_release(struct work *w)
{
	remote_release(&w->remote);
}

static void tell_one(const struct cli *cli, const struct generation *g, int64_t stay)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (!cli->json) {
		puts(g->request_id);
		if (stay)
			cli_note(cli, "'%s': %lld earlier iteration%s, which %s in no bucket, stay%s here", g->request_id, (long long)stay,
				 stay == 1 ? "" : "s", stay == 1 ? "is" : "are", stay == 1 ? "s" : "");
		return;
	}
	out_object(&j, &line, "evicted");
	jw_str(&j, "request_id", g->request_id);
	jw_int(&j, "archive_size", g->archive_size);
	jw_int(&j, "iterations_kept", stay);
	out_object_end(&j);
}

static int evict_one(struct work *w, const char *text)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(place_release) struct place place = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	const struct generation *g = &rev.generation;
	struct cli *cli = w->cli;
	int64_t stay = 0;
	int r;

	if ((r = cli_generation(cli, text, &rev)) || (r = away_find(cli, g, &w->remote, &place)))
		return r;
	r = fetch_evict(cli->st, w->remote.s3, g, &place, &stay, &words);
	if (r == -EALREADY) {
		cli_note(cli, "%s", buf_str(&words));
		return EXIT_DONE;
	}
	if (r)
		return cli_error(cli, r == -ENOENT ? EXIT_FAILED : remote_code(r), "cannot evict '%s': %s", g->request_id,
				 *buf_str(&words) ? buf_str(&words) : strerror(-r));
	w->count++;
	w->bytes += g->archive_size;
	tell_one(cli, g, stay);
	return EXIT_DONE;
}

static void tell(const struct work *w)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	if (!w->cli->json) {
		if (w->count)
			cli_note(w->cli, "%lld evicted (%s); 'genstore gc' gives the room to what comes next, 'gc --compact' to the disk",
				 (long long)w->count, human_bytes(w->bytes, human));
		return;
	}
	out_object(&j, &line, "summary");
	jw_int(&j, "evicted", w->count);
	jw_int(&j, "bytes", w->bytes);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc, char **argv)
{
	AUTO(work_release) struct work w = { .cli = cli };
	int done = 0, code = 0, r;

	if ((r = cli_open_writer(cli)))
		return r;
	for (int i = 0; i < argc; i++) {
		r = evict_one(&w, argv[i]);
		done += !r;
		code = code ? code : r;
	}
	tell(&w);
	return code && done ? EXIT_PARTLY : code;
}

const struct command command_evict = {
	.name = "evict", .arguments = "REQ...", .summary = "gives up local bytes of what is in the bucket", .run = run, .min_args = 1, .max_args = -1,
	.more = "First the bucket is asked whether it has what was sent, by ETag and size, or by checksum. Rows, log and metadata.json stay; so do\n"
		"iterations before the last, which are in no bucket. Who reads the archive or its tree fetches it again, 'genstore pull' does so\n"
		"at once. What other generations have of it stays readable.",
};
