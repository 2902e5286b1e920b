#include "src/example/example.h"
#include "src/example/build.h"
#include "src/example/wire.h"
#include "store/base/clock.h"
#include "store/base/id.h"

#include <math.h>

enum { PAUSE_MS = 20, KEPT_MS = 60000 };

/* What the control commands have asked for. */
enum wish { GO_ON, PAUSE, STOP, CANCEL, SHUT_DOWN };

struct work {
	struct wire wire;
	struct recipe recipe;
	char *dir;
	char session[128];
	int level; /* of the app as it is */
	int iteration, max_iterations;
	enum wish wish;
	bool acknowledged; /* the orchestrator says when an iteration is kept */
	bool asks; /* before each iteration but the first */
	bool told; /* an `error` message said what went wrong */
	int64_t began, tokens_in, tokens_out;
	double cost;
};

static void work_release(struct work *w)
{
	wire_release(&w->wire);
	recipe_release(&w->recipe);
	free(w->dir);
}

static void add_now(struct jw *j)
{
	char now[CLOCK_TEXT];

	clock_format(clock_now(&(struct clock){ 0 }), now);
	jw_str(j, "timestamp", now);
}

static int send_log(struct work *w, const char *line)
{
	jw_str(wire_begin(&w->wire, "log"), "line", line);
	return wire_send(&w->wire);
}

static int send_friendly(struct work *w, const char *category, const char *text)
{
	struct jw *j = wire_begin(&w->wire, "friendly_log");

	jw_str(j, "message", text);
	jw_str(j, "category", category);
	add_now(j);
	return wire_send(&w->wire);
}

static int send_error(struct work *w, const char *what, int error, const char *hint)
{
	struct jw *j = wire_begin(&w->wire, "error");
	AUTO(buf_release) struct buf text = BUF_INIT;

	buf_addf(&text, "%s: %s", what, strerror(-error));
	jw_str(j, "message", buf_str(&text));
	jw_bool(j, "fatal", true);
	jw_str(j, "recovery_hint", hint);
	w->told = true;
	return wire_send(&w->wire);
}

static int send_progress(struct work *w, const char *step, int part)
{
	struct jw *j = wire_begin(&w->wire, "progress");

	jw_str(j, "stage", "building");
	jw_str(j, "step", step);
	jw_int(j, "percentage", ((w->iteration - 1) * 100 + part) / w->max_iterations);
	jw_int(j, "iteration", w->iteration);
	jw_int(j, "total_iterations", w->max_iterations);
	return wire_send(&w->wire);
}

static void add_stats(struct jw *j, int64_t tokens_in, int64_t tokens_out, int files)
{
	jw_object(j, "stats");
	jw_int(j, "input_tokens", tokens_in);
	jw_int(j, "output_tokens", tokens_out);
	if (files)
		jw_int(j, "files_written", files);
	jw_end(j);
}

/* Money in millionths of a dollar at most, so that sums stay readable. */
static double price(int64_t tokens_in, int64_t tokens_out)
{
	return round((double)tokens_in * 3 + (double)tokens_out * 15) / 1e6;
}

static int send_conversation(struct work *w, const char *summary, int64_t in, int64_t out, int64_t ms)
{
	struct jw *j = wire_begin(&w->wire, "conversation_log");

	add_now(j);
	jw_str(j, "entry_type", "assistant");
	jw_str(j, "agent", "example");
	jw_str(j, "content", summary);
	jw_int(j, "turn", w->iteration);
	jw_bool(j, "success", true);
	jw_real(j, "cost_usd", price(in, out));
	jw_int(j, "duration_ms", ms);
	jw_int(j, "input_tokens", in);
	jw_int(j, "output_tokens", out);
	return wire_send(&w->wire);
}

static int send_iteration(struct work *w, const struct built *built, int64_t in, int64_t out, int64_t ms)
{
	struct jw *j = wire_begin(&w->wire, "iteration_complete");

	jw_int(j, "iteration", w->iteration);
	jw_str(j, "app_path", w->dir);
	jw_str(j, "session_id", w->session);
	jw_int(j, "duration", ms);
	jw_real(j, "iteration_cost", price(in, out));
	add_stats(j, in, out, built->files);
	return wire_send(&w->wire);
}

static int send_complete(struct work *w)
{
	struct jw *j = wire_begin(&w->wire, "all_work_complete");
	const char *reason = w->wish == CANCEL	       ? "user_cancelled"
			     : w->wish == STOP	       ? "user_done"
			     : w->level == LEVEL_MAX ? "autonomous_complete"
							     : "max_iterations";

	jw_str(j, "completion_reason", reason);
	jw_str(j, "app_path", w->dir);
	jw_int(j, "total_iterations", w->iteration);
	jw_str(j, "session_id", w->session);
	jw_int(j, "total_duration", clock_ms() - w->began);
	jw_real(j, "total_cost", round(w->cost * 1e6) / 1e6);
	add_stats(j, w->tokens_in, w->tokens_out, 0);
	return wire_send(&w->wire);
}

