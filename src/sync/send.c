#include "src/sync/send_inside.h"

#include <openssl/evp.h>

bool send_is_large(const struct send *x)
{
	return object_size(x->object) > S3_WHOLE_MAX;
}

void send_fail(struct send *x, int r, const char *words)
{
	x->r = r;
	buf_reset(&x->words);
	buf_addf(&x->words, "'%s': %s", x->key, words);
	x->state = SEND_OVER;
}

uint8_t *send_take(struct send *x, int64_t n)
{
	uint8_t *body;

	/* One that is larger than all of it goes by itself. */
	if (x->memory->taken && x->memory->taken + n > SEND_MEMORY)
		return NULL;
	body = malloc(n ? (size_t)n : 1);
	if (!body) {
		send_fail(x, -ENOMEM, "no memory");
		return NULL;
	}
	x->memory->taken += n;
	return body;
}

void send_give(struct send *x, uint8_t *body, int64_t n)
{
	if (body)
		x->memory->taken -= n;
	free(body);
}

int send_read(struct send *x, int64_t at, int64_t n, uint8_t *out)
{
	for (int64_t done = 0; done < n;) {
		ssize_t got = object_read(x->st, x->object, at + done, (size_t)(n - done), out + done);

		if (got <= 0)
			return got < 0 ? (int)got : -EUCLEAN;
		done += got;
	}
	return 0;
}

static void put(struct send *x, enum s3_replace how)
{
	struct send_slot *s = &x->slots[0];

	s3_call_release(&x->call);
	s3_put(&x->call, x->key, s->body, (size_t)s->n, &s->sums, how);
	s3_describe(&x->call, x->type, x->about, x->about_count);
	if (*x->replaces)
		s3_replace_only(&x->call, x->replaces, x->quoted);
	s3_start(x->s3, &x->call);
	x->state = SEND_WHOLE;
}

static void on_loading(struct send *x)
{
	struct send_slot *s = &x->slots[0];
	int64_t n = object_size(x->object);
	int r;

	if (!s->body && !(s->body = send_take(x, n)))
		return;
	s->n = n;
	if ((r = send_read(x, 0, n, s->body))) {
		send_fail(x, r, genstore_errmsg(x->st));
		return;
	}
	s3_sums_of(s->body, (size_t)n, &s->sums);
	if (memcmp(s->sums.sha256, x->sha256, SHA256_SIZE)) {
		send_fail(x, -EBADMSG, "its bytes in the store do not have their SHA-256; run 'genstore check --read-data'");
		return;
	}
	put(x, S3_ONLY_NEW);
}

static void done(struct send *x, const char *etag)
{
	snprintf(x->etag, sizeof(x->etag), "%s", etag);
	x->sent = object_size(x->object);
	x->r = 0;
	if (send_is_large(x))
		send_tidy(x);
	else
		x->state = SEND_OVER;
}

static bool looks_like_md5(const struct s3_answer *a)
{
	return strlen(a->etag) == 2 * MD5_SIZE && !a->encrypted;
}

static int hash_more(void *arg, const void *data, size_t n)
{
	struct send *x = arg;

	/* One that is too long is another one, however it begins. */
	x->hashed += (int64_t)n;
	if (x->hashed > object_size(x->object))
		return -EEXIST;
	sha256_update(&x->hash, data, n);
	return 0;
}

static void read_back(struct send *x)
{
	s3_call_release(&x->call);
	sha256_init(&x->hash);
	x->hashed = 0;
	s3_get(&x->call, x->key, 0, -1);
	x->call.sink = hash_more;
	x->call.sink_arg = x;
	s3_start(x->s3, &x->call);
	x->state = SEND_READING;
}

void send_look(struct send *x)
{
	s3_call_release(&x->call);
	s3_head(&x->call, x->key);
	s3_start(x->s3, &x->call);
	x->state = SEND_LOOKING;
}

static void on_whole(struct send *x)
{
	const struct s3_answer *a = &x->call.answer;

	if (!x->call.over)
		return;
	if (a->r == -EOPNOTSUPP && !x->plain) {
		/* What is there was looked up before. */
		x->plain = true;
		put(x, S3_REPLACE);
	} else if (a->r == -ENOENT && *x->replaces) {
		/* It was removed meanwhile. */
		*x->replaces = '\0';
		put(x, S3_ONLY_NEW);
	} else if (a->r == -EEXIST) {
		x->was_there = !x->ours;
		send_look(x);
	} else if (a->r) {
		send_fail(x, a->r, buf_str(&a->words));
	} else if (looks_like_md5(a) && !s3_is_md5(a->etag, x->slots[0].sums.md5)) {
		/* The server took something else than what was sent; or its ETags are of another kind. */
		x->ours = true;
		read_back(x);
	} else {
		done(x, a->etag);
	}
}

static void conflict(struct send *x, int64_t size, const char *etag)
{
	AUTO(buf_release) struct buf words = BUF_INIT;

	buf_addf(&words, "another object is there, of %lld bytes (ETag %s); nothing was replaced: move it away, or take this one out with"
		 " 'genstore %ssync --cancel'", (long long)size, *etag ? etag : "unknown", x->outbox_id < 0 ? "artifact " : "");
	send_fail(x, -EEXIST, buf_str(&words));
	if (send_is_large(x))
		send_give_up(x);
}

