/* One try of a request: its address, its headers, its signature, and how curl is to go about it. */
#include "src/sync/s3_inside.h"
#include "store/base/clock.h"
#include "store/genstore.h"

static size_t on_bytes(char *data, size_t one, size_t n, void *arg)
{
	struct s3_call *c = arg;
	long status = 0;

	n *= one;
	c->s3->curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status / 100 != 2 || !c->sink)
		return buf_add(&c->answer.body, data, n) ? 0 : n;
	/* All of it, where the middle was asked for. */
	if (status != 206 && c->start > 0)
		c->error = -EPROTO;
	if (!c->got)
		snprintf(c->match, sizeof(c->match), "%s", s3_header(c, "etag"));
	if (!c->error)
		c->error = c->sink(c->sink_arg, data, n);
	if (c->error)
		return 0;
	c->got += (int64_t)n;
	return n;
}

static int add_header(struct s3_call *c, const char *name, const char *value)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	struct curl_slist *longer;

	buf_addf(&line, "%s: %s", name, value);
	longer = buf_error(&line) ? NULL : c->s3->curl.slist_append(c->list, buf_str(&line));
	if (!longer)
		return -ENOMEM;
	c->list = longer;
	return 0;
}

/* Where reading goes on after it broke off. */
static const char *range_of(struct s3_call *c)
{
	if (c->to < 0)
		snprintf(c->range, sizeof(c->range), "bytes=%lld-", (long long)(c->from + c->got));
	else
		snprintf(c->range, sizeof(c->range), "bytes=%lld-%lld", (long long)(c->from + c->got), (long long)c->to);
	return c->range;
}

struct signing {
	struct sigv4_pair headers[S3_PAIRS_MAX + 8];
	size_t count;
	char when[SIGV4_TIME_SIZE];
	struct buf host, path, authorization;
};

static void signing_release(struct signing *g)
{
	buf_release(&g->host);
	buf_release(&g->path);
	buf_release(&g->authorization);
}

static void put_header(struct signing *g, const char *name, const char *value)
{
	if (value)
		g->headers[g->count++] = (struct sigv4_pair){ name, value };
}

static void gather_headers(struct s3_call *c, struct signing *g, int64_t now)
{
	const struct s3 *s = c->s3;

	for (size_t i = 0; i < c->header_count; i++)
		put_header(g, c->headers[i].name, c->headers[i].value);
	if (c->ranged || c->got)
		put_header(g, "range", range_of(c));
	if (c->got && *c->match)
		put_header(g, "if-match", c->match);
	put_header(g, "x-amz-expected-bucket-owner", s->account);
	if (!s->access_key)
		return;
	sigv4_time(now, g->when);
	put_header(g, "x-amz-date", g->when);
	put_header(g, "x-amz-content-sha256", c->payload);
	put_header(g, "x-amz-security-token", s->session_token);
}

static int sign(struct s3_call *c, struct signing *g, int64_t now)
{
	const struct s3 *s = c->s3;
	const struct sigv4_key key = { s->access_key, s->secret_key, s->session_token };
	struct sigv4_request r = {
		.method = c->method, .path = buf_str(&g->path), .query = c->query, .query_count = c->query_count, .headers = g->headers,
		.payload = c->payload, .region = s->region, .service = "s3", .now = now,
	};

	/* curl sends it by itself. */
	put_header(g, "host", buf_str(&g->host));
	r.header_count = g->count--;
	return sigv4_authorize(&r, &key, &g->authorization);
}

static int set_headers(struct s3_call *c)
{
	AUTO(signing_release) struct signing g = { 0 };
	int64_t now = clock_now(&(struct clock){ 0 });
	int r;

	if ((r = s3_host_of(c->s3, &g.host)) || (r = s3_path_of(c->s3, c->key, &g.path)))
		return r;
	gather_headers(c, &g, now);
	if (c->s3->access_key && ((r = sign(c, &g, now)) || (r = add_header(c, "authorization", buf_str(&g.authorization)))))
		return r;
	for (size_t i = 0; i < g.count; i++)
		if ((r = add_header(c, g.headers[i].name, g.headers[i].value)))
			return r;
	return 0;
}

static int set_url(struct s3_call *c)
{
	int r;

	buf_reset(&c->url);
	if ((r = s3_address(c->s3, c->key, &c->url)))
		return r;
	if (!c->query_count)
		return 0;
	buf_addc(&c->url, '?');
	return sigv4_query(&c->url, c->query, c->query_count);
}

static void set_method(struct s3_call *c)
{
	__typeof__(curl_easy_setopt) *set = c->s3->curl.easy_setopt;

	if (!strcmp(c->method, "HEAD")) {
		set(c->easy, CURLOPT_NOBODY, 1L);
		return;
	}
	if (c->body || !strcmp(c->method, "PUT") || !strcmp(c->method, "POST")) {
		set(c->easy, CURLOPT_POSTFIELDS, c->body ? c->body : "");
		set(c->easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)c->body_size);
	}
	set(c->easy, CURLOPT_CUSTOMREQUEST, c->method);
}

static void set_manner(struct s3_call *c)
{
	const struct s3 *s = c->s3;
	__typeof__(curl_easy_setopt) *set = s->curl.easy_setopt;
	long seconds = (long)((s->timeout_ms + 999) / 1000);

	set(c->easy, CURLOPT_NOSIGNAL, 1L);
	set(c->easy, CURLOPT_PROTOCOLS_STR, "http,https");
	set(c->easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	set(c->easy, CURLOPT_PATH_AS_IS, 1L);
	set(c->easy, CURLOPT_FOLLOWLOCATION, 0L);
	set(c->easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(s->timeout_ms < S3_CONNECT_MS ? s->timeout_ms : S3_CONNECT_MS));
	set(c->easy, CURLOPT_LOW_SPEED_LIMIT, 1L);
	set(c->easy, CURLOPT_LOW_SPEED_TIME, seconds);
	set(c->easy, CURLOPT_BUFFERSIZE, 256L << 10);
	set(c->easy, CURLOPT_UPLOAD_BUFFERSIZE, 256L << 10);
	set(c->easy, CURLOPT_USERAGENT, "genstore/" GENSTORE_VERSION);
	if (s->bandwidth)
		set(c->easy, CURLOPT_MAX_SEND_SPEED_LARGE, (curl_off_t)s->bandwidth);
	if (s->ca_bundle)
		set(c->easy, CURLOPT_CAINFO, s->ca_bundle);
	set(c->easy, CURLOPT_WRITEFUNCTION, on_bytes);
	set(c->easy, CURLOPT_WRITEDATA, c);
	set(c->easy, CURLOPT_PRIVATE, c);
}

int s3_send(struct s3_call *c)
{
	struct s3 *s = c->s3;
	int r;

	c->easy = s->idle_count ? s->idle[--s->idle_count] : s->curl.easy_init();
	if (!c->easy)
		return -ENOMEM;
	s->curl.easy_reset(c->easy);
	s->active++;
	c->tries++;
	c->start = c->from + c->got;
	if ((r = set_url(c)) || (r = set_headers(c)))
		return r;
	set_manner(c);
	set_method(c);
	s->curl.easy_setopt(c->easy, CURLOPT_URL, buf_str(&c->url));
	s->curl.easy_setopt(c->easy, CURLOPT_HTTPHEADER, c->list);
	return s->curl.multi_add_handle(s->multi, c->easy) ? -ENOMEM : 0;
}
