/* /api/generations: what was generated, and what is asked for. */
#include "src/cmd/out.h"
#include "src/config/resolve.h"
#include "src/flow/flow.h"
#include "src/serve/api_generation.h"
#include "src/serve/events.h"
#include "store/app.h"

#include <jansson.h>

enum { PAGE = 100, PAGE_MAX = 1000, BODY_MAX = 256 << 10 };

static int not_found(struct request *q)
{
	int r = reply_error(q, 404, "Generation not found", NULL, false);

	return r ? r : 1;
}

int generation_find(struct request *q, struct genstore *st, struct generation *ret_g)
{
	AUTO(buf_release) struct buf id = BUF_INIT;
	int r = api_name(q, 0, &id);

	if (r)
		return r;
	r = generation_by_request(st, buf_str(&id), ret_g);
	if (r == -ENOENT)
		return not_found(q);
	if (!r)
		return 0;
	r = reply_store(q, r, st);
	return r ? r : 1;
}

static int write_page(struct genstore *st, int64_t before, int64_t limit, struct buf *out)
{
	TXN t = txn_begin_read(&st->db);
	AUTO(free_ptr) char *next = NULL;
	struct jw j;
	int r = t.error ? t.error : 1;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_array(&j, "generations");
	while (r > 0 && limit-- > 0) {
		AUTO(generation_release) struct generation g = { 0 };

		if ((r = generation_before(st, before, &g)) <= 0)
			break;
		before = g.id;
		jw_object(&j, NULL);
		out_generation(&j, &g);
		jw_end(&j);
		free(next);
		next = MOVE(g.request_id);
	}
	jw_end(&j);
	jw_str(&j, "next", r > 0 ? next : NULL);
	jw_end(&j);
	return r < 0 ? r : buf_error(out);
}

/* ?limit=100&before=req_x: newest first; `next` is what to say as before. */
static int list(struct request *q)
{
	AUTO(buf_release) struct buf body = BUF_INIT, name = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int64_t limit = PAGE, before = INT64_MAX;
	int r = url_query_int(q->path, "limit", &limit);

	if (r < 0 || limit < 1 || limit > PAGE_MAX)
		return reply_error(q, 422, "'limit' is from 1 to 1000", NULL, false);
	if ((r = api_borrow(q, API_READ, &l)))
		return api_answered(r);
	r = url_query(q->path, "before", &name);
	if (r < 0 || (r > 0 && generation_id(l.st, buf_str(&name), &before)))
		return reply_error(q, 422, "'before' is the request id of a generation", NULL, false);
	if ((r = write_page(l.st, before, limit, &body)))
		return reply_store(q, r, l.st);
	return reply_json(q, 200, &body);
}

static int write_one(struct genstore *st, const struct generation *g, struct buf *out)
{
	AUTO(question_release) struct question asked = { 0 };
	struct cost c = { 0 };
	struct jw j;
	int r = cost_total(st, g->id, &c);

	if (!r && (r = question_get(st, g->id, &asked)) == -ENOENT)
		r = 0;
	if (r)
		return r;
	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	out_generation(&j, g);
	jw_object(&j, "costs");
	jw_int(&j, "input_tokens", c.input_tokens);
	jw_int(&j, "output_tokens", c.output_tokens);
	jw_int(&j, "duration_ms", c.duration_ms);
	jw_real(&j, "cost_usd", c.cost_usd);
	jw_end(&j);
	if (asked.decision_id) {
		jw_object(&j, "question");
		out_question(&j, &asked);
		jw_end(&j);
	}
	jw_end(&j);
	return buf_error(out);
}

int generation_reply(struct request *q, int status, struct genstore *st, const struct generation *g, const char *location)
{
	const struct reply_field fields[] = { { "Cache-Control", "no-store" }, { "Location", location }, { 0 } };
	AUTO(buf_release) struct buf body = BUF_INIT;
	int r = write_one(st, g, &body);

	return r ? reply_store(q, r, st) : reply_text(q, status, "application/json", &body, fields);
}

static int show(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	return generation_reply(q, 200, l.st, &g, NULL);
}

static int write_iterations(struct genstore *st, const struct generation *g, struct buf *out)
{
	int64_t after = 0;
	struct jw j;
	int r = 1;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "request_id", g->request_id);
	jw_array(&j, "iterations");
	while (r > 0) {
		AUTO(iteration_release) struct iteration it = { 0 };

		if ((r = iteration_next(st, g->id, after, &it)) <= 0)
			break;
		after = it.id;
		jw_object(&j, NULL);
		jw_int(&j, "id", it.id);
		jw_int(&j, "iteration_number", it.number);
		jw_str(&j, "snapshot_type", it.snapshot_type);
		jw_str(&j, "prompt_used", it.prompt_used);
		jw_str(&j, "timestamp", it.timestamp);
		out_json(&j, "metadata", it.metadata);
		jw_int(&j, "files", it.files);
		jw_int(&j, "bytes", it.bytes);
		jw_end(&j);
	}
	jw_end(&j);
	jw_end(&j);
	return r ? r : buf_error(out);
}

static int iterations(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	if ((r = write_iterations(l.st, &g, &body)))
		return reply_store(q, r, l.st);
	return reply_json(q, 200, &body);
}