static void obey(struct work *w, const struct order *o)
{
	static const struct { const char *command; enum wish wish; } wishes[] = {
		{ "pause", PAUSE }, { "resume", GO_ON }, { "stop_request", STOP },
		{ "cancel", CANCEL }, { "prepare_shutdown", SHUT_DOWN },
	};

	if (strcmp(o->type, "control_command") != 0)
		return;
	for (size_t i = 0; i < ARRAY_LEN(wishes); i++)
		if (!strcmp(o->command, wishes[i].command))
			w->wish = wishes[i].wish;
}

/* The tree must not change while its snapshot is taken: waits for the word that it was, or for any other. */
static int wait_until_kept(struct work *w)
{
	AUTO(order_release) struct order o = { 0 };
	int r = 0;

	if (w->acknowledged && w->iteration < w->max_iterations && (r = wire_receive(&w->wire, KEPT_MS, &o)) > 0)
		obey(w, &o);
	return r;
}

static int send_question(struct work *w)
{
	AUTO(buf_release) struct buf next = BUF_INIT;
	char id[32];
	struct jw *j;
	int r = level_summary(&next, w->level + 1);

	if (r < 0)
		return r;
	snprintf(id, sizeof(id), "after-%d", w->iteration);
	j = wire_begin(&w->wire, "decision_prompt");
	jw_str(j, "id", id);
	jw_str(j, "prompt", "Go on?");
	jw_str(j, "suggested_task", buf_str(&next));
	jw_int(j, "iteration", w->iteration);
	jw_int(j, "max_iterations", w->max_iterations);
	return wire_send(&w->wire);
}

static int send_context(struct work *w)
{
	struct jw *j = wire_begin(&w->wire, "context_display");

	jw_str(j, "app_path", w->dir);
	jw_str(j, "session_id", w->session);
	jw_int(j, "iterations", w->iteration);
	return wire_send(&w->wire);
}

/* All that there is to a session is in the tree. */
static int send_saved(struct work *w)
{
	struct jw *j = wire_begin(&w->wire, "session_saved");

	jw_str(j, "app_path", w->dir);
	jw_str(j, "session_id", w->session);
	return wire_send(&w->wire);
}

static int send_cleared(struct work *w)
{
	struct jw *j = wire_begin(&w->wire, "session_cleared");
	int r = id_uuid4(&(struct id_source){ 0 }, w->session);

	jw_str(j, "app_path", w->dir);
	return r < 0 ? r : wire_send(&w->wire);
}

static int send_of_session(struct work *w, const char *what)
{
	static const struct { const char *what; int (*send)(struct work *w); } answers[] = {
		{ "/context", send_context }, { "/save", send_saved }, { "/clear", send_cleared },
	};

	for (size_t i = 0; i < ARRAY_LEN(answers); i++)
		if (strcmp(what, answers[i].what) == 0)
			return answers[i].send(w);
	return send_log(w, "there is /context, /save and /clear");
}

/* It builds what it builds: every answer but `done` lets it go on. */
static int take_answer(struct work *w, const struct order *o)
{
	if (*o->choice == '/')
		return send_of_session(w, o->choice);
	if (strcmp(o->choice, "done") == 0)
		w->wish = STOP;
	else if (strcmp(o->choice, "yes") != 0)
		return send_log(w, "this generator builds the same whatever it is told");
	return 0;
}

static int ask(struct work *w)
{
	bool answered = false;
	int r = 1;

	if (!w->asks || w->wish != GO_ON || w->iteration >= w->max_iterations || w->level >= LEVEL_MAX)
		return 0;
	if ((r = send_question(w)) < 0)
		return r;
	for (r = 1; r > 0 && !answered && (w->wish == GO_ON || w->wish == PAUSE);) {
		AUTO(order_release) struct order o = { 0 };

		if ((r = wire_receive(&w->wire, -1, &o)) <= 0)
			break;
		obey(w, &o);
		answered = strcmp(o.type, "decision_response") == 0 && *o.choice != '/';
		if (strcmp(o.type, "decision_response") == 0 && take_answer(w, &o) < 0)
			return -EPIPE;
	}
	if (r == 0)
		w->wish = SHUT_DOWN;
	return r < 0 ? r : 0;
}

/* Hears what came in, for a short while; while paused, until something else is wanted. */
static int listen_a_while(struct work *w)
{
	int r;

	do {
		AUTO(order_release) struct order o = { 0 };

		r = wire_receive(&w->wire, w->wish == PAUSE ? -1 : PAUSE_MS, &o);
		if (r > 0)
			obey(w, &o);
	} while (r > 0 || (r == 0 && w->wish == PAUSE && !w->wire.eof));
	if (r == 0 && w->wish == PAUSE)
		w->wish = SHUT_DOWN;
	return r;
}

