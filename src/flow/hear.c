/* What a generator says, and what follows from it: one function for each message that does more than be logged. */
#include "src/flow/credentials.h"
#include "src/flow/project.h"
#include "src/flow/screenshot.h"
#include "src/flow/state.h"
#include "store/base/utf8.h"

#include <signal.h>
#include <stdarg.h>
#include <sys/wait.h>

enum { ERROR_MAX = 4000 }; /* bytes of a generator's words about its own failure */

bool flow_listens(const struct flow *f)
{
	return f->outcome == RUNNING || (f->outcome == PAUSED && (f->interrupts || f->unanswered));
}

int flow_keep(char **text, const char *value)
{
	char *copy;

	if (!value || !*value)
		return 0;
	copy = strdup(value);
	if (!copy)
		return -ENOMEM;
	free(*text);
	*text = copy;
	return 0;
}

void flow_fail(struct flow *f, const char *fmt, ...)
{
	va_list ap;

	if (f->outcome == FAILED)
		return;
	f->outcome = FAILED;
	va_start(ap, fmt);
	buf_vaddf(&f->error, fmt, ap);
	va_end(ap);
	if (f->error.len > ERROR_MAX) {
		f->error.len = utf8_cut(buf_str(&f->error), f->error.len, ERROR_MAX);
		buf_adds(&f->error, "...");
	}
}

static int add_event(struct flow *f, const char *type, const char *level, const char *line, size_t n, const struct buf *data)
{
	struct flow_news news = { .kind = FLOW_LINE, .generation = &f->g, .type = type, .level = level, .line = line, .n = n };
	int r;

	f->o->tell(f->o->arg, &news);
	r = journal_add(&f->journal, type, level, line, n, data);
	return r == -EBUSY ? flow_flush(f) : r;
}

/* What the generator says, as far as its log has room for it. */
static int add_said(struct flow *f, const char *type, const char *level, const char *line, size_t n, const struct buf *data)
{
	if (budget_take(&f->budget, n + (data ? data->len : 0), clock_ms()))
		return add_event(f, type, level, line, n, data);
	if (f->budget.left_lines > 1)
		return 0;
	return flow_log(f, "warn", "the log has reached its limit of %lld MiB (--max-log): nothing more of the generator's words is kept",
			(long long)(f->budget.max_bytes >> 20));
}

int flow_log(struct flow *f, const char *level, const char *fmt, ...)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&line, fmt, ap);
	va_end(ap);
	/* What people say to a generator passes here too. */
	if (line.len)
		line.len = redact_text(&f->secrets, (char *)line.data, line.len);
	return add_event(f, "log", level, buf_str(&line), line.len, NULL);
}

int flow_say(struct flow *f, const struct buf *message)
{
	return f->send ? f->send(f, message) : 0;
}

static int on_ready(struct flow *f, const struct wsi_message *m)
{
	AUTO(buf_release) struct buf order = BUF_INIT;
	bool resumes = f->base || f->session_id || f->g.parent_request_id;
	const struct wsi_start start = {
		.prompt = f->g.prompt, .mode = f->g.mode, .app_name = f->g.app_name, .user_id = f->g.user_id, .app_id = f->g.app_id,
		.max_iterations = f->g.max_iterations - f->base,
		.app_path = resumes ? f->workspace.app : NULL, .resume_session_id = f->session_id,
		.acknowledge = wsi_bool(m, "acknowledge_iterations", false),
	};

	int r;

	f->is_wsi = true;
	if (f->started)
		return 0;
	f->started = true;
	f->acknowledges = start.acknowledge;
	if (f->stdio.deaf && (r = flow_log(f, "warn", "ready came after its stdin was closed: it cannot be told anything")))
		return r;
	wsi_start_generation(&order, &start);
	wsi_link_take(&f->link, WSI_ORDERED);
	return flow_say(f, &order);
}

static int on_conversation(struct flow *f, const struct wsi_message *m)
{
	f->tokens_in = min_i64(f->tokens_in + wsi_count(m, "input_tokens", 0), WSI_COUNT_MAX);
	f->tokens_out = min_i64(f->tokens_out + wsi_count(m, "output_tokens", 0), WSI_COUNT_MAX);
	f->spent += wsi_cost(m, "cost_usd", 0);
	return 0;
}

