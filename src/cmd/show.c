/* genstore show */
#include "src/cmd/out.h"
#include "src/cmd/rev.h"
#include "src/cmd/sync_state.h"
#include "store/artifact.h"
#include "store/base/utf8.h"
#include "store/control.h"
#include "store/event.h"
#include "store/run.h"

#include <jansson.h>

/* What there is to say beside the row itself. */
struct facts {
	struct cost cost;
	struct iteration last; /* id 0: there is none */
	int64_t log, screenshots, screenshot_bytes;
	json_t *left_out; /* of the last iteration's metadata, or NULL */
	json_t *metadata;
	struct question question; /* decision_id NULL: nothing is asked */
	struct run run;           /* how it is run, where that is kept */
	struct sync_state sync;
	char *schema; /* schema_snapshot, or NULL */
};

static void facts_release(struct facts *f)
{
	iteration_release(&f->last);
	json_decref(f->metadata);
	question_release(&f->question);
	run_release(&f->run);
	sync_state_release(&f->sync);
	free(f->schema);
}

static int count_screenshots(struct genstore *st, const struct generation *g, struct facts *f)
{
	struct artifact_filter filter = { .type = "screenshot" };
	struct session s;
	int r = generation_session(st, g, &s);

	if (r)
		return r == -ENOENT ? 0 : r;
	filter.session_id = s.id;
	filter.organization_id = s.organization_id;
	return artifact_total(st, &filter, &f->screenshots, &f->screenshot_bytes);
}

static int facts_get(struct genstore *st, const struct revision *rev, struct facts *f)
{
	int64_t id = rev->generation.id;
	int r;

	if ((r = cost_total(st, id, &f->cost)) || (r = log_size(st, id, &f->log)) || (r = sync_state_get(st, id, &f->sync)) ||
	    (r = count_screenshots(st, &rev->generation, f)) || (r = generation_schema(st, id, &f->schema)))
		return r;
	if ((r = question_get(st, id, &f->question)) && r != -ENOENT)
		return r;
	if ((r = run_get(st, id, &f->run)) && r != -ENOENT)
		return r;
	if (rev->snapshot && (r = iteration_get(st, rev->snapshot, &f->last)))
		return r;
	if (f->last.metadata)
		f->metadata = json_loads(f->last.metadata, 0, NULL);
	f->left_out = json_object_get(f->metadata, "left_out");
	return 0;
}

static int64_t number(const json_t *o, const char *key)
{
	return json_integer_value(json_object_get(o, key));
}

PRINTF(2, 3)
static void line(const char *key, const char *fmt, ...)
{
	AUTO(buf_release) struct buf text = BUF_INIT, safe = BUF_INIT;
	va_list ap;

	va_start(ap, fmt);
	buf_vaddf(&text, fmt, ap);
	va_end(ap);
	utf8_printable(&safe, buf_str(&text), text.len);
	printf("%-16s %s\n", key, buf_str(&safe));
}

static void text(const char *key, const char *value)
{
	if (value && *value)
		line(key, "%s", value);
}

/* A prompt keeps its lines; the later ones stand below the first. */
static void paragraph(const char *key, const char *value)
{
	for (size_t n; value && *value; value += n + (value[n] == '\n'), key = "") {
		n = strcspn(value, "\n");
		line(key, "%.*s", (int)min_i64((int64_t)n, INT32_MAX), value);
	}
}

static void print_archive(const struct generation *g)
{
	char hex[HEX_SHA256_SIZE], human[HUMAN_SIZE];

	if (!g->metadata_id)
		return;
	hex_encode(g->archive_sha256, SHA256_SIZE, hex);
	line("archive:", "%s (%lld bytes)%s", human_bytes(g->archive_size, human), (long long)g->archive_size,
	     g->away ? ", evicted: in the bucket only" : g->content_id ? ", from outside" : "");
	text("archive sha256:", hex);
}

static void print_left_out(const json_t *left_out)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	const json_t *name;
	size_t i;

	if (!number(left_out, "ignored") && !number(left_out, "secrets"))
		return;
	json_array_foreach(json_object_get(left_out, "names"), i, name)
		buf_addf(&names, "%s%s", i ? ", " : ": ", json_is_string(name) ? json_string_value(name) : "?");
	line("left out:", "%lld ignored, %lld secret%s", (long long)number(left_out, "ignored"),
	     (long long)number(left_out, "secrets"), buf_str(&names));
}

static void print_tree(const struct facts *f)
{
	char human[HUMAN_SIZE];

	if (!f->last.id || (f->last.away && !f->last.files))
		return;
	line("tree:", "%lld files, %s", (long long)f->last.files, human_bytes(f->last.bytes, human));
	print_left_out(f->left_out);
	if (number(f->left_out, "changing"))
		line("changing:", "%lld files changed while they were read", (long long)number(f->left_out, "changing"));
}

static void print_cost(const struct cost *c)
{
	char human[HUMAN_SIZE];

	if (!c->iteration)
		return;
	line("tokens:", "%lld in, %lld out", (long long)c->input_tokens, (long long)c->output_tokens);
	line("cost:", "%.6g USD", c->cost_usd);
	text("duration:", human_ms(c->duration_ms, human));
}

static void print_question(const struct question *q)
{
	paragraph("asks:", q->prompt);
	text("suggested:", q->suggested_task);
	text("options:", q->options);
	text("until:", q->until);
}

