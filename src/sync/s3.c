#include "src/sync/s3_inside.h"
#include "src/sync/xml.h"
#include "store/base/clock.h"
#include "store/base/id.h"

#include <openssl/crypto.h>
#include <strings.h>

static int copy(char **slot, const char *text)
{
	*slot = text ? strdup(text) : NULL;
	return text && !*slot ? -ENOMEM : 0;
}

static void forget(char *secret)
{
	if (secret)
		OPENSSL_cleanse(secret, strlen(secret));
	free(secret);
}

/* Amazon's certificates are for one name in front of the region's: one with dots, or in capitals, cannot be there. */
static bool can_be_host(const char *bucket)
{
	return strspn(bucket, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(bucket);
}

static int set_place(struct s3 *s, const struct s3_options *o, struct buf *why)
{
	int r;

	s->amazon = !o->endpoint;
	if ((r = copy(&s->region, o->region ? o->region : "us-east-1")))
		return r;
	r = s->amazon ? s3_endpoint_amazon(s) : s3_endpoint_set(s, o->endpoint);
	if (r == -EINVAL)
		buf_addf(why, "'%s' is no endpoint; it is like https://s3.example.org or http://localhost:9000", s->amazon ? s->region : o->endpoint);
	if (r)
		return r;
	s->insecure_ok = !strcmp(s->scheme, "http");
	s->virtual_host = o->addressing && !strcmp(o->addressing, "virtual");
	if (!o->addressing || !strcmp(o->addressing, "auto"))
		s->virtual_host = s->amazon && can_be_host(o->bucket);
	return 0;
}

static int set_up(struct s3 *s, const struct s3_options *o, struct buf *why)
{
	int r;

	s->timeout_ms = o->timeout_ms ? o->timeout_ms : S3_TIMEOUT_MS;
	s->bandwidth = o->bandwidth;
	s->parallel = o->parallel > 0 && o->parallel < S3_PARALLEL ? o->parallel : S3_PARALLEL;
	/* curl limits each connection by itself. */
	if (s->bandwidth)
		s->parallel = 1;
	s->wake_fd = o->wake_fd;
	if ((r = copy(&s->bucket, o->bucket)) || (r = copy(&s->account, o->account)) || (r = copy(&s->ca_bundle, o->ca_bundle)) ||
	    (r = copy(&s->access_key, o->key.access_key)) || (r = copy(&s->secret_key, o->key.secret_key)) ||
	    (r = copy(&s->session_token, o->key.session_token)) || (r = set_place(s, o, why)) || (r = curl_load(&s->curl, why)))
		return r;
	s->multi = s->curl.multi_init();
	return s->multi ? 0 : -ENOMEM;
}

int s3_new(const struct s3_options *o, struct s3 **ret_s, struct buf *why)
{
	AUTO(s3_freep) struct s3 *s = calloc(1, sizeof(*s));
	int r = s ? set_up(s, o, why) : -ENOMEM;

	if (r)
		return r;
	*ret_s = MOVE(s);
	return 0;
}

void s3_free(struct s3 *s)
{
	if (!s)
		return;
	while (s->idle_count)
		s->curl.easy_cleanup(s->idle[--s->idle_count]);
	if (s->multi)
		s->curl.multi_cleanup(s->multi);
	free(s->bucket);
	free(s->region);
	free(s->account);
	free(s->ca_bundle);
	free(s->access_key);
	forget(s->secret_key);
	forget(s->session_token);
	free(s->scheme);
	free(s->host);
	free(s->base);
	free(s);
}

void s3_freep(struct s3 **s)
{
	s3_free(*s);
}

/* Ends what curl has of a call. */
static void detach(struct s3_call *c)
{
	struct s3 *s = c->s3;

	if (c->easy) {
		s->curl.multi_remove_handle(s->multi, c->easy);
		s->active--;
		if (s->idle_count < ARRAY_LEN(s->idle))
			s->idle[s->idle_count++] = c->easy;
		else
			s->curl.easy_cleanup(c->easy);
	}
	c->easy = NULL;
	if (c->list)
		s->curl.slist_free_all(c->list);
	c->list = NULL;
}

static void leave_queue(struct s3_call *c)
{
	for (struct s3_call **p = &c->s3->waiting; *p; p = &(*p)->next)
		if (*p == c) {
			*p = c->next;
			return;
		}
}

void s3_call_release(struct s3_call *c)
{
	if (c->s3) {
		detach(c);
		leave_queue(c);
	}
	buf_release(&c->url);
	buf_release(&c->answer.body);
	buf_release(&c->answer.words);
	*c = (struct s3_call){ 0 };
}

static void enqueue(struct s3_call *c, int64_t due_ms)
{
	struct s3_call **end = &c->s3->waiting;

	while (*end)
		end = &(*end)->next;
	*end = c;
	c->next = NULL;
	c->due_ms = due_ms;
}

void s3_start(struct s3 *s, struct s3_call *c)
{
	c->s3 = s;
	c->tries = c->redirects = 0;
	c->got = 0;
	c->over = false;
	enqueue(c, 0);
}

const char *s3_header(const struct s3_call *c, const char *name)
{
	struct curl_header *h;

	return c->s3->curl.easy_header(c->easy, name, 0, CURLH_HEADER, -1, &h) == CURLHE_OK ? h->value : "";
}

static void clear_answer(struct s3_answer *a)
{
	buf_reset(&a->body);
	buf_reset(&a->words);
	a->body.max = S3_BODY_MAX;
	*a = (struct s3_answer){ .size = -1, .body = a->body, .words = a->words };
}

static void begin(struct s3_call *c)
{
	int r;

	clear_answer(&c->answer);
	c->error = 0;
	if ((r = s3_send(c)) == 0)
		return;
	detach(c);
	c->answer.r = r;
	buf_addf(&c->answer.words, "cannot ask: %s", strerror(-r));
	c->over = true;
}

static void read_headers(struct s3_call *c)
{
	struct s3_answer *a = &c->answer;
	const char *etag = s3_header(c, "etag"), *size = s3_header(c, "content-length");

	etag += !strncmp(etag, "W/", 2) ? 2 : 0;
	etag += *etag == '"';
	snprintf(a->etag, sizeof(a->etag), "%.*s", (int)strcspn(etag, "\""), etag);
	snprintf(a->sha256, sizeof(a->sha256), "%s", s3_header(c, "x-amz-checksum-sha256"));
	snprintf(a->about, sizeof(a->about), "%s", s3_header(c, "x-amz-meta-genstore"));
	a->encrypted = !strncasecmp(s3_header(c, "x-amz-server-side-encryption"), "aws:", 4) ||
		       *s3_header(c, "x-amz-server-side-encryption-customer-algorithm");
	a->size = *size ? strtoll(size, NULL, 10) : -1;
}

struct elsewhere { char region[64], endpoint[256]; };

static int read_elsewhere(void *arg, const char *path, const char *text)
{
	struct elsewhere *e = arg;

	if (!strcmp(path, "Error/Region"))
		snprintf(e->region, sizeof(e->region), "%s", text);
	if (!strcmp(path, "Error/Endpoint"))
		snprintf(e->endpoint, sizeof(e->endpoint), "%s", text);
	return 0;
}

/*
 * To another region, or to another host for the time being: 301 and 307 say where, 400 AuthorizationHeaderMalformed which region to sign for.
 * https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingRouting.html
 */
static bool is_sent_on(struct s3_call *c)
{
	struct s3_answer *a = &c->answer;
	struct elsewhere e = { 0 };
	const char *region = s3_header(c, "x-amz-bucket-region"), *location = s3_header(c, "location");

	if (a->status != 301 && a->status != 307 && a->status != 400 && a->status != 302)
		return false;
	xml_each(buf_str(&a->body), a->body.len, read_elsewhere, &e);
	return c->redirects++ < S3_REDIRECTS && s3_moves(c->s3, *region ? region : e.region, *location ? location : e.endpoint);
}

/* CompleteMultipartUpload answers 200 before it knows, and says in the body how it went. */
static bool is_success(const struct s3_call *c)
{
	const char *error = c->sink ? NULL : strstr(buf_str(&c->answer.body), "<Error>");

	return c->answer.status / 100 == 2 && !error;
}

/* Full jitter: https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/ */
static int64_t pause_ms(int tries, const char *retry_after)
{
	int64_t most = min_i64(S3_PAUSE_MAX_MS, (int64_t)S3_PAUSE_MS << min_i64(tries - 1, 20));
	int64_t least = min_i64(S3_PAUSE_MAX_MS, strtoll(retry_after, NULL, 10) * 1000);
	uint32_t random = 0;

	id_random(&(struct id_source){ 0 }, &random, sizeof(random));
	return max_i64(least, random % (most + 1));
}

static bool may_try_again(const struct s3_call *c, enum s3_next next)
{
	static const int tries[] = { [S3_GIVE_UP] = 0, [S3_AGAIN] = S3_TRIES, [S3_AGAIN_OFFLINE] = S3_TRIES_OFFLINE, [S3_AGAIN_ONCE] = 2 };

	return !c->error && c->tries < tries[next];
}

/* One try is over. */
static void finish(struct s3_call *c, CURLcode code)
{
	struct s3_answer *a = &c->answer;
	enum s3_next next = S3_GIVE_UP;
	int64_t wait = -1;

	c->s3->curl.easy_getinfo(c->easy, CURLINFO_RESPONSE_CODE, &a->status);
	if (code == CURLE_OK)
		read_headers(c);
	if (c->error) {
		a->r = c->error;
		buf_addf(&a->words, "%s: the answer cannot be taken: %s", c->s3->host, strerror(-c->error));
	} else if (code != CURLE_OK) {
		next = s3_judge_transfer(c->s3, code, a);
	} else if (is_sent_on(c)) {
		c->tries--;
		wait = 0;
	} else if (!is_success(c)) {
		next = s3_judge_answer(c->s3, s3_header(c, "date"), a);
	}
	if (may_try_again(c, next))
		wait = pause_ms(c->tries, s3_header(c, "retry-after"));
	detach(c);
	if (wait >= 0)
		enqueue(c, clock_ms() + wait);
	else
		c->over = true;
}

/* Begins those whose time has come, as far as there is room. How long until the next one's, -1: none waits for its time. */
static int64_t begin_due(struct s3 *s)
{
	int64_t now = clock_ms(), soonest = -1;

	for (struct s3_call **p = &s->waiting; *p && s->active < s->parallel;) {
		struct s3_call *c = *p;

		if (c->due_ms <= now) {
			*p = c->next;
			begin(c);
			continue;
		}
		soonest = soonest < 0 || c->due_ms - now < soonest ? c->due_ms - now : soonest;
		p = &c->next;
	}
	return soonest;
}

int s3_step(struct s3 *s, int64_t max_ms)
{
	struct curl_waitfd wake = { .fd = s->wake_fd, .events = CURL_WAIT_POLLIN };
	int64_t soonest = begin_due(s);
	int running = 0, left, finished = 0;
	const CURLMsg *m;

	s->curl.multi_perform(s->multi, &running);
	while ((m = s->curl.multi_info_read(s->multi, &left))) {
		struct s3_call *c = NULL;
		CURLcode code = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		s->curl.easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &c);
		finish(c, code);
		finished++;
	}
	if (!s->active && !s->waiting)
		return 0;
	max_ms = finished ? 0 : soonest >= 0 ? min_i64(soonest, max_ms) : max_ms;
	s->curl.multi_poll(s->multi, &wake, s->wake_fd >= 0, (int)max_ms, NULL);
	return s->wake_fd >= 0 && wake.revents ? -EINTR : 1;
}

int s3_wait(struct s3 *s, struct s3_call *c)
{
	s3_start(s, c);
	while (!c->over)
		if (s3_step(s, 1000) == -EINTR)
			return -EINTR;
	return c->answer.r;
}

int64_t s3_moved(const struct s3_call *c)
{
	curl_off_t n = 0;

	if (c->sink || !c->easy)
		return c->got;
	c->s3->curl.easy_getinfo(c->easy, CURLINFO_SIZE_UPLOAD_T, &n);
	return (int64_t)n;
}