static int on_progress(struct flow *f, const struct wsi_message *m)
{
	const char *step = wsi_text(m, "step"), *stage = wsi_text(m, "stage");
	const char *line = step && *step ? step : stage ? stage : "";
	struct flow_news news = {
		.kind = FLOW_PROGRESS, .generation = &f->g, .line = line, .n = strlen(line),
		.percentage = wsi_real(m, "percentage", -1), .iteration = wsi_int(m, "iteration", 0),
		.of = wsi_int(m, "total_iterations", 0),
	};

	f->o->tell(f->o->arg, &news);
	return 0;
}

/* An autonomous generation asks nobody: go on while there are iterations left. */
static int answer_alone(struct flow *f, const struct wsi_message *m)
{
	AUTO(buf_release) struct buf answer = BUF_INIT;
	const char *choice = f->iteration < f->g.max_iterations && !f->stopping ? "yes" : "done";
	int r = flow_log(f, "info", "answered '%s': %s", choice, f->stopping ? "it is to stop" : "nobody is asked in this mode");

	if (r)
		return r;
	wsi_decision_response(&answer, wsi_text(m, "id"), choice, wsi_text(m, "parent_id"), NULL);
	wsi_link_take(&f->link, WSI_ANSWERED);
	return flow_say(f, &answer);
}

/* A generator's words in a question, as long as anybody would read them. */
static int keep_text(const struct wsi_message *m, const char *field, char **text)
{
	int r = flow_keep(text, wsi_text(m, field));

	if (!r && *text)
		(*text)[utf8_cut(*text, strlen(*text), CONTROL_TEXT_MAX)] = '\0';
	return r;
}

static int on_decision(struct flow *f, const struct wsi_message *m)
{
	AUTO(question_release) struct question q = { .allow_editor = wsi_bool(m, "allow_editor", false) };
	const json_t *options = wsi_tree(m, "options");
	int r;

	if (strcmp(f->g.mode, "confirm_first") != 0 || f->stopping || f->cancelling)
		return answer_alone(f, m);
	if ((r = keep_text(m, "id", &q.decision_id)) || (r = keep_text(m, "prompt", &q.prompt)) ||
	    (r = keep_text(m, "parent_id", &q.parent_id)) || (r = keep_text(m, "suggested_task", &q.suggested_task)) ||
	    (m->kind == WSI_DECISION_FOLLOW_UP && (r = keep_text(m, "action", &q.action))))
		return r;
	if (!q.decision_id || !q.prompt)
		return flow_log(f, "warn", "ignored: a question without an id or a text");
	q.options = json_is_array(options) ? json_dumps(options, JSON_COMPACT) : NULL;
	if (q.options && strlen(q.options) > CONTROL_TEXT_MAX)
		free(MOVE(q.options));
	return flow_ask(f, &q);
}

static int on_session(struct flow *f, const struct wsi_message *m)
{
	return flow_keep(&f->session_id, wsi_text(m, "session_id"));
}

/* Its number is the claimed one only when that is the next. */
static int next_number(struct flow *f, int64_t claimed, int64_t *ret_number)
{
	*ret_number = f->iteration + 1;
	/* One that goes on may count from 1 again. */
	if (claimed == *ret_number || claimed == *ret_number - f->base)
		return 0;
	return flow_log(f, "warn", "the generator calls this iteration %lld; it is kept as %lld", (long long)claimed,
			(long long)*ret_number);
}

static int stop_at_limit(struct flow *f)
{
	AUTO(buf_release) struct buf order = BUF_INIT;
	int r;

	if (f->iteration >= FLOW_ITERATIONS_MAX)
		flow_fail(f, "the generator did not stop after %d iterations", FLOW_ITERATIONS_MAX);
	if (f->iteration <= f->g.max_iterations || f->warned_limit)
		return 0;
	f->warned_limit = true;
	r = flow_log(f, "warn", "the generator goes on after its %lld iterations: told to stop", (long long)f->g.max_iterations);
	wsi_control(&order, "stop_request", "max_iterations");
	return r ? r : flow_say(f, &order);
}

/* Counts of tokens are in the stats of some generators, in the conversation of others. */
static int64_t tokens_of(const json_t *stats, const char *name, int64_t heard)
{
	const json_t *v = json_object_get(stats, name);

	return json_is_integer(v) && json_integer_value(v) >= 0 ? min_i64(json_integer_value(v), WSI_COUNT_MAX) : heard;
}

