/* What goes wrong with S3, in words: the one place where its codes and curl's become errno. */
#include "src/sync/s3_inside.h"
#include "src/sync/xml.h"
#include "store/base/clock.h"
#include "store/base/utf8.h"

#include <time.h>

enum { SERVER_WORDS_MAX = 200, SKEW_SECONDS = 5 * 60 };

struct fault {
	const char *code;
	int error;
	enum s3_next next;
	const char *what, *todo;
};

#define KEYS "check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or the profile"
#define RENEW "get new keys, for example with 'aws sso login', and try again"
#define LATER "try again later"
#define ROOM "make room in it or raise its quota, then sync again"
#define ALLOW "the keys need s3:PutObject, s3:GetObject, s3:ListBucket and s3:AbortMultipartUpload for it"

/* https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, and what other servers say. */
static const struct fault faults[] = {
	{ "NoSuchBucket", ENXIO, S3_GIVE_UP, "there is no such bucket",
	  "create it, or name another with 'genstore config set s3.bucket NAME'" },
	{ "InvalidBucketName", ENXIO, S3_GIVE_UP, "that cannot be the name of a bucket", "see 'genstore config list'" },
	{ "InvalidAccessKeyId", EKEYREJECTED, S3_GIVE_UP, "the access key is not known there", KEYS },
	/* A byte that changed on the way looks like a wrong key, once. */
	{ "SignatureDoesNotMatch", EKEYREJECTED, S3_AGAIN_ONCE, "the secret key is wrong", KEYS },
	{ "ExpiredToken", EKEYEXPIRED, S3_GIVE_UP, "the session token has expired", RENEW },
	{ "TokenRefreshRequired", EKEYEXPIRED, S3_GIVE_UP, "the session token has expired", RENEW },
	{ "InvalidToken", EKEYREJECTED, S3_GIVE_UP, "the session token is not accepted", RENEW },
	{ "RequestTimeTooSkewed", ETIME, S3_GIVE_UP, "this machine's clock is wrong", "set the clock, and try again" },
	{ "AccessDenied", EACCES, S3_GIVE_UP, "access is denied", ALLOW },
	{ "AllAccessDisabled", EACCES, S3_GIVE_UP, "access is denied", ALLOW },
	{ "QuotaExceeded", ENOSPC, S3_GIVE_UP, "the bucket is full", ROOM },
	{ "InsufficientStorage", ENOSPC, S3_GIVE_UP, "the bucket is full", ROOM },
	{ "XMinioStorageFull", ENOSPC, S3_GIVE_UP, "the bucket is full", ROOM },
	{ "NoSuchKey", ENOENT, S3_GIVE_UP, "it is not in the bucket", NULL },
	{ "NoSuchUpload", ESTALE, S3_GIVE_UP, "the upload was given up meanwhile", "sync again" },
	{ "PreconditionFailed", EEXIST, S3_GIVE_UP, "there is another object at its key", NULL },
	{ "ConditionalRequestConflict", EAGAIN, S3_AGAIN, "another upload to the key was going on", "sync again" },
	{ "OperationAborted", EAGAIN, S3_AGAIN, "another operation was going on", "sync again" },
	{ "BadDigest", EBADMSG, S3_AGAIN, "the bytes arrive damaged", LATER },
	{ "InvalidDigest", EBADMSG, S3_AGAIN, "the bytes arrive damaged", LATER },
	{ "XAmzContentSHA256Mismatch", EBADMSG, S3_AGAIN, "the bytes arrive damaged", LATER },
	{ "XAmzContentChecksumMismatch", EBADMSG, S3_AGAIN, "the bytes arrive damaged", LATER },
	{ "IncompleteBody", EBADMSG, S3_AGAIN, "the bytes arrive cut", LATER },
	{ "RequestTimeout", ETIMEDOUT, S3_AGAIN, "the server waited for the bytes in vain", LATER },
	{ "SlowDown", EAGAIN, S3_AGAIN, "the server asks to slow down", LATER },
	{ "Throttling", EAGAIN, S3_AGAIN, "the server asks to slow down", LATER },
	{ "InternalError", EAGAIN, S3_AGAIN, "the server has trouble", LATER },
	{ "ServiceUnavailable", EAGAIN, S3_AGAIN, "the server is not available", LATER },
	{ "EntityTooLarge", EFBIG, S3_GIVE_UP, "it is larger than the server allows", NULL },
	{ "InvalidRange", ERANGE, S3_GIVE_UP, "the object is shorter than it should be", NULL },
	{ "NotImplemented", EOPNOTSUPP, S3_GIVE_UP, "the server does not know such a request", NULL },
};

