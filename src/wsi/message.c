#include "src/wsi/message.h"
#include "store/base/utf8.h"

#include <math.h>

enum { REQUIRED_MAX = 4, TYPE_SHOWN = 64 /* bytes of an unknown one */ };

/*
 * What each type is. `required` is a field with a letter for what it holds: s text, n number, v anything but null.
 * `line` is the message for people: {field} is its text or number; a part in [ ] is left out unless all of its fields are there.
 */
struct wsi_type {
	const char *name;
	const char *level; /* unless the message has its own */
	const char *line;
	const char *required[REQUIRED_MAX];
};

static const struct wsi_type types[WSI_KINDS] = {
	[WSI_READY] = { "ready", "debug", "generator is ready[ ({generator_mode})]", { NULL } },
	[WSI_LOG] = { "log", "info", "{line}", { "s:line" } },
	[WSI_CONVERSATION_LOG] = { "conversation_log", "info", "{agent} {entry_type}[: {content}][: {message}][: {error_message}]",
				   { "v:timestamp", "s:entry_type", "s:agent" } },
	[WSI_PROGRESS] = { "progress", "info", "[{stage}][: {step}][ ({percentage} %)][ iteration {iteration}][ of {total_iterations}]",
			   { NULL } },
	[WSI_DECISION_PROMPT] = { "decision_prompt", "info", "asks: {prompt}", { "s:id", "s:prompt" } },
	[WSI_DECISION_FOLLOW_UP] = { "decision_follow_up", "info", "asks ({action}): {prompt}",
				     { "s:id", "s:parent_id", "s:prompt", "s:action" } },
	[WSI_SESSION_LOADED] = { "session_loaded", "info", "session {session_id} loaded[, {iterations} iterations]",
				 { "s:session_id", "s:app_path" } },
	[WSI_SESSION_SAVED] = { "session_saved", "info", "session {session_id} saved", { "s:session_id", "s:app_path" } },
	[WSI_SESSION_CLEARED] = { "session_cleared", "info", "session cleared", { "s:app_path" } },
	[WSI_CONTEXT_DISPLAY] = { "context_display", "info", "context[ of session {session_id}][, {iterations} iterations][: {last_action}]",
				  { "s:app_path" } },
	[WSI_ITERATION_COMPLETE] = { "iteration_complete", "info", "iteration {iteration} is complete[, {iteration_cost} USD]",
				     { "n:iteration", "s:app_path" } },
	[WSI_ALL_WORK_COMPLETE] = { "all_work_complete", "info",
				    "all work is complete ({completion_reason}), {total_iterations} iterations[, {total_cost} USD]",
				    { "s:completion_reason", "s:app_path", "n:total_iterations" } },
	[WSI_TASK_INTERRUPTED] = { "task_interrupted", "warn", "task interrupted[ in iteration {iteration}]", { "s:app_path" } },
	[WSI_ERROR] = { "error", "error", "{message}[ ({error_code})][; {recovery_hint}]", { "s:message" } },
	[WSI_SCREENSHOT] = { "screenshot", "info", "screenshot {filename}[ ({width} x {height})][: {description}]",
			     { "v:timestamp", "s:image_base64", "s:filename" } },
	[WSI_SUMMARY_UPDATE] = { "summary_update", "debug", "summary[ of {entry_count} entries]", { NULL } },
	[WSI_PROCESS_MONITOR] = { "process_monitor", "debug", "monitor[: {summary}]", { NULL } },
	[WSI_FRIENDLY_LOG] = { "friendly_log", "info", "{category}: {message}", { "s:message", "s:category", "v:timestamp" } },
	[WSI_SHUTDOWN_READY] = { "shutdown_ready", "info", "ready to shut down[: {message}][ ({commit_hash})]", { NULL } },
	[WSI_SHUTDOWN_FAILED] = { "shutdown_failed", "warn", "shutdown failed: {reason}", { "s:reason" } },
};

static enum wsi_kind kind_of(const char *type)
{
	for (int k = WSI_UNKNOWN + 1; k < WSI_KINDS; k++)
		if (strcmp(types[k].name, type) == 0)
			return (enum wsi_kind)k;
	return WSI_UNKNOWN;
}