/* To a generator that waits for it, so that its tree stays as it is while the snapshot is taken. */
static int acknowledge(struct flow *f, int64_t number)
{
	AUTO(buf_release) struct buf order = BUF_INIT;
	char words[64];

	/* To one that is paused the word would mean to go on; it comes when that is so. */
	if (!f->acknowledges || f->held || f->outcome != RUNNING || number >= f->g.max_iterations)
		return 0;
	snprintf(words, sizeof(words), "iteration %lld is kept", (long long)number);
	wsi_control(&order, "resume", words);
	return flow_say(f, &order);
}

static int on_iteration(struct flow *f, const struct wsi_message *m)
{
	json_t *stats = wsi_tree(m, "stats");
	int64_t number, measured = clock_ms() - f->iteration_ms;
	struct finished what = {
		.duration_ms = wsi_count(m, "duration", measured),
		.tokens_in = tokens_of(stats, "input_tokens", f->tokens_in),
		.tokens_out = tokens_of(stats, "output_tokens", f->tokens_out),
		.cost_usd = wsi_cost(m, "iteration_cost", f->spent),
		.stats = stats,
	};
	bool changed;
	int r;

	if ((r = on_session(f, m)) || (r = next_number(f, wsi_int(m, "iteration", 0), &number)))
		return r;
	flow_iterate(f, number, &what, &changed);
	if (f->outcome == FAILED || (r = acknowledge(f, number)))
		return f->outcome == FAILED ? 0 : r;
	return stop_at_limit(f);
}

static int on_complete(struct flow *f, const struct wsi_message *m)
{
	const char *reason = wsi_text(m, "completion_reason");
	double rest = wsi_cost(m, "total_cost", 0) - f->spent_all;
	struct finished last = {
		.duration_ms = clock_ms() - f->iteration_ms, .tokens_in = f->tokens_in, .tokens_out = f->tokens_out,
		.cost_usd = f->spent > 0 || rest < 0 ? f->spent : rest, .unless_same = f->iteration > 0,
	};
	bool changed;
	int r;

	if ((r = on_session(f, m)) || (r = flow_keep(&f->github_url, wsi_text(m, "github_url"))) ||
	    (r = flow_keep(&f->github_commit, wsi_text(m, "github_commit"))) ||
	    (r = flow_keep(&f->flyio_url, wsi_text(m, "flyio_url"))))
		return r;
	if (strcmp(reason, "error") == 0 && !f->cancelling) {
		flow_fail(f, "the generator gave up (completion_reason 'error')");
		return 0;
	}
	f->outcome = f->cancelling || strcmp(reason, "user_cancelled") == 0 ? CANCELLED : COMPLETED;
	if (f->outcome == COMPLETED)
		flow_iterate(f, f->iteration + 1, &last, &changed);
	return 0;
}

static int on_interrupted(struct flow *f, const struct wsi_message *m)
{
	f->outcome = PAUSED;
	return on_session(f, m);
}

static int on_error(struct flow *f, const struct wsi_message *m)
{
	if (wsi_bool(m, "fatal", true) && f->outcome == RUNNING)
		flow_fail(f, "%s", wsi_text(m, "message"));
	return 0;
}

/* Those that do something; all are logged. */
static int (*const handlers[WSI_KINDS])(struct flow *f, const struct wsi_message *m) = {
	[WSI_READY] = on_ready,
	[WSI_CONVERSATION_LOG] = on_conversation,
	[WSI_PROGRESS] = on_progress,
	[WSI_DECISION_PROMPT] = on_decision,
	[WSI_DECISION_FOLLOW_UP] = on_decision,
	[WSI_SESSION_LOADED] = on_session,
	[WSI_SESSION_SAVED] = on_session,
	[WSI_ITERATION_COMPLETE] = on_iteration,
	[WSI_ALL_WORK_COMPLETE] = on_complete,
	[WSI_TASK_INTERRUPTED] = on_interrupted,
	[WSI_ERROR] = on_error,
};

static const char *level_of(const struct wsi_message *m)
{
	return m->kind == WSI_ERROR && !wsi_bool(m, "fatal", true) ? "warn" : wsi_level(m);
}

static int keep_credentials(struct flow *f, const json_t *list)
{
	const struct credentials_place kept = flow_credentials(f);
	int r;

	if (!json_array_size(list))
		return 0;
	f->told_credentials = true;
	do
		r = credentials_keep(&kept, list, &f->secrets);
	while (flow_waits(f, r));
	return r == -EFBIG ? flow_log(f, "warn", "the credentials are not kept: they have more than 64 KiB") : r;
}