/* Where the server says no code: answers to HEAD have no body, and some proxies speak no S3. */
static const struct { long status; struct fault fault; } by_status[] = {
	{ 401, { "", EKEYREJECTED, S3_AGAIN_ONCE, "the keys are not accepted", KEYS } },
	/* A signature that was damaged on the way looks like this where there is no body to say so. */
	{ 403, { "", EACCES, S3_AGAIN_ONCE, "access is denied", ALLOW } },
	{ 404, { "", ENOENT, S3_GIVE_UP, "it is not in the bucket", NULL } },
	{ 408, { "", ETIMEDOUT, S3_AGAIN, "the server waited in vain", LATER } },
	{ 412, { "", EEXIST, S3_GIVE_UP, "there is another object at its key", NULL } },
	{ 416, { "", ERANGE, S3_GIVE_UP, "the object is shorter than it should be", NULL } },
	{ 429, { "", EAGAIN, S3_AGAIN, "the server asks to slow down", LATER } },
	{ 507, { "", ENOSPC, S3_GIVE_UP, "the bucket is full", ROOM } },
};
static const struct fault trouble = { "", EAGAIN, S3_AGAIN, "the server has trouble", LATER };
static const struct fault refused = { "", EREMOTEIO, S3_GIVE_UP, "the server refused", NULL };

static const struct fault *fault_of(const struct s3_answer *a)
{
	for (size_t i = 0; *a->code && i < ARRAY_LEN(faults); i++)
		if (!strcmp(faults[i].code, a->code))
			return &faults[i];
	for (size_t i = 0; i < ARRAY_LEN(by_status); i++)
		if (by_status[i].status == a->status)
			return &by_status[i].fault;
	return a->status >= 500 || a->status < 300 ? &trouble : &refused;
}

struct said { struct s3_answer *a; struct buf message; };

static int read_error(void *arg, const char *path, const char *text)
{
	struct said *s = arg;

	if (!strcmp(path, "Error/Code"))
		snprintf(s->a->code, sizeof(s->a->code), "%s", text);
	else if (!strcmp(path, "Error/Message"))
		buf_adds(&s->message, text);
	return 0;
}

/* On one line, not too long, and without what ends our message and begins the hint. */
static void add_server_words(struct buf *out, const struct s3_answer *a, const struct buf *message)
{
	AUTO(buf_release) struct buf clean = BUF_INIT;
	const char *text = buf_str(message);

	if (!*a->code && !*text) {
		buf_addf(out, " (HTTP %ld)", a->status);
		return;
	}
	utf8_printable(&clean, text, utf8_cut(text, message->len, SERVER_WORDS_MAX));
	for (size_t i = 0; i < clean.len; i++)
		if (clean.data[i] == ';')
			clean.data[i] = ',';
	buf_addf(out, " (%s%s%s)", a->code, *a->code && clean.len ? ": " : "", buf_str(&clean));
}

/* Minutes that this machine is ahead of the server; 0: about right, or not known. */
static int64_t minutes_ahead(const char *date)
{
	struct tm tm = { 0 };
	const char *end = date ? strptime(date, "%a, %d %b %Y %H:%M:%S GMT", &tm) : NULL;
	int64_t ahead = end ? clock_now(&(struct clock){ 0 }) - timegm(&tm) : 0;

	return ahead > SKEW_SECONDS || ahead < -SKEW_SECONDS ? ahead / 60 : 0;
}