static bool is_there(const json_t *v, char what)
{
	return what == 's' ? json_is_string(v) : what == 'n' ? json_is_number(v) : v && !json_is_null(v);
}

/* The first required field that is not as it should be, NULL when all are. */
static const char *missing(const struct wsi_type *t, const json_t *object)
{
	for (size_t i = 0; i < REQUIRED_MAX && t->required[i]; i++)
		if (!is_there(json_object_get(object, t->required[i] + 2), t->required[i][0]))
			return t->required[i];
	return NULL;
}

/* A tree of values takes many times the memory of its text. Text in quotes does not. */
static bool has_many_values(const char *text, size_t n)
{
	bool quoted = false;
	size_t values = 0;

	for (size_t i = 0; i < n && values <= WSI_VALUES_MAX; i++) {
		if (quoted && text[i] == '\\')
			i++;
		else if (text[i] == '"')
			quoted = !quoted;
		else
			values += !quoted && (text[i] == ',' || text[i] == '[' || text[i] == '{');
	}
	return values > WSI_VALUES_MAX;
}

void wsi_release(struct wsi_message *m)
{
	json_decref(m->json);
	*m = (struct wsi_message){ 0 };
}

int wsi_parse(const char *text, size_t n, struct wsi_message *ret_m, struct buf *why)
{
	AUTO(wsi_release) struct wsi_message m = { 0 };
	size_t start = 0;
	const char *field;

	while (start < n && (text[start] == ' ' || text[start] == '\t'))
		start++;
	if (start == n || text[start] != '{')
		return 0;
	if (n > WSI_MESSAGE_MAX || (n > WSI_VALUES_MAX && has_many_values(text, n)))
		return -EFBIG;
	m.json = json_loadb(text + start, n - start, JSON_ALLOW_NUL, NULL);
	m.type = json_string_value(json_object_get(m.json, "type"));
	if (!m.type)
		return 0;
	m.kind = kind_of(m.type);
	field = m.kind ? missing(&types[m.kind], m.json) : NULL;
	if (field) {
		buf_addf(why, "message '%s' without its %s '%s'", m.type, *field == 's' ? "text" : *field == 'n' ? "number" : "field",
			 field + 2);
		return -EBADMSG;
	}
	*ret_m = m;
	m.json = NULL;
	return 1;
}

const char *wsi_text(const struct wsi_message *m, const char *field)
{
	return json_string_value(json_object_get(m->json, field));
}

double wsi_real(const struct wsi_message *m, const char *field, double otherwise)
{
	const json_t *v = json_object_get(m->json, field);

	return json_is_number(v) ? json_number_value(v) : otherwise;
}

int64_t wsi_int(const struct wsi_message *m, const char *field, int64_t otherwise)
{
	const json_t *v = json_object_get(m->json, field);
	double real;

	if (json_is_integer(v))
		return json_integer_value(v);
	real = json_is_real(v) ? json_real_value(v) : NAN;
	return fabs(real) < 9e15 ? (int64_t)real : otherwise;
}

int64_t wsi_count(const struct wsi_message *m, const char *field, int64_t otherwise)
{
	return max_i64(0, min_i64(wsi_int(m, field, otherwise), WSI_COUNT_MAX));
}

double wsi_cost(const struct wsi_message *m, const char *field, double otherwise)
{
	return fmax(0, fmin(wsi_real(m, field, otherwise), (double)WSI_COUNT_MAX));
}