static int archive(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(object_unrefp) struct object *bytes = NULL;
	AUTO(loan_end) struct loan l = { 0 };
	char etag[HEX_SHA256_SIZE];
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	if ((r = generation_archive(l.st, &g, &bytes)))
		return reply_store(q, r, l.st);
	hex_encode(g.archive_sha256, SHA256_SIZE, etag);
	return reply_object(q, &(struct reply_object){ bytes, request_api(q)->pools[API_READ], "application/gzip", etag, "app.tar.gz" });
}

static int remove_one(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_WRITE, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	r = generation_remove(l.st, g.id);
	if (r == -EBUSY && generation_is_final(g.status) == false)
		return reply_error(q, 409, genstore_errmsg(l.st), NULL, false);
	return r ? reply_store(q, r, l.st) : reply_text(q, 204, NULL, &(struct buf)BUF_INIT, NULL);
}

/* What is asked for, out of its JSON; the words of what is wrong with it, or NULL. */
static const char *read_request(const json_t *o, struct flow_options *f)
{
	static const char *const known[] = { "app_name", "prompt", "mode", "max_iterations" };
	const json_t *count = json_object_get(o, "max_iterations"), *mode = json_object_get(o, "mode");
	const char *key;
	json_t *value;
	bool single;

	if (!json_is_object(o))
		return "the body is a JSON object with app_name and prompt";
	json_object_foreach((json_t *)(uintptr_t)o, key, value) {
		bool is = false;

		for (size_t i = 0; i < ARRAY_LEN(known); i++)
			is |= strcmp(key, known[i]) == 0;
		if (!is)
			return "there are app_name, prompt, mode and max_iterations, and no other fields";
	}
	f->app_name = json_string_value(json_object_get(o, "app_name"));
	f->prompt = json_string_value(json_object_get(o, "prompt"));
	f->mode = mode ? json_string_value(mode) : NULL;
	f->max_iterations = count ? json_integer_value(count) : 0;
	if (!f->app_name || !app_name_valid(f->app_name))
		return "app_name is up to 200 bytes of text without / : @, not beginning with req_ or -";
	if (!f->prompt || f->prompt[strspn(f->prompt, " \t\r\n")] == '\0' || strlen(f->prompt) > FLOW_PROMPT_MAX)
		return "prompt says what to build, in at most 131000 bytes";
	if (mode && (!f->mode || (strcmp(f->mode, "single-shot") && strcmp(f->mode, "autonomous") && strcmp(f->mode, "confirm_first"))))
		return "mode is single-shot, autonomous or confirm_first";
	if (count && (!json_is_integer(count) || f->max_iterations < 1 || f->max_iterations > FLOW_ITERATIONS_MAX))
		return "max_iterations is from 1 to 1000";
	single = f->mode ? !strcmp(f->mode, "single-shot") : f->max_iterations <= 1;
	if (single && f->max_iterations > 1)
		return "mode single-shot has one iteration";
	f->mode = single ? "single-shot" : f->mode ? f->mode : "autonomous";
	f->max_iterations = single ? 1 : f->max_iterations;
	return NULL;
}

static int answer_created(struct request *q, struct genstore *st, const struct generation *g)
{
	AUTO(buf_release) struct buf at = BUF_INIT;

	buf_addf(&at, "/api/generations/%s", g->request_id);
	return generation_reply(q, 201, st, g, buf_str(&at));
}

/* What was not asked for is as the settings say. 1: it was answered that they cannot be. */
static int take_limits(struct request *q, struct genstore *st, struct flow_options *f)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	struct limits l;
	int r = limits_load(st, &l, &why) ? reply_error(q, 500, buf_str(&why), NULL, false) : 0;

	if (why.len)
		return r < 0 ? r : 1;
	f->silence_ms = l.silence_ms;
	f->max_bytes = l.max_bytes;
	f->decision_ms = l.decision_ms;
	f->to = l.to;
	f->max_iterations = f->max_iterations ? f->max_iterations : l.iterations;
	return 0;
}

static int create(struct request *q)
{
	struct flow_options f = { 0 };
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	json_t *o = json_loadb(buf_str(&q->text), q->text.len, JSON_REJECT_DUPLICATES, NULL);
	const char *why = read_request(o, &f);
	int r = api_borrow(q, API_WRITE, &l);

	if (!r && why)
		r = reply_error(q, 422, why, NULL, false);
	else if (!r && !(r = take_limits(q, l.st, &f)))
		r = (r = flow_queue(l.st, &f, &g)) ? reply_store(q, r, l.st) : answer_created(q, l.st, &g);
	json_decref(o);
	return api_answered(r);
}

static int events(struct request *q)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = generation_find(q, l.st, &g)))
		return api_answered(r);
	return events_reply(q, &l, g.id);
}

const struct route generation_routes[] = {
	{ "GET", "/api/generations", list, .head = true },
	{ "POST", "/api/generations", create, .body = BODY_MAX },
	{ "GET", "/api/generations/{request_id}", show, .head = true },
	{ "DELETE", "/api/generations/{request_id}", remove_one, .body = 0 },
	{ "GET", "/api/generations/{request_id}/iterations", iterations, .head = true },
	{ "GET", "/api/generations/{request_id}/app.tar.gz", archive, .head = true },
	{ "GET", "/api/generations/{request_id}/events", events, .body = 0 },
	{ 0 },
};
