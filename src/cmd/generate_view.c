#include "src/cmd/generate_view.h"
#include "store/base/utf8.h"
#if HAVE_FUSE
#include "fs/mounts.h"
#endif

#include <jansson.h>

#define RULE "════════════════════════════════════════════════════════════"
enum { PROGRESS_MS = 200, STATUS_COLUMNS = 70 };

#if HAVE_FUSE
struct search {
	const char *store;
	char *point;
};

static int is_ours(void *arg, const struct mount_entry *m)
{
	struct search *s = arg;

	if (!m->genstore || strcmp(m->source, s->store) != 0)
		return 0;
	s->point = strdup(m->target);
	return 1;
}

static char *find_mount(const char *store)
{
	AUTO(free_ptr) char *path = realpath(store, NULL);
	struct search s = { .store = path };

	/* A banner without its mount is still a banner. */
	return path && mounts_each(is_ours, &s) == 1 ? s.point : NULL;
}
#else
static char *find_mount(const char *store UNUSED)
{
	return NULL;
}
#endif

/* What a user has to say so that a command meets this store. */
static int store_option(const struct cli *cli, char **ret_text)
{
	const char *given = getenv("GENSTORE_STORE"), *p = cli->store_path;
	AUTO(buf_release) struct buf b = BUF_INIT;

	if (!cli->store_is_default && !(given && strcmp(given, p) == 0)) {
		bool plain = strspn(p, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-") == strlen(p);

		buf_adds(&b, plain ? "--store " : "--store '");
		for (; *p; p++)
			buf_adds(&b, *p == '\'' ? "'\\''" : (const char[]){ *p, '\0' });
		buf_adds(&b, plain ? " " : "' ");
	}
	*ret_text = buf_steal(&b);
	return *ret_text ? 0 : -ENOMEM;
}

int view_init(struct view *v, struct cli *cli, bool no_env)
{
	*v = (struct view){ .cli = cli, .no_env = no_env, .mountpoint = find_mount(cli->store_path), .percentage = -1 };
	v->bar = isatty(STDERR_FILENO) && !cli->json && cli->verbosity >= 0;
	return store_option(cli, &v->options);
}

void view_release(struct view *v)
{
	free(v->request_id);
	free(v->options);
	free(v->mountpoint);
}

static void clear_status(struct view *v)
{
	if (v->shown)
		fputs("\r\033[K", stderr);
	v->shown = false;
}

static void show_status(struct view *v, const char *text, size_t n)
{
	enum { CELLS = 20 };
	static const char full[] = "####################", empty[] = "....................";
	AUTO(buf_release) struct buf line = BUF_INIT, clean = BUF_INIT;
	size_t columns = 0, end = 0;

	if (v->of > 1)
		buf_addf(&line, "[%lld/%lld] ", (long long)min_i64(v->iteration + 1, v->of), (long long)v->of);
	if (v->percentage >= 0) {
		int cells = (int)(v->percentage * CELLS / 100);

		buf_addf(&line, "[%.*s%.*s] %3.0f %% ", cells, full, CELLS - cells, empty, v->percentage);
	}
	buf_add(&line, text, utf8_cut(text, n, 8 * STATUS_COLUMNS));
	utf8_printable(&clean, buf_str(&line), line.len);
	for (const char *s = buf_str(&clean); s[end] && columns < STATUS_COLUMNS; columns++)
		do
			end++;
		while (((uint8_t)s[end] & 0xc0) == 0x80);
	fprintf(stderr, "\r\033[K%.*s", (int)end, buf_str(&clean));
	v->shown = true;
}

static void banner(struct view *v, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	if (v->cli->json) {
		out_object(&j, &line, "generation");
		out_generation(&j, g);
		out_object_end(&j);
		return;
	}
	if (v->cli->verbosity < 0) {
		/* For scripts: the one thing to go on with. */
		printf("%s\n", g->request_id);
		fflush(stdout);
		return;
	}
	utf8_printable(&line, g->app_name, strlen(g->app_name));
	printf("%s\n  genstore - App Generator\n%s\n\n  Request ID: %s\n  App Name: %s\n\n  Artifacts (on completion):\n", RULE, RULE,
	       g->request_id, buf_str(&line));
	printf("  - S3: s3://leo-saas-generated-apps-{account}/generations/%s/\n  - GitHub: github.com/leo-generated/%s\n",
	       g->request_id, g->request_id);
	printf("  - Local: /generations/%s/app.tar.gz", g->request_id);
	if (v->mountpoint) {
		buf_reset(&line);
		utf8_printable(&line, v->mountpoint, strlen(v->mountpoint));
		printf(" (mounted at %s)", buf_str(&line));
	}
	fputs("\n\n", stdout);
	fflush(stdout);
}

static void on_begun(struct view *v, const struct flow_news *n)
{
	v->request_id = strdup(n->generation->request_id);
	v->of = n->generation->max_iterations;
	banner(v, n->generation);
}

static void on_line(struct view *v, const struct flow_news *n)
{
	AUTO(buf_release) struct buf clean = BUF_INIT;
	bool serious = strcmp(n->level, "error") == 0;

	if (v->bar && v->cli->verbosity < 1 && !serious) {
		/* Progress is shown with its percentage. */
		if (strcmp(n->type, "progress") != 0 && strcmp(n->level, "debug") != 0 && clock_ms() - v->last_ms >= PROGRESS_MS) {
			v->last_ms = clock_ms();
			show_status(v, n->line, n->n);
		}
		return;
	}
	if (v->cli->verbosity < 1)
		return;
	utf8_printable(&clean, n->line, n->n);
	clear_status(v);
	fprintf(stderr, "%-5s %s\n", n->level, buf_str(&clean));
}

static void on_progress(struct view *v, const struct flow_news *n)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	v->percentage = n->percentage >= 0 && n->percentage <= 100 ? n->percentage : -1;
	if ((!v->bar && !v->cli->json) || clock_ms() - v->last_ms < PROGRESS_MS)
		return;
	v->last_ms = clock_ms();
	if (v->bar) {
		show_status(v, n->line, n->n);
		return;
	}
	out_object(&j, &line, "progress");
	jw_str(&j, "request_id", v->request_id);
	jw_str(&j, "what", "generator");
	jw_strn(&j, "step", n->line, n->n);
	if (n->percentage >= 0)
		jw_real(&j, "percentage", n->percentage);
	out_object_end(&j);
}

