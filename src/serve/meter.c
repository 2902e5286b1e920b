#include "src/serve/meter.h"

#include <stdatomic.h>

enum { METHODS = 6, CLASSES = 6, BUCKETS = 8 };

static const char *const methods[METHODS] = { "GET", "HEAD", "POST", "PUT", "DELETE", "other" };
static const char *const classes[CLASSES] = { "cut", "1xx", "2xx", "3xx", "4xx", "5xx" };
static const int limits_ms[BUCKETS] = { 1, 5, 10, 50, 100, 500, 1000, 5000 };

struct meter {
	_Atomic int64_t requests[METHODS][CLASSES], received, sent;
	_Atomic int64_t within[BUCKETS + 1], ms;
};

struct meter *meter_new(void)
{
	return calloc(1, sizeof(struct meter));
}

void meter_free(struct meter *m)
{
	free(m);
}

void meter_take(struct meter *m, const struct request *q, int64_t ms)
{
	int class = q->status >= 100 && q->status < 600 ? q->status / 100 : 0;
	size_t method = 0, bucket = 0;

	while (method < METHODS - 1 && strcmp(methods[method], q->method) != 0)
		method++;
	while (bucket < BUCKETS && ms > limits_ms[bucket])
		bucket++;
	atomic_fetch_add(&m->requests[method][class], 1);
	atomic_fetch_add(&m->received, q->body);
	atomic_fetch_add(&m->sent, q->sent);
	atomic_fetch_add(&m->within[bucket], 1);
	atomic_fetch_add(&m->ms, ms);
}

static void write_times(const struct meter *m, struct buf *out)
{
	int64_t sum = 0;

	buf_adds(out, "# TYPE genstore_http_request_duration_seconds histogram\n# UNIT genstore_http_request_duration_seconds seconds\n"
		      "# HELP genstore_http_request_duration_seconds From the head of a request to the end of its answer.\n");
	for (size_t i = 0; i < BUCKETS; i++) {
		sum += atomic_load(&m->within[i]);
		buf_addf(out, "genstore_http_request_duration_seconds_bucket{le=\"%g\"} %lld\n", limits_ms[i] / 1000.0, (long long)sum);
	}
	sum += atomic_load(&m->within[BUCKETS]);
	buf_addf(out, "genstore_http_request_duration_seconds_bucket{le=\"+Inf\"} %lld\n", (long long)sum);
	buf_addf(out, "genstore_http_request_duration_seconds_sum %g\n", (double)atomic_load(&m->ms) / 1000.0);
	buf_addf(out, "genstore_http_request_duration_seconds_count %lld\n", (long long)sum);
}

void meter_write(const struct meter *m, struct buf *out)
{
	const struct { const char *name, *help; int64_t n; } bytes[] = {
		{ "received", "Bytes of requests' bodies.", atomic_load(&m->received) }, { "sent", "Bytes of answers' bodies.", atomic_load(&m->sent) },
	};

	buf_adds(out, "# TYPE genstore_http_requests counter\n# HELP genstore_http_requests Requests that are over, by method and class of status.\n");
	for (size_t i = 0; i < METHODS; i++)
		for (size_t k = 0; k < CLASSES; k++)
			buf_addf(out, "genstore_http_requests_total{method=\"%s\",status=\"%s\"} %lld\n", methods[i], classes[k],
				 (long long)atomic_load(&m->requests[i][k]));
	for (size_t i = 0; i < ARRAY_LEN(bytes); i++)
		buf_addf(out, "# TYPE genstore_http_%s_bytes counter\n# UNIT genstore_http_%s_bytes bytes\n# HELP genstore_http_%s_bytes %s\n"
			      "genstore_http_%s_bytes_total %lld\n", bytes[i].name, bytes[i].name, bytes[i].name, bytes[i].help, bytes[i].name,
			 (long long)bytes[i].n);
	write_times(m, out);
}
