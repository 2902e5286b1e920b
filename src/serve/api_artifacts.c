/* /api/artifacts: the endpoints of the artifact management design. */
#include "src/cmd/artifact.h"
#include "src/serve/api.h"
#include "store/base/clock.h"

enum { AT_ONCE = 1000 };

/* The session that the address names: 1 it was answered that there is none, 0, or negative. */
static int find_session(struct request *q, struct genstore *st, struct session *ret_s)
{
	AUTO(buf_release) struct buf name = BUF_INIT;
	int r = api_name(q, 0, &name);

	if (r)
		return r;
	r = session_find(st, NULL, buf_str(&name), ret_s);
	if (!r)
		return 0;
	r = r == -ENOENT ? reply_error(q, 404, "Session not found", NULL, false) : reply_store(q, r, st);
	return r ? r : 1;
}

static int find_artifact(struct request *q, struct genstore *st, const struct session *s, struct artifact *ret_a)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	int r = api_name(q, 1, &path);

	if (r)
		return r;
	r = artifact_find(st, s, buf_str(&path), ret_a);
	if (!r)
		return 0;
	r = r == -ENOENT ? reply_error(q, 404, "Artifact not found", NULL, false) : reply_store(q, r, st);
	return r ? r : 1;
}

static int write_list(struct genstore *st, const struct session *s, struct buf *out)
{
	const struct artifact_filter f = { .session_id = s->id, .organization_id = s->organization_id };
	AUTO(free_ptr) char *after = NULL;
	TXN t = txn_begin_read(&st->db);
	int64_t total = 0;
	bool more = true;
	struct jw j;
	int r = t.error;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_array(&j, "artifacts");
	while (!r && more) {
		AUTO(artifact_list_release) struct artifact_list l = { 0 };

		r = artifact_page(st, &f, after, AT_ONCE, &l);
		for (size_t i = 0; i < l.count; i++) {
			jw_object(&j, NULL);
			artifact_fields(&j, &l.items[i]);
			jw_end(&j);
			total += l.items[i].file_size;
		}
		more = l.more;
		free(after);
		after = l.count ? MOVE(l.items[l.count - 1].storage_path) : NULL;
	}
	jw_end(&j);
	jw_int(&j, "total_size", total);
	jw_str(&j, "session_id", s->id);
	jw_end(&j);
	return r ? r : buf_error(out);
}

static int list(struct request *q)
{
	AUTO(loan_end) struct loan l = { 0 };
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct session s;
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = find_session(q, l.st, &s)))
		return api_answered(r);
	if ((r = write_list(l.st, &s, &body)))
		return reply_store(q, r, l.st);
	return reply_json(q, 200, &body);
}

static int send_artifact(struct request *q, struct genstore *st, const struct artifact *a)
{
	AUTO(content_release) struct content c = { .id = 0 };
	AUTO(object_unrefp) struct object *bytes = NULL;
	const char *name = strrchr(a->artifact_name, '/');
	char etag[HEX_SHA256_SIZE];
	int r;

	if ((r = artifact_open(st, a, &bytes)) || (r = content_get(st, a->content_id, &c)))
		return reply_store(q, r, st);
	hex_encode(c.sha256, SHA256_SIZE, etag);
	return reply_object(q, &(struct reply_object){ bytes, request_api(q)->pools[API_READ], a->mime_type, etag, name ? name + 1 : a->artifact_name });
}

/* An address with a ticket is good until its time, for that path, whoever comes with it. 1: it was answered that it is not. */
static int check_ticket(struct request *q, bool *ret_has)
{
	AUTO(buf_release) struct buf ticket = BUF_INIT;
	int64_t until = 0;
	int has_time = url_query_int(q->path, "expires", &until), has_ticket = url_query(q->path, "ticket", &ticket), r;

	*ret_has = has_time || has_ticket;
	if (!*ret_has)
		return 0;
	if (has_time <= 0 || has_ticket <= 0 || !ticket_is(request_api(q)->key, q->path, strcspn(q->path, "?"), until, buf_str(&ticket)))
		r = reply_error(q, 403, "this address was changed", NULL, false);
	else if (until <= clock_now(&(struct clock){ 0 }))
		r = reply_error(q, 403, "this address was good for a time that is over", NULL, false);
	else
		return 0;
	return r ? r : 1;
}

static int download(struct request *q)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct session s;
	bool has_ticket;
	int r = check_ticket(q, &has_ticket);

	if (r || (r = (has_ticket ? api_borrow_any : api_borrow)(q, API_READ, &l)) || (r = find_session(q, l.st, &s)) || (r = find_artifact(q, l.st, &s, &a)))
		return api_answered(r);
	return send_artifact(q, l.st, &a);
}

static int bundle(struct request *q)
{
	AUTO(object_unrefp) struct object *zip = NULL;
	AUTO(loan_end) struct loan l = { 0 };
	struct artifact_filter f = { 0 };
	char name[sizeof("artifacts-.zip") + ID_UUID], etag[HEX_SHA256_SIZE];
	struct session s;
	int64_t count;
	int r = api_borrow(q, API_READ, &l);

	if (r || (r = find_session(q, l.st, &s)))
		return api_answered(r);
	f.session_id = s.id;
	f.organization_id = s.organization_id;
	r = artifact_bundle(l.st, &f, &zip, &count, etag);
	if (r == -ENOENT)
		return reply_error(q, 404, "there are no artifacts in this session", NULL, false);
	if (r)
		return reply_store(q, r, l.st);
	snprintf(name, sizeof(name), "artifacts-%s.zip", s.id);
	return reply_object(q, &(struct reply_object){ zip, request_api(q)->pools[API_READ], "application/zip", etag, name });
}