static void on_iteration(struct view *v, const struct flow_news *n)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char bytes[HUMAN_SIZE], time[HUMAN_SIZE];
	struct jw j;

	v->iteration = n->iteration;
	v->percentage = -1;
	clear_status(v);
	if (!v->cli->json) {
		cli_note(v->cli, "  iteration %lld: %lld added, %lld modified, %lld removed; %lld file%s, %s, %s",
			 (long long)n->iteration, (long long)n->added, (long long)n->modified, (long long)n->removed,
			 (long long)n->files, n->files == 1 ? "" : "s", human_bytes(n->bytes, bytes), human_ms(n->duration_ms, time));
		return;
	}
	out_object(&j, &line, "progress");
	jw_str(&j, "request_id", v->request_id);
	jw_str(&j, "what", "iteration");
	jw_int(&j, "iteration", n->iteration);
	jw_int(&j, "max_iterations", n->of);
	jw_int(&j, "added", n->added);
	jw_int(&j, "modified", n->modified);
	jw_int(&j, "removed", n->removed);
	jw_int(&j, "files", n->files);
	jw_int(&j, "bytes", n->bytes);
	jw_int(&j, "duration_ms", n->duration_ms);
	jw_real(&j, "cost_usd", n->cost_usd);
	out_object_end(&j);
}

static void on_note(struct view *v, const struct flow_news *n)
{
	clear_status(v);
	cli_note(v->cli, "%s", n->line);
}

void view_tell(void *view, const struct flow_news *news)
{
	static void (*const shows[])(struct view *v, const struct flow_news *n) = {
		[FLOW_BEGUN] = on_begun, [FLOW_LINE] = on_line, [FLOW_PROGRESS] = on_progress, [FLOW_ITERATION] = on_iteration,
		[FLOW_NOTE] = on_note,
	};

	shows[news->kind](view, news);
}

/* The names as one line: "node_modules, .env". */
static void print_left_out(const struct left_out *l)
{
	AUTO(buf_release) struct buf text = BUF_INIT, names = BUF_INIT;
	json_t *list;

	if (!l->ignored && !l->secrets)
		return;
	buf_addf(&text, "[%s]", buf_str(&l->names));
	list = json_loadb(buf_str(&text), text.len, JSON_ALLOW_NUL, NULL);
	for (size_t i = 0; i < json_array_size(list); i++) {
		const json_t *name = json_array_get(list, i);

		buf_adds(&names, i ? ", " : "");
		utf8_printable(&names, json_string_value(name), json_string_length(name));
	}
	json_decref(list);
	printf("  Left out: %lld ignored, %lld secret (%s%s)\n", (long long)l->ignored, (long long)l->secrets, buf_str(&names),
	       l->ignored + l->secrets > l->listed ? ", ..." : "");
}