static bool has_our_sha256(const struct send *x, const char *base64)
{
	char ours[S3_BASE64_SHA256];

	EVP_EncodeBlock((unsigned char *)ours, x->sha256, SHA256_SIZE);
	return !strcmp(ours, base64);
}

/* What was to be replaced is still there: whoever refused did not know its ETag in this form. */
static bool was_not_replaced(struct send *x, const char *etag)
{
	if (!*x->replaces || strcmp(etag, x->replaces) || x->restarts++ >= SEND_REWRITES)
		return false;
	x->quoted = !x->quoted;
	x->state = send_is_large(x) ? SEND_OPENING : SEND_LOADING;
	return true;
}

static void compare(struct send *x, int64_t size, const char *etag, const char *sha256)
{
	if (was_not_replaced(x, etag))
		return;

	int r = has_our_sha256(x, sha256) ? size == object_size(x->object) : etag_compare(x->st, x->object, size, etag);

	if (r == 1)
		done(x, etag);
	else if (r == 0)
		conflict(x, size, etag);
	else if (r == -EAGAIN)
		read_back(x);
	else
		send_fail(x, r, genstore_errmsg(x->st));
}

static void on_looking(struct send *x)
{
	const struct s3_answer *a = &x->call.answer;
	char etag[S3_ETAG_SIZE], sha256[S3_BASE64_SHA256];

	if (!x->call.over)
		return;
	if (a->r == -ENOENT && x->restarts++ < SEND_REWRITES) {
		x->state = send_is_large(x) ? SEND_OPENING : SEND_LOADING;
		return;
	}
	if (a->r) {
		send_fail(x, a->r, buf_str(&a->words));
		return;
	}
	/* The answer goes away with the next request. */
	snprintf(etag, sizeof(etag), "%s", a->etag);
	snprintf(sha256, sizeof(sha256), "%s", a->sha256);
	compare(x, a->size, etag, sha256);
}

static void on_reading(struct send *x)
{
	const struct s3_answer *a = &x->call.answer;
	uint8_t sha256[SHA256_SIZE];
	char etag[S3_ETAG_SIZE];
	int64_t size = x->hashed;

	if (!x->call.over)
		return;
	if (a->r && a->r != -EEXIST) {
		send_fail(x, a->r, buf_str(&a->words));
		return;
	}
	snprintf(etag, sizeof(etag), "%s", a->etag);
	sha256_final(&x->hash, sha256);
	if (!a->r && size == object_size(x->object) && !memcmp(sha256, x->sha256, SHA256_SIZE)) {
		done(x, etag);
	} else if (!x->ours) {
		conflict(x, size, etag);
	} else if (x->rewrites++ < SEND_REWRITES) {
		put(x, S3_REPLACE);
	} else {
		send_fail(x, -EBADMSG, "the server keeps other bytes than were sent, again and again; try again later");
	}
}

bool send_pump(struct send *x)
{
	static void (*const steps[])(struct send *x) = {
		[SEND_LOADING] = on_loading, [SEND_WHOLE] = on_whole, [SEND_LOOKING] = on_looking, [SEND_READING] = on_reading,
		[SEND_OPENING] = send_opening, [SEND_OPENED] = send_opened, [SEND_SENDING] = send_sending,
		[SEND_CLOSING] = send_closing, [SEND_LISTING] = send_listing, [SEND_ABORTING] = send_aborting,
	};
	int before = -1;

	while (x->state != SEND_OVER && x->state != before) {
		before = x->state;
		steps[x->state](x);
	}
	return x->state == SEND_OVER;
}

void send_begin(struct send *x, const struct found *there)
{
	x->state = send_is_large(x) ? SEND_OPENING : SEND_LOADING;
	if (!there || !there->there)
		return;
	x->was_there = true;
	compare(x, there->size, there->etag, "");
}

int64_t send_moved(const struct send *x)
{
	int64_t moved = x->sent;

	if (x->state == SEND_WHOLE)
		moved += s3_moved(&x->call);
	for (size_t i = 0; x->state == SEND_SENDING && i < ARRAY_LEN(x->slots); i++)
		if (x->slots[i].number)
			moved += s3_moved(&x->slots[i].call);
	return min_i64(moved, object_size(x->object));
}

void send_slots_release(struct send *x)
{
	for (size_t i = 0; i < ARRAY_LEN(x->slots); i++) {
		s3_call_release(&x->slots[i].call);
		send_give(x, x->slots[i].body, x->slots[i].n);
		x->slots[i] = (struct send_slot){ 0 };
	}
}

void send_release(struct send *x)
{
	s3_call_release(&x->call);
	if (x->memory)
		send_slots_release(x);
	upload_release(&x->upload);
	buf_release(&x->words);
	buf_release(&x->manifest);
	buf_release(&x->ids);
	free(x->parts);
	*x = (struct send){ 0 };
}