/* What it needs of the environment; where that is missing, it stays in the queue. */
static void print_variables(const struct run *run)
{
	AUTO(buf_release) struct buf names = BUF_INIT;

	for (size_t i = 0; i < run->env_count; i++)
		buf_addf(&names, "%s%s", i ? ", " : "", run->env[i]);
	text("variables:", buf_str(&names));
}

static void print_sync(const struct sync_state *s, int64_t size)
{
	for (int i = 0; i < OUTBOX_REMOTES; i++) {
		const struct sync_place *p = &s->places[i];
		const char *more = p->row.error ? p->row.error : p->row.url;
		char words[32];

		if (!p->row.id)
			continue;
		sync_state_words(p, size, words);
		line(i == OUTBOX_S3 ? "sync:" : "sync to github:", "%s%s%s", words, more ? ", " : "", more ? more : "");
	}
}

/* "users (3), posts (2)": names, and how many columns. The column is anybody's who has the file. */
static void print_schema(const char *schema)
{
	AUTO(buf_release) struct buf names = BUF_INIT;
	json_t *j = schema ? json_loads(schema, 0, NULL) : NULL;
	const json_t *table;
	size_t i;

	json_array_foreach(json_object_get(j, "tables"), i, table) {
		const char *name = json_string_value(json_object_get(table, "name"));

		buf_addf(&names, "%s%s (%zu)", i ? ", " : "", name ? name : "?", json_array_size(json_object_get(table, "columns")));
	}
	text("tables:", buf_str(&names));
	json_decref(j);
}

static void print_text(const struct generation *g, const struct facts *f)
{
	char human[HUMAN_SIZE];

	text("request id:", g->request_id);
	line("app:", "%s/%lld", g->app_name, (long long)g->generation_number);
	text("app id:", g->app_id);
	text("user id:", g->user_id);
	text("uuid:", g->uuid);
	text("status:", g->status);
	paragraph("error:", g->error_message);
	line("type:", "%s, %s", g->generation_type, g->mode);
	text("parent:", g->parent_request_id);
	line("iterations:", "%lld of %lld", (long long)g->current_iteration, (long long)g->max_iterations);
	print_question(&f->question);
	print_variables(&f->run);
	text("created:", g->created_at);
	text("completed:", g->completed_at);
	print_tree(f);
	print_schema(f->schema);
	text("supabase:", g->supabase_project_ref);
	print_archive(g);
	print_cost(&f->cost);
	text("log:", human_bytes(f->log, human));
	if (f->screenshots)
		line("screenshots:", "%lld, %s: genstore artifact list --session %s", (long long)f->screenshots,
		     human_bytes(f->screenshot_bytes, human), g->request_id);
	text("github:", g->github_url);
	text("commit:", g->github_commit);
	text("artifacts:", g->artifacts_github_url);
	text("deployment:", g->deployment_url);
	text("s3:", g->s3_path);
	print_sync(&f->sync, g->archive_size);
	text("session:", g->last_session_id);
	paragraph("prompt:", g->prompt);
	if (g->initial_prompt && (!g->prompt || strcmp(g->initial_prompt, g->prompt) != 0))
		paragraph("initial prompt:", g->initial_prompt);
}

static void print_object(const struct generation *g, const struct facts *f)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	AUTO(free_ptr) char *left_out = f->left_out ? json_dumps(f->left_out, JSON_COMPACT) : NULL;
	struct jw j;

	out_object(&j, &out, "generation");
	out_generation(&j, g);
	if (f->last.id) {
		jw_int(&j, "files", f->last.files);
		jw_int(&j, "bytes", f->last.bytes);
	}
	if (left_out)
		jw_raw(&j, "left_out", left_out);
	if (f->question.decision_id) {
		jw_object(&j, "question");
		out_question(&j, &f->question);
		jw_end(&j);
	}
	jw_array(&j, "env");
	for (size_t i = 0; i < f->run.env_count; i++)
		jw_str(&j, NULL, f->run.env[i]);
	jw_end(&j);
	out_json(&j, "schema_snapshot", f->schema);
	jw_int(&j, "log_size", f->log);
	sync_state_json(&j, &f->sync, g);
	jw_int(&j, "screenshots", f->screenshots);
	jw_object(&j, "costs");
	jw_int(&j, "input_tokens", f->cost.input_tokens);
	jw_int(&j, "output_tokens", f->cost.output_tokens);
	jw_int(&j, "duration_ms", f->cost.duration_ms);
	jw_real(&j, "cost_usd", f->cost.cost_usd);
	jw_end(&j);
	out_object_end(&j);
}

static int run(struct cli *cli, int argc UNUSED, char **argv)
{
	AUTO(revision_release) struct revision rev = { 0 };
	AUTO(facts_release) struct facts f = { 0 };
	int r;

	if ((r = cli_open(cli, GENSTORE_READ_ONLY)) || (r = cli_generation(cli, argv[0], &rev)))
		return r;
	if ((r = facts_get(cli->st, &rev, &f)))
		return cli_fail(cli, r);
	if (cli->json)
		print_object(&rev.generation, &f);
	else
		print_text(&rev.generation, &f);
	return EXIT_DONE;
}

const struct command command_show = {
	.name = "show", .access = FOR_USERS, .arguments = "REQ", .summary = "shows one generation in full", .run = run,
	.min_args = 1, .max_args = 1,
};
