#include "src/cmd/out.h"
#include "store/base/utf8.h"
#include "store/control.h"

#include <poll.h>
#include <stdarg.h>

void out_object(struct jw *j, struct buf *line, const char *message_type)
{
	jw_begin(j, line, 0);
	jw_object(j, NULL);
	jw_str(j, "message_type", message_type);
}

void out_object_more(struct jw *j)
{
	jw_end(j);
	fwrite(j->out->data, 1, j->out->len, stdout);
	fputc('\n', stdout);
}

void out_object_end(struct jw *j)
{
	out_object_more(j);
	/* Whoever follows a running command reads line by line. */
	fflush(stdout);
}

void out_url(const struct cli *cli, const char *key, const char *id, const char *url, int64_t seconds)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	char until[CLOCK_TEXT];
	struct jw j;

	if (!cli->json) {
		puts(url);
		return;
	}
	clock_format(clock_now(&(struct clock){ 0 }) + seconds, until);
	out_object(&j, &line, "url");
	jw_str(&j, key, id);
	jw_str(&j, "download_url", url);
	jw_str(&j, "expires_at", until);
	jw_int(&j, "expires_in", seconds);
	out_object_end(&j);
}

void out_json(struct jw *j, const char *key, const char *text)
{
	AUTO(buf_release) struct buf line = BUF_INIT;

	buf_adds(&line, text ? text : "null");
	/* Inside of its strings there are none: JSON wants them escaped. */
	for (size_t i = 0; i < line.len; i++)
		if (line.data[i] == '\n' || line.data[i] == '\r')
			line.data[i] = ' ';
	jw_raw(j, key, buf_str(&line));
}

void out_generation(struct jw *j, const struct generation *g)
{
	char hex[HEX_SHA256_SIZE];
	const struct { const char *name, *text; } texts[] = {
		{ "request_id", g->request_id }, { "uuid", g->uuid }, { "app_id", g->app_id }, { "user_id", g->user_id },
		{ "app_name", g->app_name }, { "prompt", g->prompt }, { "initial_prompt", g->initial_prompt },
		{ "status", g->status }, { "generation_type", g->generation_type }, { "mode", g->mode },
		{ "github_url", g->github_url }, { "github_commit", g->github_commit },
		{ "artifacts_github_url", g->artifacts_github_url }, { "deployment_url", g->deployment_url },
		{ "error_message", g->error_message }, { "last_session_id", g->last_session_id }, { "s3_path", g->s3_path },
		{ "parent_request_id", g->parent_request_id }, { "supabase_project_ref", g->supabase_project_ref },
		{ "created_at", g->created_at },
		{ "updated_at", g->updated_at }, { "completed_at", g->completed_at },
	};

	jw_int(j, "id", g->id);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		jw_str(j, texts[i].name, texts[i].text);
	jw_int(j, "generation_number", g->generation_number);
	jw_int(j, "max_iterations", g->max_iterations);
	jw_int(j, "current_iteration", g->current_iteration);
	if (g->metadata_id) {
		hex_encode(g->archive_sha256, SHA256_SIZE, hex);
		jw_int(j, "archive_size", g->archive_size);
		jw_str(j, "archive_sha256", hex);
		jw_bool(j, "evicted", g->away);
	}
}

void out_question(struct jw *j, const struct question *q)
{
	jw_str(j, "decision_id", q->decision_id);
	jw_str(j, "parent_id", q->parent_id);
	jw_str(j, "action", q->action);
	jw_str(j, "question", q->prompt);
	jw_str(j, "suggested_task", q->suggested_task);
	out_json(j, "options", q->options);
	jw_bool(j, "allow_editor", q->allow_editor);
	jw_str(j, "asked_at", q->asked_at);
	jw_str(j, "until", q->until);
}

void table_begin(struct table *t, const char *const *titles, size_t columns, const char *align)
{
	*t = (struct table){ .titles = titles, .columns = columns, .align = align };
}

void table_cell(struct table *t, const char *text)
{
	text = text && *text ? text : "-";
	utf8_printable(&t->cells, text, strlen(text));
	buf_addc(&t->cells, '\0');
}

void table_cellf(struct table *t, const char *fmt, ...)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	table_cell(t, buf_str(&text));
}

/* Characters, not bytes; double-width ones are not looked up. */
static size_t width(const char *s)
{
	size_t n = 0;

	for (; *s; s++)
		n += (*s & 0xc0) != 0x80;
	return n;
}

static void print_cell(const char *s, size_t column, size_t pad, char align, bool last)
{
	if (column)
		fputs("  ", stdout);
	if (align == 'r')
		printf("%*s", (int)pad, "");
	fputs(s, stdout);
	if (align != 'r' && !last)
		printf("%*s", (int)pad, "");
}

void table_end(struct table *t)
{
	enum { COLUMNS_MAX = 16 };
	size_t widths[COLUMNS_MAX] = { 0 };
	const char *p = buf_str(&t->cells), *end = p + t->cells.len;
	size_t column = 0;

	if (p == end || t->columns > COLUMNS_MAX)
		goto out;
	for (size_t i = 0; i < t->columns; i++)
		widths[i] = width(t->titles[i]);
	for (const char *s = p; s < end; s += strlen(s) + 1, column = (column + 1) % t->columns)
		if (width(s) > widths[column])
			widths[column] = width(s);
	for (size_t i = 0; i < t->columns && !t->untitled; i++)
		print_cell(t->titles[i], i, widths[i] - width(t->titles[i]), t->align[i], i + 1 == t->columns);
	if (!t->untitled)
		putchar('\n');
	column = 0;
	for (const char *s = p; s < end; s += strlen(s) + 1) {
		print_cell(s, column, widths[column] - width(s), t->align[column], column + 1 == t->columns);
		column = (column + 1) % t->columns;
		if (!column)
			putchar('\n');
	}
out:
	buf_release(&t->cells);
}

