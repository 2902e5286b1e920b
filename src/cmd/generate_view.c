#include "src/cmd/generate_view.h"
#include "src/cmd/program.h"
#include "src/sync/publish.h"
#include "store/base/utf8.h"
#if HAVE_FUSE
#include "fs/mounts.h"
#endif

#include <fcntl.h>
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

/* As a shell takes it. */
static void add_quoted(struct buf *out, const char *text)
{
	bool plain = strspn(text, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./+-") == strlen(text);

	buf_adds(out, plain ? "" : "'");
	for (; *text; text++)
		buf_adds(out, *text == '\'' ? "'\\''" : (const char[]){ *text, '\0' });
	buf_adds(out, plain ? "" : "'");
}

/* What a user has to say so that a command, and a git, meet this store. */
static int name_store(const struct cli *cli, struct view *v)
{
	const char *given = getenv("GENSTORE_STORE");
	AUTO(free_ptr) char *path = realpath(cli->store_path, NULL);
	AUTO(buf_release) struct buf options = BUF_INIT, variable = BUF_INIT;

	if (!cli->store_is_default && !(given && strcmp(given, cli->store_path) == 0)) {
		buf_adds(&options, "--store ");
		add_quoted(&options, cli->store_path);
		buf_adds(&options, " ");
		buf_adds(&variable, "GENSTORE_STORE=");
		add_quoted(&variable, path ? path : cli->store_path);
		buf_adds(&variable, " ");
	}
	v->options = buf_steal(&options);
	v->variable = buf_steal(&variable);
	return v->options && v->variable ? 0 : -ENOMEM;
}

int view_init(struct view *v, struct cli *cli, bool no_env, bool asks)
{
	*v = (struct view){ .cli = cli, .no_env = no_env, .mountpoint = find_mount(cli->store_path), .percentage = -1 };
	v->bar = isatty(STDERR_FILENO) && !cli->json && cli->verbosity >= 0;
	prompt_init(&v->prompt, asks && !cli->json && isatty(STDIN_FILENO) && isatty(STDERR_FILENO));
	if (settings_place(cli->st, &v->place))
		return -ENOMEM;
	return name_store(cli, v);
}

void view_release(struct view *v)
{
	prompt_release(&v->prompt);
	free(v->request_id);
	free(v->options);
	free(v->variable);
	free(v->mountpoint);
	free(v->place);
}

/* Before something is printed: the status line goes, and so does the line where an answer is typed. */
static void clear_status(struct view *v)
{
	if (v->shown || (v->prompt.open && !v->prompt.closed))
		fputs("\r\033[K", stderr);
	v->shown = false;
}

static void show_status(struct view *v, const char *text, size_t n)
{
	enum { CELLS = 20 };
	static const char full[] = "####################", empty[] = "....................";
	AUTO(buf_release) struct buf line = BUF_INIT, clean = BUF_INIT;
	size_t columns = 0, end = 0;

	/* Where an answer is typed there is no place for it. */
	if (v->prompt.open)
		return;

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

static void banner_github(const struct view *v, const struct generation *g)
{
	AUTO(free_ptr) char *place = NULL;
	AUTO(buf_release) struct buf safe = BUF_INIT;

	/* No memory for it: it is not known, as where nothing is configured. */
	if (!hosting_place(v->cli->st, g->request_id, &place) && place)
		utf8_printable(&safe, place, strlen(place));
	else
		buf_addf(&safe, "github.com/leo-generated/%s", g->request_id);
	printf("  - GitHub: %s\n", buf_str(&safe));
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
	if (v->brief) {
		if (v->cli->verbosity >= 0)
			printf("%s %s/%lld: started\n", g->request_id, g->app_name, (long long)g->generation_number);
		fflush(stdout);
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
	buf_reset(&line);
	utf8_printable(&line, v->place ? v->place : "", v->place ? strlen(v->place) : 0);
	printf("  - S3: %sgenerations/%s/\n", v->place ? buf_str(&line) : "s3://leo-saas-generated-apps-{account}/", g->request_id);
	banner_github(v, g);
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

/* What was asked for at the prompt, with /context and its like. */
static bool is_reply(const struct view *v, const char *type)
{
	static const char *const types[] = { "context_display", "session_saved", "session_cleared" };

	for (size_t i = 0; v->prompt.usable && i < ARRAY_LEN(types); i++)
		if (strcmp(type, types[i]) == 0)
			return true;
	return false;
}

static void on_line(struct view *v, const struct flow_news *n)
{
	AUTO(buf_release) struct buf clean = BUF_INIT;
	bool serious = strcmp(n->level, "error") == 0, reply = is_reply(v, n->type);

	if (v->bar && v->cli->verbosity < 1 && !serious && !reply) {
		/* Progress is shown with its percentage. */
		if (strcmp(n->type, "progress") != 0 && strcmp(n->level, "debug") != 0 && clock_ms() - v->last_ms >= PROGRESS_MS) {
			v->last_ms = clock_ms();
			show_status(v, n->line, n->n);
		}
		return;
	}
	if ((v->cli->verbosity < 1 && !reply) || v->cli->verbosity < 0)
		return;
	utf8_printable(&clean, n->line, n->n);
	if (v->prompt.editor)
		return;
	clear_status(v);
	fprintf(stderr, "%-5s %s\n", reply ? "   " : n->level, buf_str(&clean));
	prompt_again(&v->prompt);
}

static void on_progress(struct view *v, const struct flow_news *n)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	v->percentage = n->percentage >= 0 && n->percentage <= 100 ? n->percentage : -1;
	if (v->brief || (!v->bar && !v->cli->json) || clock_ms() - v->last_ms < PROGRESS_MS)
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
	if (v->brief)
		return;
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
	if (v->brief || v->prompt.editor)
		return;
	clear_status(v);
	cli_note(v->cli, "%s", n->line);
	prompt_again(&v->prompt);
}

static void question_object(struct view *v, const struct question *q)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct jw j;

	out_object(&j, &line, "question");
	jw_str(&j, "request_id", v->request_id);
	out_question(&j, q);
	out_object_end(&j);
}

static void on_question(struct view *v, const struct flow_news *n)
{
	const char *id = v->request_id ? v->request_id : "-";

	if (v->cli->json) {
		question_object(v, n->question);
		return;
	}
	clear_status(v);
	if (v->prompt.usable) {
		prompt_show(&v->prompt, n->question);
		return;
	}
	cli_note(v->cli, "%s asks: %s", id, n->question->prompt);
	cli_note(v->cli, "  answer with: genstore %sanswer %s --choice yes|add|redirect|done", v->options, id);
}

static void on_answered(struct view *v, const struct flow_news *n)
{
	if (v->prompt.usable)
		prompt_close(&v->prompt, n->line);
	else if (n->line && !v->cli->json)
		cli_note(v->cli, "  %s", n->line);
}

int view_answer_fd(void *view)
{
	return prompt_fd(&((struct view *)view)->prompt);
}

int view_answer(void *view, struct control *ret_answer)
{
	return prompt_read(&((struct view *)view)->prompt, ret_answer);
}

/* A pipe takes only PIPE_BUF bytes at once: without this, a longer line has another process's in its middle. */
static void take_turn(const struct view *v, short type)
{
	struct flock whole = { .l_type = type, .l_whence = SEEK_SET };

	if (v->turn <= 0)
		return;
	fflush(stdout);
	while (fcntl(v->turn, F_SETLKW, &whole) && errno == EINTR)
		;
}

void view_tell(void *view, const struct flow_news *news)
{
	static void (*const shows[])(struct view *v, const struct flow_news *n) = {
		[FLOW_BEGUN] = on_begun, [FLOW_LINE] = on_line, [FLOW_PROGRESS] = on_progress, [FLOW_ITERATION] = on_iteration,
		[FLOW_NOTE] = on_note, [FLOW_ASKS] = on_question, [FLOW_ANSWERED] = on_answered,
	};

	/* Lines are for stderr. */
	if (news->kind != FLOW_LINE)
		take_turn(view, F_WRLCK);
	shows[news->kind](view, news);
	if (news->kind != FLOW_LINE)
		take_turn(view, F_UNLCK);
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
	char a[HUMAN_SIZE], b[HUMAN_SIZE], path[PATH_MAX];

	printf("%s\n  Generation Complete!\n%s\n\n", RULE, RULE);
	printf("  Download: genstore %sget %s -o app.tar.gz\n", v->options, g->request_id);
	if (!program_find("git", path) && !program_find("git-remote-genstore", path))
		printf("  Clone: %sgit clone genstore::%s\n", v->variable, g->request_id);
	printf("\n");
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
	if (strcmp(r->status, "paused") == 0)
		cli_note(v->cli, "  go on with: genstore %scontinue %s", v->options, g->request_id);
	else
		cli_note(v->cli, "  go on in a new generation with: genstore %sgenerate --resume %s", v->options, g->request_id);
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
	if (r->unanswered)
		return cli_error(v->cli, EXIT_FAILED, "nobody has answered in time: generation '%s' is paused; go on with: genstore %scontinue %s",
				 request_id, v->options, request_id);
	return cli_error(v->cli, r->interrupted ? EXIT_INTERRUPTED : EXIT_FAILED, "generation '%s' is %s after %lld finished iteration%s",
			 request_id, r->status, (long long)r->iterations, r->iterations == 1 ? "" : "s");
}

/* One line, whatever happened. */
static int end_briefly(const struct view *v, const struct flow_result *r, const struct generation *g)
{
	AUTO(buf_release) struct buf line = BUF_INIT, why = BUF_INIT;
	char time[HUMAN_SIZE];

	utf8_printable(&why, buf_str(&r->error), strcspn(buf_str(&r->error), "\n"));
	buf_addf(&line, "%s %s/%lld: %s after %lld iteration%s, %s%s%s\n", g->request_id, g->app_name, (long long)g->generation_number,
		 r->status, (long long)r->iterations, r->iterations == 1 ? "" : "s", human_ms(r->duration_ms, time), why.len ? ": " : "",
		 buf_str(&why));
	if (v->cli->verbosity >= 0)
		fputs(buf_str(&line), stdout);
	fflush(stdout);
	return strcmp(r->status, "completed") == 0 ? EXIT_DONE : r->interrupted ? EXIT_INTERRUPTED : EXIT_FAILED;
}

static int tell_end(struct view *v, const struct flow_result *r)
{
	AUTO(generation_release) struct generation g = { 0 };
	int err = generation_by_request(v->cli->st, v->request_id, &g), code;
	bool done = strcmp(r->status, "completed") == 0;

	clear_status(v);
	if (err)
		return cli_fail(v->cli, err);
	if (v->brief && !v->cli->json)
		return end_briefly(v, r, &g);
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
	if (!v->brief)
		note_rest(v, r, &g);
	return code;
}

int view_end(struct view *v, const struct flow_result *r)
{
	int code;

	take_turn(v, F_WRLCK);
	code = tell_end(v, r);
	take_turn(v, F_UNLCK);
	return code;
}