int hear_message(struct flow *f, struct wsi_message *m)
{
	AUTO(screenshot_release) struct screenshot shot = { .owner = NULL };
	AUTO(buf_release) struct buf line = BUF_INIT, data = BUF_INIT;
	int r;

	/* A short secret would be found in the base64 of any picture. */
	if (m->kind == WSI_SCREENSHOT)
		screenshot_take(m, &shot);
	/* Before they become stars like all secrets. */
	if ((m->kind == WSI_ITERATION_COMPLETE || m->kind == WSI_ALL_WORK_COMPLETE) && (r = keep_credentials(f, wsi_tree(m, "credentials"))))
		return r;
	if ((m->kind == WSI_ITERATION_COMPLETE || m->kind == WSI_ALL_WORK_COMPLETE) && (r = project_keep(f, m)))
		return r;
	if ((r = redact_json(&f->secrets, m->json)))
		return r;
	m->type = json_string_value(json_object_get(m->json, "type"));
	if (!m->type)
		return 0;
	if ((r = wsi_line(m, &line)) || (r = wsi_data(m, JOURNAL_DATA_MAX, &data)) ||
	    (r = add_said(f, m->type, level_of(m), buf_str(&line), line.len, &data)))
		return r;
	f->farewell |= m->kind == WSI_SHUTDOWN_READY || m->kind == WSI_SHUTDOWN_FAILED;
	if (!wsi_link_take(&f->link, wsi_event_of(m)))
		return flow_log(f, "warn", "'%s' has no effect: the generator is %s", m->type, wsi_state_name(f->link.state));
	if (!flow_listens(f))
		return 0;
	if (shot.owner)
		return screenshot_keep(f, m, &shot);
	return handlers[m->kind] ? handlers[m->kind](f, m) : 0;
}

static void keep_tail(struct flow *f, const char *text, size_t n)
{
	if (strspn(text, " \t") == n)
		return;
	snprintf(f->tail[f->tail_next], TAIL_LINE_MAX + 1, "%.*s", (int)utf8_cut(text, n, TAIL_LINE_MAX), text);
	f->tail_next = (f->tail_next + 1) % TAIL_LINES;
}

/* Who connects over WebSocket has its output for the log. */
static bool speaks_lines(const struct flow *f)
{
	return f->is_wsi && !f->is_ws;
}

/* Until it has said ready, a process is a plain command, and what looks like a message is a line of its output. */
static bool is_for_us(const struct flow *f, const struct wsi_message *m)
{
	return speaks_lines(f) || (!f->is_wsi && m->kind == WSI_READY);
}

int hear_line(void *flow, bool is_err, char *text, size_t n)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;
	struct flow *f = flow;
	int r = is_err ? 0 : wsi_parse(text, n, &m, &why);

	if (r == 1 && is_for_us(f, &m))
		return hear_message(f, &m);
	if (r == -EBADMSG && speaks_lines(f))
		return flow_log(f, "warn", "ignored: %s", buf_str(&why));
	if (r == -ENOMEM)
		return r;
	n = redact_text(&f->secrets, text, n);
	keep_tail(f, text, n);
	return add_said(f, "log", is_err ? "warn" : "info", text, n, NULL);
}

static void add_tail(struct flow *f)
{
	bool first = true;

	for (int i = 0; i < TAIL_LINES; i++) {
		const char *line = f->tail[(f->tail_next + i) % TAIL_LINES];

		if (!*line)
			continue;
		buf_adds(&f->error, first ? ": " : "\n");
		utf8_printable(&f->error, line, strlen(line));
		first = false;
	}
}

void hear_end(struct flow *f)
{
	const char *whose = f->is_wsi ? "the generator" : "the command";
	const char *early = f->is_wsi ? " before its work was complete" : "";

	if (f->cancelling) {
		f->outcome = CANCELLED;
		return;
	}
	if (!f->is_wsi && WIFEXITED(f->status) && WEXITSTATUS(f->status) == 0) {
		f->outcome = RAN;
		return;
	}
	if (WIFSIGNALED(f->status) && WTERMSIG(f->status) == SIGXFSZ)
		flow_fail(f, "%s wrote a file over the limit of %lld bytes (--max-size) and was ended", whose, (long long)f->o->max_bytes);
	else if (WIFSIGNALED(f->status))
		flow_fail(f, "%s was ended by signal %d (%s)%s", whose, WTERMSIG(f->status), strsignal(WTERMSIG(f->status)), early);
	else
		flow_fail(f, "%s ended with exit code %d%s", whose, WEXITSTATUS(f->status), early);
	add_tail(f);
}
