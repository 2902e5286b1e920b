/* genstore recover */
#include "src/cmd/keep.h"
#include "src/cmd/out.h"
#include "src/cmd/recover_artifacts.h"
#include "src/cmd/remote.h"
#include "src/facts/tree.h"
#include "src/sync/fetch.h"
#include "store/base/utf8.h"

enum { AT_ONCE = S3_PARALLEL };

static struct { bool all; } o;

static const struct opt options[] = {
	{ "all", 'a', OPT_FLAG, &o.all, NULL, "the archives too, not only what is known of them" },
	{ 0 },
};

/* What the bucket has of one request id; names come in order, so the objects of one follow each other. */
struct listed { char *request_id, *etag; int64_t archive; bool metadata; }; /* archive: its size, -1: there is none */

struct work {
	struct cli *cli;
	struct remote remote;
	struct listed *list;
	size_t count, cap, prefix;
	int64_t recovered, here, incomplete, failed, bytes, away; /* away: bytes that are left in the bucket */
	int code;         /* of the first that failed */
	struct pull *begun[AT_ONCE];
	size_t begun_count, next;
	struct progress bar;
	struct recovered artifacts;
};

static void work_release(struct work *w)
{
	for (size_t i = 0; i < w->begun_count; i++)
		pull_free(w->begun[i]);
	for (size_t i = 0; i < w->count; i++) {
		free(w->list[i].request_id);
		free(w->list[i].etag);
	}
	free(w->list);
	remote_release(&w->remote);
}

static struct listed *entry(struct work *w, const char *id, size_t n)
{
	struct listed *last = w->count ? &w->list[w->count - 1] : NULL;

	if (last && strlen(last->request_id) == n && !memcmp(last->request_id, id, n))
		return last;
	if (w->count == w->cap) {
		size_t cap = w->cap ? 2 * w->cap : 256;
		struct listed *more = reallocarray(w->list, cap, sizeof(*more));

		if (!more)
			return NULL;
		w->list = more;
		w->cap = cap;
	}
	w->list[w->count] = (struct listed){ .request_id = strndup(id, n), .archive = -1 };
	return w->list[w->count].request_id ? &w->list[w->count++] : NULL;
}

static int note_object(void *arg, const struct s3_object *object)
{
	struct work *w = arg;
	const char *id = object->key + w->prefix, *slash = strlen(object->key) > w->prefix ? strchr(id, '/') : NULL;
	bool archive = slash && !strcmp(slash + 1, job_names[0]), metadata = slash && !strcmp(slash + 1, job_names[1]);
	struct listed *l;

	if (!archive && !metadata)
		return 0;
	if (!(l = entry(w, id, (size_t)(slash - id))))
		return -ENOMEM;
	if (archive) {
		free(l->etag);
		l->archive = object->size;
		if (!(l->etag = strdup(object->etag)))
			return -ENOMEM;
	} else {
		l->metadata = true;
	}
	return 0;
}

static int list_page(struct work *w, const char *prefix, char **token)
{
	AUTO(free_ptr) char *before = *token;
	struct s3_call c;
	int r;

	*token = NULL;
	s3_list(&c, prefix, 0, before);
	if ((r = s3_wait(w->remote.s3, &c)))
		r = cli_error(w->cli, remote_code(r), "cannot list the bucket: %s", buf_str(&c.answer.words));
	else if ((r = s3_list_read(&c.answer, note_object, w, token)))
		r = cli_error(w->cli, EXIT_REMOTE, "cannot list the bucket: its answer is no listing");
	s3_call_release(&c);
	return r;
}

static int list_all(struct work *w)
{
	AUTO(free_ptr) char *prefix = job_key(&w->remote.set, "", ""), *token = NULL;
	int r = 0;

	if (!prefix)
		return cli_error(w->cli, EXIT_FAILED, "no memory");
	/* "generations//" but for the name in the middle. */
	prefix[strlen(prefix) - 1] = '\0';
	w->prefix = strlen(prefix);
	do {
		r = list_page(w, prefix, &token);
	} while (!r && token);
	return r;
}


