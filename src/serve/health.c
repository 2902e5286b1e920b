/* /healthz and /metrics. */
#include "src/serve/api.h"
#include "src/serve/meter.h"

static int count_states(struct genstore *st, struct buf *out)
{
	STMT q = db_stmt(&st->db, "SELECT s.value, (SELECT count(*) FROM generation_requests WHERE status = s.value)"
				  " FROM json_each('[\"queued\",\"generating\",\"paused\",\"completed\",\"failed\",\"cancelled\"]') AS s");
	int r;

	buf_adds(out, "# TYPE genstore_generations gauge\n# HELP genstore_generations Generations in the store, by status.\n");
	while ((r = stmt_step(&q)) > 0)
		buf_addf(out, "genstore_generations{status=\"%s\"} %lld\n", col_text(&q, 0), (long long)col_i64(&q, 1));
	return r;
}

static int healthz(struct request *q)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int64_t version;
	int r = api_borrow_any(q, API_READ, &l);

	if (r)
		return api_answered(r);
	/* The file can be read: that is what health is here. */
	if ((r = db_data_version(&l.st->db, &version)) || (r = db_number(&l.st->db, "SELECT count(*) FROM store_state", &version)))
		return reply_store(q, r, l.st);
	buf_adds(&body, "{\"status\":\"ok\",\"version\":\"" GENSTORE_VERSION "\"}\n");
	return reply_json(q, 200, &body);
}

static int metrics(struct request *q)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow(q, API_READ, &l);

	if (r)
		return api_answered(r);
	buf_adds(&body, "# TYPE genstore_build info\n# HELP genstore_build The program.\ngenstore_build_info{version=\"" GENSTORE_VERSION "\"} 1\n");
	meter_write(request_api(q)->meter, &body);
	if ((r = count_states(l.st, &body)))
		return reply_store(q, r, l.st);
	buf_adds(&body, "# EOF\n");
	return reply_text(q, 200, "application/openmetrics-text; version=1.0.0; charset=utf-8", &body, NULL);
}

const struct route health_routes[] = {
	{ "GET", "/healthz", healthz, .head = true },
	{ "GET", "/metrics", metrics, .head = true },
	{ 0 },
};