static int iterate(struct work *w)
{
	AUTO(buf_release) struct buf summary = BUF_INIT, line = BUF_INIT;
	int64_t began = clock_ms(), in, out, ms;
	struct built built;
	int r;

	w->iteration++;
	if ((r = level_summary(&summary, w->level + 1)) < 0)
		return r;
	if ((r = send_progress(w, buf_str(&summary), 10)) < 0 || (r = send_friendly(w, "building", buf_str(&summary))) < 0)
		return r;
	if ((r = build_level(&w->recipe, w->level + 1, &built)) < 0) {
		send_error(w, "cannot write the app", r, "make room or permit writing, then resume");
		return r;
	}
	w->level++;
	ms = clock_ms() - began;
	out = built.bytes / 4;
	in = 1200 + out / 3 + (int64_t)strlen(w->recipe.prompt) / 4;
	w->tokens_in += in;
	w->tokens_out += out;
	w->cost += price(in, out);
	if ((r = buf_addf(&line, "wrote %d files, %lld bytes", built.files, (long long)built.bytes)) < 0)
		return r;
	if ((r = send_log(w, buf_str(&line))) < 0 || (r = send_conversation(w, buf_str(&summary), in, out, ms)) < 0 ||
	    (r = send_progress(w, buf_str(&summary), 100)) < 0)
		return r;
	return send_iteration(w, &built, in, out, ms);
}

/* Waits for start_generation; 0 when the input ended, or a shutdown was asked for, without one. */
static int wait_for_start(struct work *w, struct order *ret_start)
{
	for (;;) {
		AUTO(order_release) struct order o = { 0 };
		int r = wire_receive(&w->wire, -1, &o);

		if (r <= 0)
			return r;
		if (!strcmp(o.type, "start_generation")) {
			*ret_start = o;
			o = (struct order){ 0 };
			return 1;
		}
		obey(w, &o);
		if (w->wish == CANCEL || w->wish == SHUT_DOWN)
			return 0;
	}
}

static int take_order(struct work *w, const struct order *start)
{
	int r;

	w->began = clock_ms();
	w->acknowledged = start->acknowledges;
	w->asks = strcmp(start->mode, "confirm_first") == 0;
	w->max_iterations = (int)max_i64(1, min_i64(start->max_iterations, LEVEL_MAX));
	memcpy(w->session, start->resume_session_id, sizeof(w->session));
	if (!*w->session && (r = id_uuid4(&(struct id_source){ 0 }, w->session)) < 0)
		return r;
	return recipe_init(&w->recipe, buf_str(&start->app_name), start->app_name.len, buf_str(&start->prompt),
			   start->prompt.len);
}

static int do_work(struct work *w)
{
	int r;

	if ((r = build_level_here(&w->level)) < 0) {
		send_error(w, "cannot continue from the 'package.json' in this directory", r, "the example generator continues only its own apps");
		return r;
	}
	if ((r = send_friendly(w, "setup", w->level ? "Continuing the app" : "Starting a new app")) < 0)
		return r;
	while (w->wish == GO_ON && w->iteration < w->max_iterations && w->level < LEVEL_MAX)
		if ((r = iterate(w)) < 0 || (r = wait_until_kept(w)) < 0 || (r = ask(w)) < 0 || (r = listen_a_while(w)) < 0)
			return r;
	return w->wish == SHUT_DOWN ? 0 : send_complete(w);
}

/* Until prepare_shutdown or the end of the input. */
static int say_goodbye(struct work *w)
{
	int r = 1;

	while (w->wish != SHUT_DOWN && r > 0) {
		AUTO(order_release) struct order o = { 0 };

		r = wire_receive(&w->wire, -1, &o);
		if (r > 0)
			obey(w, &o);
	}
	if (r < 0)
		return r;
	jw_str(wire_begin(&w->wire, "shutdown_ready"), "message", "nothing is left to do");
	return wire_send(&w->wire);
}

static int run(struct work *w)
{
	AUTO(order_release) struct order start = { 0 };
	struct jw *j;
	int r;

	w->dir = realpath(".", NULL);
	if (!w->dir)
		return -errno;
	j = wire_begin(&w->wire, "ready");
	jw_str(j, "workspace", w->dir);
	jw_str(j, "generator_mode", "mock");
	jw_bool(j, "acknowledge_iterations", true);
	if ((r = wire_send(&w->wire)) < 0 || (r = wait_for_start(w, &start)) < 0)
		return r;
	if (r > 0 && ((r = take_order(w, &start)) < 0 || (r = do_work(w)) < 0))
		return r;
	return say_goodbye(w);
}

int example_generator(int argc, char **argv UNUSED)
{
	AUTO(work_release) struct work w = { .wish = GO_ON };
	int r;

	if (argc > 1 || isatty(STDIN_FILENO)) {
		fputs("genstore example-generator: a program for 'genstore generate' to run; it reads WSI messages, not a terminal\n",
		      stderr);
		return 2;
	}
	wire_init(&w.wire, STDIN_FILENO, STDOUT_FILENO);
	r = run(&w);
	if (r < 0 && !w.told)
		fprintf(stderr, "genstore example-generator: %s\n", strerror(-r));
	return r < 0 ? 1 : 0;
}