static void say(struct work *w, const char *request_id, const char *words)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	progress_end(&w->bar);
	if (!w->cli->json) {
		utf8_printable(&line, request_id, strlen(request_id));
		cli_note(w->cli, "'%s' %s", buf_str(&line), words);
		return;
	}
	out_object(&j, &line, "skipped");
	jw_str(&j, "request_id", request_id);
	jw_str(&j, "message", words);
	out_object_end(&j);
}

static void note_recovered(struct work *w, const struct generation *g)
{
	int r;

	progress_end(&w->bar);
	if (!g->away && (r = tree_note_schema(w->cli->st, g->id)))
		cli_debug(w->cli, "the tables of '%s' were not noted: %s", g->request_id, strerror(-r));
	keep_tell(w->cli, g);
	w->recovered++;
	w->bytes += g->away ? 0 : g->archive_size;
	w->away += g->away ? g->archive_size : 0;
}

static void note_failed(struct work *w, const char *request_id, int r, const struct buf *words)
{
	w->failed++;
	w->code = w->code ? w->code : remote_code(r);
	say(w, request_id, *buf_str(words) ? buf_str(words) : strerror(-r));
}

/* Recovered before without its bytes, or evicted, from this bucket. */
static void fetch_now(struct work *w, struct generation *g)
{
	AUTO(place_release) struct place place = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r = fetch_find(w->cli->st, g, &place, &words);

	if (!r && strcmp(place.objects[0].bucket, w->remote.set.bucket)) {
		w->here++;
		return;
	}
	if (!r)
		r = fetch_back(w->cli->st, w->remote.s3, g, &place, NULL, &words);
	if (r) {
		note_failed(w, g->request_id, r, &words);
		return;
	}
	g->away = false;
	note_recovered(w, g);
}

static bool is_here(struct work *w, const char *request_id)
{
	AUTO(generation_release) struct generation g = { 0 };

	if (generation_by_request(w->cli->st, request_id, &g))
		return false;
	if (o.all && g.away)
		fetch_now(w, &g);
	else
		w->here++;
	return true;
}

/* The next that is worth it, begun; 1, 0: there is none. */
static int begin_next(struct work *w)
{
	while (w->next < w->count) {
		const struct listed *l = &w->list[w->next++];
		int r;

		if (!id_is_request(l->request_id) || !l->metadata || l->archive < 0) {
			w->incomplete++;
			say(w, l->request_id, !l->metadata ? "has no metadata.json: it was not sent to its end" :
			       l->archive < 0 ? "has no app.tar.gz" : "cannot be a request id");
			continue;
		}
		if (is_here(w, l->request_id))
			continue;
		r = pull_new(w->cli->st, w->remote.s3, &w->remote.set, l->request_id,
			     &(struct pull_archive){ .size = l->archive, .etag = l->etag, .later = !o.all }, &w->begun[w->begun_count]);
		w->begun_count += !r;
		return r ? r : 1;
	}
	return 0;
}

static void finish_first(struct work *w)
{
	struct pull *p = w->begun[0];
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf words = BUF_INIT;
	int r = pull_finish(p, NULL, &g, &words);

	if (r) {
		note_failed(w, pull_request_id(p), r, &words);
	} else {
		note_recovered(w, &g);
		if (words.len)
			say(w, g.request_id, buf_str(&words));
	}
	pull_free(p);
	w->begun_count--;
	memmove(w->begun, w->begun + 1, w->begun_count * sizeof(*w->begun));
}

static int recover(struct work *w)
{
	int r = 1;

	progress_begin(&w->bar, w->cli, "recovering", (int64_t)w->count);
	while (r > 0 || (!r && w->begun_count)) {
		while (r > 0 && w->begun_count < AT_ONCE)
			r = begin_next(w);
		if (r >= 0 && w->begun_count)
			finish_first(w);
		progress_update(&w->bar, w->recovered + w->here + w->failed, "generations");
	}
	progress_end(&w->bar);
	return r ? cli_error(w->cli, EXIT_FAILED, "no memory") : 0;
}