static void print_complete(const struct view *v, const struct flow_result *r, const struct generation *g)
{
	char a[HUMAN_SIZE], b[HUMAN_SIZE];

	printf("%s\n  Generation Complete!\n%s\n\n", RULE, RULE);
	printf("  Download: genstore %sget %s -o app.tar.gz\n\n", v->options, g->request_id);
	printf("  Iterations: %lld\n  Files: %lld (%s), archive %s\n", (long long)r->iterations, (long long)r->files,
	       human_bytes(r->bytes, a), human_bytes(g->archive_size, b));
	print_left_out(&r->left_out);
	if (r->left_out.changing)
		printf("  Changed while they were read: %lld files\n", (long long)r->left_out.changing);
	if (r->cost.cost_usd > 0 || r->cost.input_tokens || r->cost.output_tokens)
		printf("  Cost: %.6g USD, %lld tokens in, %lld out\n", r->cost.cost_usd, (long long)r->cost.input_tokens,
		       (long long)r->cost.output_tokens);
	printf("  Time: %s\n", human_ms(r->duration_ms, a));
}

static void print_summary(const struct flow_result *r, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "summary");
	out_generation(&j, g);
	jw_int(&j, "iterations", r->iterations);
	jw_int(&j, "files", r->files);
	jw_int(&j, "bytes", r->bytes);
	jw_int(&j, "duration_ms", r->duration_ms);
	jw_real(&j, "cost_usd", r->cost.cost_usd);
	jw_int(&j, "input_tokens", r->cost.input_tokens);
	jw_int(&j, "output_tokens", r->cost.output_tokens);
	left_out_json(&j, &r->left_out);
	jw_int(&j, "log_left_lines", r->log_left_lines);
	jw_int(&j, "log_left_bytes", r->log_left_bytes);
	jw_str(&j, "workspace", r->workspace);
	out_object_end(&j);
}

/* How to get at what there is. */
static void note_rest(const struct view *v, const struct flow_result *r, const struct generation *g)
{
	if (r->iterations)
		cli_note(v->cli, "  finished iterations are kept: genstore %srestore %s@%lld DIR, genstore %sfork %s --app-name NAME",
			 v->options, g->request_id, (long long)r->iterations, v->options, g->request_id);
	else
		cli_note(v->cli, "  no iteration was finished");
	if (r->workspace)
		cli_note(v->cli, "  the workspace is kept: %s", r->workspace);
	if (v->no_env && strcmp(r->status, "failed") == 0)
		cli_note(v->cli, "  nothing was passed with --env: if the command needs an API key, name its variable, --env NAME");
}

static void note_log(const struct view *v, const struct flow_result *r)
{
	char human[HUMAN_SIZE];

	if (r->log_left_lines)
		cli_note(v->cli, "  the log is full: %lld lines (%s) were left out; --max-log says how much is kept",
			 (long long)r->log_left_lines, human_bytes(r->log_left_bytes, human));
}

/* The error as one line. */
static int fail(const struct view *v, const struct flow_result *r, const char *request_id)
{
	AUTO(buf_release) struct buf why = BUF_INIT;

	for (const char *p = buf_str(&r->error); *p; p++)
		buf_adds(&why, *p == '\n' ? " | " : (const char[]){ *p, '\0' });
	if (strcmp(r->status, "failed") == 0)
		return cli_error(v->cli, EXIT_FAILED, "generation '%s' failed: %s; its log: genstore %slog %s", request_id, buf_str(&why),
				 v->options, request_id);
	return cli_error(v->cli, r->interrupted ? EXIT_INTERRUPTED : EXIT_FAILED, "generation '%s' is %s after %lld finished iteration%s",
			 request_id, r->status, (long long)r->iterations, r->iterations == 1 ? "" : "s");
}

int view_end(struct view *v, const struct flow_result *r)
{
	AUTO(generation_release) struct generation g = { 0 };
	int err = generation_by_request(v->cli->st, v->request_id, &g), code;
	bool done = strcmp(r->status, "completed") == 0;

	clear_status(v);
	if (err)
		return cli_fail(v->cli, err);
	if (v->cli->json)
		print_summary(r, &g);
	else if (done && v->cli->verbosity >= 0)
		print_complete(v, r, &g);
	note_log(v, r);
	if (done && !r->workspace)
		return EXIT_DONE;
	if (done) {
		cli_note(v->cli, "  the workspace could not be removed: %s", r->workspace);
		return EXIT_DONE;
	}
	code = fail(v, r, g.request_id);
	note_rest(v, r, &g);
	return code;
}
