/* A large object: in parts, several at a time, which are written down, so that they are taken up again after a kill. */
#include "src/sync/send_inside.h"
#include "store/artifact_remote.h"
#include "store/outbox.h"

static int64_t part_length(const struct send *x, int64_t number)
{
	return min_i64(x->upload.part_size, object_size(x->object) - (number - 1) * x->upload.part_size);
}

static int remember(void *arg, const struct upload_part *part)
{
	struct send *x = arg;
	struct s3_part *p;

	if (part->number < 1 || part->number > (int64_t)x->count)
		return -EUCLEAN;
	p = &x->parts[part->number - 1];
	p->number = part->number;
	memcpy(p->sums.sha256, part->sha256, SHA256_SIZE);
	memcpy(p->sums.md5, part->md5, MD5_SIZE);
	snprintf(p->etag, sizeof(p->etag), "%s", part->etag);
	x->sent += part_length(x, part->number);
	return 0;
}

/* The parts that are there, of x->upload. */
static int begin_parts(struct send *x)
{
	free(x->parts);
	x->count = (size_t)((object_size(x->object) + x->upload.part_size - 1) / x->upload.part_size);
	x->parts = calloc(x->count, sizeof(*x->parts));
	x->sent = 0;
	x->state = SEND_SENDING;
	return x->parts ? upload_parts(x->st, x->upload.id, remember, x) : -ENOMEM;
}

static void fail_store(struct send *x, int r)
{
	send_fail(x, r, genstore_errmsg(x->st));
}

void send_opening(struct send *x)
{
	int r;

	upload_release(&x->upload);
	r = upload_find(x->st, x->outbox_id, x->bucket, x->key, x->sha256, &x->upload);
	if (!r)
		r = begin_parts(x);
	if (r && r != -ENOENT)
		fail_store(x, r);
	if (r != -ENOENT)
		return;
	s3_call_release(&x->call);
	s3_upload_begin(&x->call, x->key);
	s3_describe(&x->call, x->type, x->about, x->about_count);
	s3_start(x->s3, &x->call);
	x->state = SEND_OPENED;
}

static int open_upload(struct send *x, const struct s3_answer *a)
{
	struct upload u = { .outbox_id = x->outbox_id, .part_size = etag_part_size(object_size(x->object)) };
	int r = s3_upload_id(a, &u.upload_id);

	if (r)
		return store_fail(x->st, r, "the server's answer names no upload");
	u.bucket = strdup(x->bucket);
	u.key = strdup(x->key);
	memcpy(u.sha256, x->sha256, SHA256_SIZE);
	if (!u.bucket || !u.key || (r = upload_add(x->st, &u))) {
		upload_release(&u);
		return r ? r : -ENOMEM;
	}
	x->upload = u;
	return begin_parts(x);
}

void send_opened(struct send *x)
{
	const struct s3_answer *a = &x->call.answer;
	int r;

	if (!x->call.over)
		return;
	r = a->r ? a->r : open_upload(x, a);
	if (a->r)
		send_fail(x, r, buf_str(&a->words));
	else if (r == -EPROTO && x->restarts++ < SEND_REWRITES)
		x->state = SEND_OPENING; /* the answer was damaged on the way */
	else if (r)
		fail_store(x, r);
}

static void free_slot(struct send *x, struct send_slot *s)
{
	s3_call_release(&s->call);
	send_give(x, s->body, s->n);
	*s = (struct send_slot){ 0 };
}

static void start_slot(struct send *x, struct send_slot *s)
{
	s3_call_release(&s->call);
	s3_upload_part(&s->call, x->key, x->upload.upload_id, s->number, s->body, (size_t)s->n, &s->sums);
	s3_start(x->s3, &s->call);
}

static int note_sent(const struct send *x)
{
	return x->outbox_id < 0 ? artifact_remote_progress(x->st, -x->outbox_id, x->sent) : outbox_progress(x->st, x->outbox_id, x->sent);
}

/* Written down before the next one goes: what is acknowledged is not sent twice. */
static int note_part(struct send *x, const struct send_slot *s)
{
	struct upload_part part = { .number = s->number };
	int r;

	memcpy(part.sha256, s->sums.sha256, SHA256_SIZE);
	memcpy(part.md5, s->sums.md5, MD5_SIZE);
	snprintf(part.etag, sizeof(part.etag), "%s", s->call.answer.etag);

	TXN t = txn_begin(&x->st->db);

	if ((r = t.error) || (r = upload_part_add(x->st, x->upload.id, &part)) || (r = remember(x, &part)) ||
	    (r = note_sent(x)))
		return r;
	return txn_commit(&t);
}

/* The upload is no more. Somebody may have ended it, with our bytes: then they are there. */
static void lost(struct send *x)
{
	int r = upload_drop(x->st, x->upload.id);

	send_slots_release(x);
	if (r)
		fail_store(x, r);
	else
		send_look(x);
}