/* The address for downloading without a token. */
static int write_url(struct request *q, const struct artifact *a, int64_t seconds, struct buf *out)
{
	AUTO(buf_release) struct buf url = BUF_INIT, path = BUF_INIT;
	int64_t until = clock_now(&(struct clock){ 0 }) + seconds;
	char ticket[HEX_SHA256_SIZE], time[CLOCK_TEXT];
	struct jw j;
	int r;

	buf_addf(&path, "/api/artifacts/download/%s/", a->session_id);
	url_encode_path(&path, artifact_path(a->storage_path));
	if ((r = buf_error(&path)) || (r = ticket_sign(request_api(q)->key, buf_str(&path), path.len, until, ticket)))
		return r;
	/* examine() has seen to it that Host is ours. */
	buf_addf(&url, "http://%s%s?expires=%lld&ticket=%s", request_header(q, "Host"), buf_str(&path), (long long)until, ticket);
	clock_format(until, time);
	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "download_url", buf_str(&url));
	jw_str(&j, "expires_at", time);
	jw_int(&j, "expires_in", seconds);
	jw_end(&j);
	return buf_error(&url) ? buf_error(&url) : buf_error(out);
}

static int download_url(struct request *q)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(buf_release) struct buf body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	int64_t seconds = TICKET_DEFAULT_S;
	struct session s;
	int r = url_query_int(q->path, "expires_in", &seconds);

	if (r < 0 || seconds < 1 || seconds > TICKET_MAX_S)
		return reply_error(q, 422, "'expires_in' is from 1 to 604800 seconds", NULL, false);
	if ((r = api_borrow(q, API_READ, &l)) || (r = find_session(q, l.st, &s)) || (r = find_artifact(q, l.st, &s, &a)))
		return api_answered(r);
	if ((r = write_url(q, &a, seconds, &body)))
		return r;
	return reply_json(q, 200, &body);
}

/* The first part of the path is the type's folder; a name without one is a readme. */
static int put_one(struct genstore *st, const struct session *s, const char *path, const struct buf *bytes, struct artifact_put *ret_put)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	AUTO(free_ptr) char *folder = NULL;
	const char *slash = strchr(path, '/');
	int r;

	if (!(folder = slash ? strndup(path, (size_t)(slash - path)) : strdup("readme")))
		return -ENOMEM;
	if ((r = artifact_batch_new(st, &b)) ||
	    (r = artifact_batch_bytes(b, artifact_type_of(folder), slash ? slash + 1 : path, bytes->data ? bytes->data : (const void *)"", bytes->len)))
		return r;
	return artifact_batch_commit(b, &(struct artifact_place){ .organization = s->organization_id, .session = s->id }, ret_put);
}

static int put(struct request *q)
{
	enum { TRIES = 5 };
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(buf_release) struct buf path = BUF_INIT, body = BUF_INIT;
	AUTO(loan_end) struct loan l = { 0 };
	struct artifact_put done = { 0 };
	struct session s;
	struct jw j;
	int r = api_borrow(q, API_WRITE, &l);

	if (r || (r = find_session(q, l.st, &s)) || (r = api_name(q, 1, &path)))
		return api_answered(r);
	r = -ESTALE;
	for (int i = 0; i < TRIES && r == -ESTALE; i++)
		r = put_one(l.st, &s, buf_str(&path), &q->text, &done);
	if (r || (r = artifact_find(l.st, &s, buf_str(&path), &a)))
		return reply_store(q, r, l.st);
	jw_begin(&j, &body, 0);
	jw_object(&j, NULL);
	artifact_fields(&j, &a);
	jw_end(&j);
	return reply_json(q, done.added ? 201 : 200, &body);
}

static int remove_one(struct request *q)
{
	AUTO(artifact_release) struct artifact a = { 0 };
	AUTO(loan_end) struct loan l = { 0 };
	struct session s;
	int r = api_borrow(q, API_WRITE, &l);

	if (r || (r = find_session(q, l.st, &s)) || (r = find_artifact(q, l.st, &s, &a)))
		return api_answered(r);
	if ((r = artifact_remove_one(l.st, &a)))
		return reply_store(q, r, l.st);
	return reply_text(q, 204, NULL, &(struct buf)BUF_INIT, NULL);
}

const struct route artifact_routes[] = {
	{ "GET", "/api/artifacts/list/{session_id}", list, .head = true },
	{ "GET", "/api/artifacts/download/{session_id}/{artifact_path*}", download, .head = true },
	{ "GET", "/api/artifacts/bundle/{session_id}", bundle, .head = true },
	{ "GET", "/api/artifacts/download-url/{session_id}/{artifact_path*}", download_url, .head = true },
	{ "PUT", "/api/artifacts/{session_id}/{artifact_path*}", put, .body = 256 << 20 },
	{ "DELETE", "/api/artifacts/{session_id}/{artifact_path*}", remove_one, .body = 0 },
	{ 0 },
};