const char *human_bytes(int64_t n, char out[HUMAN_SIZE])
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB", "PB" };
	double v = (double)n;
	size_t unit = 0;

	for (; v >= 999.5 && unit + 1 < ARRAY_LEN(units); unit++)
		v /= 1000;
	snprintf(out, HUMAN_SIZE, unit && v < 99.95 ? "%.1f %s" : "%.0f %s", v, units[unit]);
	return out;
}

const char *human_ms(int64_t ms, char out[HUMAN_SIZE])
{
	if (ms < 60000)
		snprintf(out, HUMAN_SIZE, "%.1f s", (double)ms / 1000);
	else if (ms < 3600000)
		snprintf(out, HUMAN_SIZE, "%lld min %02lld s", (long long)(ms / 60000), (long long)(ms / 1000 % 60));
	else
		snprintf(out, HUMAN_SIZE, "%lld h %02lld min", (long long)(ms / 3600000), (long long)(ms / 60000 % 60));
	return out;
}

int out_flush(void)
{
	return fflush(stdout) || ferror(stdout) ? -(errno ? errno : EIO) : 0;
}

/* errno can be an older one's by now; a pipe without a reader says so itself. Told on stderr in any case: stdout is what failed. */
int out_failed(struct cli *cli)
{
	struct cli plain = { .color = cli->color };
	int error = errno ? errno : EIO;
	struct pollfd fd = { .fd = STDOUT_FILENO };

	if (error == EPIPE || (poll(&fd, 1, 0) > 0 && fd.revents & POLLERR))
		return EXIT_DONE;
	return cli_error(&plain, EXIT_FAILED, "cannot write the output: %s", strerror(error));
}

int out_bytes(struct cli *cli, const void *data, size_t n)
{
	if (fwrite(data, 1, n, stdout) == n)
		return 0;
	return out_failed(cli);
}

void progress_begin(struct progress *p, const struct cli *cli, const char *what, int64_t total)
{
	*p = (struct progress){ .cli = cli, .what = what, .total = total, .began_ms = clock_ms() };
}

/* Bytes a second since it began, 0: too early to say. */
static int64_t rate_of(const struct progress *p, int64_t done)
{
	int64_t ms = clock_ms() - p->began_ms;

	return ms >= 500 ? done * 1000 / ms : 0;
}

static int64_t seconds_left(const struct progress *p, int64_t done, int64_t rate)
{
	return rate > 0 && p->total > done ? (p->total - done + rate - 1) / rate : 0;
}

static void progress_object(struct progress *p, int64_t done, const char *unit)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	int64_t rate = strcmp(unit, "bytes") ? 0 : rate_of(p, done);
	struct jw j;

	out_object(&j, &line, "progress");
	jw_str(&j, "what", p->what);
	jw_int(&j, "done", done);
	if (p->total)
		jw_int(&j, "total", p->total);
	jw_str(&j, "unit", unit);
	if (rate) {
		jw_int(&j, "bytes_per_second", rate);
		jw_int(&j, "seconds_left", seconds_left(p, done, rate));
	}
	out_object_end(&j);
}

static void progress_rate(const struct progress *p, int64_t done)
{
	int64_t rate = rate_of(p, done), left = seconds_left(p, done, rate);
	char human[HUMAN_SIZE];

	if (rate)
		fprintf(stderr, ", %s/s", human_bytes(rate, human));
	if (left)
		fprintf(stderr, ", %s left", human_ms(left * 1000, human));
}

static void progress_bar(struct progress *p, int64_t done, const char *unit)
{
	enum { CELLS = 24 };
	static const char full[] = "########################", empty[] = "........................";
	int cells = p->total > 0 ? (int)(min_i64(done, p->total) * CELLS / p->total) : 0;
	char human[HUMAN_SIZE];
	const char *amount = human_bytes(done, human);

	if (strcmp(unit, "bytes") != 0)
		snprintf(human, sizeof(human), "%lld %s", (long long)done, unit);
	if (p->total > 0)
		fprintf(stderr, "\r\033[K%s [%.*s%.*s] %s", p->what, cells, full, CELLS - cells, empty, amount);
	else
		fprintf(stderr, "\r\033[K%s: %s", p->what, amount);
	if (!strcmp(unit, "bytes"))
		progress_rate(p, done);
	p->shown = true;
}

void progress_update(struct progress *p, int64_t done, const char *unit)
{
	int64_t now = clock_ms();

	if (p->cli->verbosity < 0 || now - p->last_ms < 200)
		return;
	p->last_ms = now;
	if (p->cli->json)
		progress_object(p, done, unit);
	else if (isatty(STDERR_FILENO))
		progress_bar(p, done, unit);
}

void progress_end(struct progress *p)
{
	if (p->shown)
		fputs("\r\033[K", stderr);
	p->shown = false;
}