static void add_clock(struct buf *out, const char *date)
{
	int64_t ahead = minutes_ahead(date);

	if (ahead)
		buf_addf(out, ": it is %lld minutes %s", (long long)(ahead > 0 ? ahead : -ahead), ahead > 0 ? "ahead" : "behind");
}

enum s3_next s3_judge_answer(const struct s3 *s, const char *date, struct s3_answer *a)
{
	struct said said = { a, BUF_INIT };
	const struct fault *f;

	xml_each(buf_str(&a->body), a->body.len, read_error, &said);
	/* Where a wrong clock is not told, it looks like wrong keys, or like no permission. */
	if ((a->status == 403 || a->status == 401) && minutes_ahead(date) && strcmp(a->code, "AccessDenied"))
		snprintf(a->code, sizeof(a->code), "RequestTimeTooSkewed");
	f = fault_of(a);
	a->r = -f->error;
	buf_addf(&a->words, "%s", f->what);
	if (f->error == ETIME)
		add_clock(&a->words, date);
	else if (f->error == ENXIO || f->error == EACCES || f->error == ENOSPC)
		buf_addf(&a->words, ": '%s' at %s", s->bucket, s->host);
	add_server_words(&a->words, a, &said.message);
	buf_release(&said.message);
	if (f->todo)
		buf_addf(&a->words, "; %s", f->todo);
	return f->next;
}

static const struct { CURLcode code; int error; enum s3_next next; const char *todo; } transfers[] = {
	{ CURLE_COULDNT_RESOLVE_HOST, ENETUNREACH, S3_AGAIN_OFFLINE, "is there a network? 'genstore sync' goes on later" },
	{ CURLE_COULDNT_RESOLVE_PROXY, ENETUNREACH, S3_AGAIN_OFFLINE, "is there a network? 'genstore sync' goes on later" },
	{ CURLE_COULDNT_CONNECT, ENETUNREACH, S3_AGAIN_OFFLINE, "is there a network? 'genstore sync' goes on later" },
	{ CURLE_OPERATION_TIMEDOUT, ETIMEDOUT, S3_AGAIN, LATER },
	{ CURLE_GOT_NOTHING, ECONNRESET, S3_AGAIN, LATER },
	{ CURLE_RECV_ERROR, ECONNRESET, S3_AGAIN, LATER },
	{ CURLE_SEND_ERROR, ECONNRESET, S3_AGAIN, LATER },
	{ CURLE_PARTIAL_FILE, ECONNRESET, S3_AGAIN, LATER },
	{ CURLE_SSL_CONNECT_ERROR, EPROTO, S3_GIVE_UP, "does it speak TLS?" },
	{ CURLE_PEER_FAILED_VERIFICATION, EPROTO, S3_GIVE_UP, "set AWS_CA_BUNDLE where it has a certificate of its own" },
	{ CURLE_SSL_CACERT_BADFILE, EPROTO, S3_GIVE_UP, "check AWS_CA_BUNDLE" },
	{ CURLE_OUT_OF_MEMORY, ENOMEM, S3_GIVE_UP, NULL },
	/* Bytes that are no HTTP: they were damaged on the way, or that is no web server. */
	{ CURLE_UNSUPPORTED_PROTOCOL, EPROTO, S3_AGAIN, NULL },
	{ CURLE_WEIRD_SERVER_REPLY, EPROTO, S3_AGAIN, NULL },
};

enum s3_next s3_judge_transfer(const struct s3 *s, CURLcode code, struct s3_answer *a)
{
	const char *todo = LATER;
	enum s3_next next = S3_AGAIN;

	a->r = -ECONNRESET;
	for (size_t i = 0; i < ARRAY_LEN(transfers); i++)
		if (transfers[i].code == code) {
			a->r = -transfers[i].error;
			next = transfers[i].next;
			todo = transfers[i].todo;
		}
	buf_addf(&a->words, "%s: %s%s%s", s->host, s->curl.easy_strerror(code), todo ? "; " : "", todo ? todo : "");
	return next;
}