static void part_over(struct send *x, struct send_slot *s)
{
	const struct s3_answer *a = &s->call.answer;
	bool other = !a->r && strlen(a->etag) == 2 * MD5_SIZE && !a->encrypted && !s3_is_md5(a->etag, s->sums.md5);
	int r;

	if (other && s->rewrites++ < SEND_REWRITES) {
		start_slot(x, s);
	} else if (other) {
		send_fail(x, -EBADMSG, "the server keeps other bytes than were sent, again and again; try again later");
	} else if (a->r == -ESTALE || a->r == -ENOENT) {
		lost(x);
	} else if (a->r) {
		send_fail(x, a->r, buf_str(&a->words));
	} else if ((r = note_part(x, s)) == -ENOENT) {
		send_fail(x, -ECANCELED, "it was cancelled");
		send_give_up(x);
	} else if (r) {
		fail_store(x, r);
	} else {
		free_slot(x, s);
	}
}

static bool in_hand(const struct send *x, int64_t number)
{
	for (size_t i = 0; i < ARRAY_LEN(x->slots); i++)
		if (x->slots[i].number == number)
			return true;
	return false;
}

/* The next part that nobody has: its number, 0: there is none. */
static int64_t next_part(const struct send *x)
{
	for (size_t i = 0; i < x->count; i++)
		if (!x->parts[i].number && !in_hand(x, (int64_t)i + 1))
			return (int64_t)i + 1;
	return 0;
}

static void fill_slot(struct send *x, struct send_slot *s)
{
	int64_t number = next_part(x), n = number ? part_length(x, number) : 0;
	int r;

	if (!number || !(s->body = send_take(x, n)))
		return;
	s->n = n;
	s->number = number;
	if ((r = send_read(x, (number - 1) * x->upload.part_size, n, s->body))) {
		fail_store(x, r);
		return;
	}
	s3_sums_of(s->body, (size_t)n, &s->sums);
	start_slot(x, s);
}

static void close_upload(struct send *x)
{
	struct s3_sums sums;

	buf_reset(&x->manifest);
	if (s3_upload_manifest(x->parts, x->count, &x->manifest)) {
		send_fail(x, -ENOMEM, "no memory");
		return;
	}
	s3_sums_of(x->manifest.data, x->manifest.len, &sums);
	s3_call_release(&x->call);
	s3_upload_end(&x->call, x->key, x->upload.upload_id, &x->manifest, &sums, x->plain ? S3_REPLACE : S3_ONLY_NEW);
	if (*x->replaces)
		s3_replace_only(&x->call, x->replaces, x->quoted);
	s3_start(x->s3, &x->call);
	x->state = SEND_CLOSING;
}

void send_sending(struct send *x)
{
	bool busy = false;

	for (size_t i = 0; i < ARRAY_LEN(x->slots) && x->state == SEND_SENDING; i++) {
		if (x->slots[i].number && x->slots[i].call.over)
			part_over(x, &x->slots[i]);
		if (x->state == SEND_SENDING && !x->slots[i].number)
			fill_slot(x, &x->slots[i]);
		busy = busy || x->slots[i].number;
	}
	if (x->state == SEND_SENDING && !busy && !next_part(x))
		close_upload(x);
	else if (x->state != SEND_SENDING)
		send_slots_release(x);
}

void send_closing(struct send *x)
{
	const struct s3_answer *a = &x->call.answer;

	if (!x->call.over)
		return;
	/* Also when it is gone: an answer can get lost when the work is done. */
	if (a->r == -EOPNOTSUPP && !x->plain) {
		x->plain = true;
		close_upload(x);
	} else if (a->r == -ESTALE || a->r == -ENOENT) {
		lost(x);
	} else if (!a->r || a->r == -EEXIST) {
		if (!a->r)
			*x->replaces = '\0';
		send_look(x);
	} else {
		send_fail(x, a->r, buf_str(&a->words));
	}
}

void send_tidy(struct send *x)
{
	int r = x->upload.id ? upload_drop(x->st, x->upload.id) : 0;

	if (r) {
		fail_store(x, r);
		return;
	}
	s3_call_release(&x->call);
	s3_uploads(&x->call, x->key);
	s3_start(x->s3, &x->call);
	x->state = SEND_LISTING;
}

static int note_id(void *arg, const char *key, const char *id)
{
	struct send *x = arg;

	return strcmp(key, x->key) ? 0 : buf_add(&x->ids, id, strlen(id) + 1);
}

/* What cannot be listed or given up is left: it is no part of what was asked for. */
static void next_abort(struct send *x)
{
	const char *id = buf_str(&x->ids) + x->ids_at;

	x->state = SEND_OVER;
	if (x->ids_at >= x->ids.len)
		return;
	x->ids_at += strlen(id) + 1;
	s3_call_release(&x->call);
	s3_upload_abort(&x->call, x->key, id);
	s3_start(x->s3, &x->call);
	x->state = SEND_ABORTING;
}

void send_listing(struct send *x)
{
	if (!x->call.over)
		return;
	if (!x->call.answer.r)
		s3_uploads_read(&x->call.answer, note_id, x);
	next_abort(x);
}

void send_aborting(struct send *x)
{
	if (x->call.over)
		next_abort(x);
}

void send_give_up(struct send *x)
{
	send_slots_release(x);
	buf_reset(&x->ids);
	x->ids_at = 0;
	if (x->upload.upload_id && !upload_drop(x->st, x->upload.id))
		buf_add(&x->ids, x->upload.upload_id, strlen(x->upload.upload_id) + 1);
	next_abort(x);
}