static int tell(struct work *w)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char human[HUMAN_SIZE];
	struct jw j;

	if (w->cli->json) {
		out_object(&j, &line, "summary");
		jw_int(&j, "recovered", w->recovered);
		jw_int(&j, "already_here", w->here);
		jw_int(&j, "incomplete", w->incomplete);
		jw_int(&j, "failed", w->failed);
		jw_int(&j, "bytes", w->bytes);
		jw_int(&j, "bytes_in_bucket", w->away);
		jw_int(&j, "artifacts_recovered", w->artifacts.recovered);
		jw_int(&j, "artifacts_here", w->artifacts.here);
		jw_int(&j, "artifacts_failed", w->artifacts.failed);
		out_object_end(&j);
	} else {
		cli_note(w->cli, "%lld recovered (%s), %lld were here already, %lld are not complete in the bucket", (long long)w->recovered,
			 human_bytes(w->bytes, human), (long long)w->here, (long long)w->incomplete);
		if (w->artifacts.recovered + w->artifacts.here)
			cli_note(w->cli, "%lld artifacts recovered (%s), %lld were here already", (long long)w->artifacts.recovered,
				 human_bytes(w->artifacts.bytes, human), (long long)w->artifacts.here);
		if (w->away)
			cli_note(w->cli, "%s of archives stay in the bucket until they are read; 'recover --all' fetches them now",
				 human_bytes(w->away, human));
		if (w->recovered)
			cli_note(w->cli, "not in the bucket, and so not known: prompts, logs, costs, iterations before the last, who asked");
	}
	w->failed += w->artifacts.failed;
	w->code = w->code ? w->code : w->artifacts.code;
	w->recovered += w->artifacts.recovered;
	if (!w->failed)
		return EXIT_DONE;
	return cli_error(w->cli, w->recovered || w->here ? EXIT_PARTLY : w->code, "%lld could not be recovered; run it again, it adds what is missing",
			 (long long)w->failed);
}

/* s3://BUCKET[/PREFIX]; where the prefix ends in generations/, that is understood too. */
static int parse(struct cli *cli, const char *url, char **ret_bucket, char **ret_prefix)
{
	size_t n = strncmp(url, "s3://", 5) ? 0 : strcspn(url + 5, "/");
	AUTO(free_ptr) char *bucket = n ? strndup(url + 5, n) : NULL, *prefix = n ? strdup(url + 5 + n + (url[5 + n] == '/')) : NULL;
	size_t length = prefix ? strlen(prefix) : 0;

	if (!n)
		return cli_usage(cli, "'%s' is no s3://BUCKET[/PREFIX]", url);
	if (!bucket || !prefix)
		return cli_error(cli, EXIT_FAILED, "no memory");
	while (length && prefix[length - 1] == '/')
		prefix[--length] = '\0';
	if (length >= 11 && !strcmp(prefix + length - 11, "generations") && (length == 11 || prefix[length - 12] == '/'))
		prefix[length - 11] = '\0';
	*ret_bucket = MOVE(bucket);
	*ret_prefix = MOVE(prefix);
	return 0;
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(work_release) struct work w = { .cli = cli };
	AUTO(free_ptr) char *bucket = NULL, *prefix = NULL;
	int r;

	if ((r = parse(cli, argv[0], &bucket, &prefix)) || (cli->store_is_default && (r = cli_make_default(cli))) || (r = cli_open_writer(cli)) ||
	    (r = remote_open(cli, bucket, prefix, &w.remote)) || (r = list_all(&w)) || (r = recover(&w)) ||
	    (r = recover_artifacts(cli, &w.remote, &w.artifacts)))
		return r;
	return tell(&w);
}

const struct command command_recover = {
	.name = "recover", .arguments = "s3://BUCKET[/PREFIX]", .summary = "makes a store of what is in a bucket", .options = options, .run = run,
	.min_args = 1, .max_args = 1,
	.more = "All generations and artifacts of the bucket that are not in the store are added; an archive stays in the bucket until it is first read, or\n"
		"pulled, unless --all. Run again, it adds only what is new, and with --all fetches what is still missing. Stores that\n"
		"were recovered from one bucket can go on by themselves and be recovered into each other.",
};