bool wsi_bool(const struct wsi_message *m, const char *field, bool otherwise)
{
	const json_t *v = json_object_get(m->json, field);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

json_t *wsi_tree(const struct wsi_message *m, const char *field)
{
	json_t *v = json_object_get(m->json, field);

	return json_is_object(v) || json_is_array(v) ? v : NULL;
}

const char *wsi_level(const struct wsi_message *m)
{
	static const struct { const char *said, *level; } levels[] = {
		{ "debug", "debug" }, { "info", "info" }, { "warn", "warn" }, { "warning", "warn" }, { "error", "error" },
	};
	const char *said = wsi_text(m, "level");

	for (size_t i = 0; said && i < ARRAY_LEN(levels); i++)
		if (strcmp(said, levels[i].said) == 0)
			return levels[i].level;
	return m->kind ? types[m->kind].level : "debug";
}

/* Text as it is, numbers shortly. False when the field is neither. */
static bool add_field(struct buf *out, const json_t *object, const char *name, size_t n)
{
	const json_t *v = json_object_getn(object, name, n);

	if (json_is_string(v))
		buf_add(out, json_string_value(v), utf8_cut(json_string_value(v), json_string_length(v), WSI_FIELD_MAX));
	else if (json_is_integer(v))
		buf_addf(out, "%lld", (long long)json_integer_value(v));
	else if (json_is_real(v))
		buf_addf(out, "%.6g", json_real_value(v));
	else
		return false;
	return json_is_string(v) ? json_string_length(v) > 0 : true;
}

/* Writes a template up to its end or `stop`; returns where it ended. *ret_all: every field in it was there. */
static const char *fill(struct buf *out, const json_t *object, const char *p, char stop, bool *ret_all)
{
	*ret_all = true;
	while (*p && *p != stop) {
		size_t n = strcspn(p, "{[]}");

		if (*p == '[') {
			AUTO(buf_release) struct buf part = BUF_INIT;
			bool all;

			p = fill(&part, object, p + 1, ']', &all);
			if (all)
				buf_add(out, part.data, part.len);
			p += *p == ']';
		} else if (*p == '{') {
			n = strcspn(p, "}");
			*ret_all &= add_field(out, object, p + 1, n - 1);
			p += n + 1;
		} else {
			buf_add(out, p, n);
			p += n;
		}
	}
	return p;
}

int wsi_line(const struct wsi_message *m, struct buf *out)
{
	bool all;

	if (m->kind)
		fill(out, m->json, types[m->kind].line, '\0', &all);
	else
		buf_addf(out, "message of unknown type '%.*s'", (int)utf8_cut(m->type, strlen(m->type), TYPE_SHOWN), m->type);
	return buf_error(out);
}

/* A copy without values of credentials and bytes of images: a log is not the place for them. */
static json_t *without_bytes(const json_t *object)
{
	json_t *copy = json_copy((json_t *)(uintptr_t)object);
	json_t *list = json_object_get(copy, "credentials"), *kept = json_array();

	for (size_t i = 0; i < json_array_size(list); i++)
		json_array_append_new(kept, json_pack("{s:O?}", "key", json_object_get(json_array_get(list, i), "key")));
	if (list)
		json_object_set(copy, "credentials", kept);
	json_decref(kept);
	if (json_object_get(copy, "image_base64"))
		json_object_set_new(copy, "image_base64", json_null());
	return copy;
}

/* SQLite's json_valid() gives up at 2,000 levels; nothing that people log comes near. */
static bool is_deep(const struct buf *text)
{
	enum { DEPTH_MAX = 1000 };
	bool quoted = false;
	int depth = 0;

	for (size_t i = 0; i < text->len; i++) {
		uint8_t c = text->data[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && (c == '{' || c == '[') && ++depth > DEPTH_MAX)
			return true;
		else if (!quoted && (c == '}' || c == ']'))
			depth--;
	}
	return false;
}

/* Counts what is too much to keep. */
struct dumped {
	struct buf *text;
	size_t size, max;
};

static int dump(const char *data, size_t n, void *arg)
{
	struct dumped *d = arg;

	d->size += n;
	return d->size <= d->max ? buf_add(d->text, data, n) : 0;
}

int wsi_data(const struct wsi_message *m, size_t max, struct buf *out)
{
	json_t *copy = without_bytes(m->json);
	AUTO(buf_release) struct buf text = BUF_INIT;
	struct dumped d = { .text = &text, .max = max };
	struct jw j;
	int r = copy ? json_dump_callback(copy, dump, &d, JSON_COMPACT) : -1;

	json_decref(copy);
	if (r)
		return -ENOMEM;
	if (d.size <= max && !is_deep(&text))
		return buf_add(out, text.data, text.len);
	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "type", m->type);
	jw_int(&j, "left_out_bytes", (int64_t)d.size);
	jw_end(&j);
	return buf_error(out);
}
