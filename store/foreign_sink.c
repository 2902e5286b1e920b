#include "store/foreign_sink.h"

#include <pthread.h>

enum { RING = 2 * FOREIGN_BATCH, ENCODER_ZSTD = 1 };

/* A window that the scan found and the caller has yet to write. */
struct window {
	struct piece piece;
	struct buf packed;
};

struct sink {
	struct genstore *st;
	uint8_t *bytes;               /* RING slots of PIECE_MAX */
	size_t sizes[RING];
	struct piece described[RING]; /* by the hasher */
	size_t pos;                   /* in the slot that is being filled */
	int64_t size;
	struct idlist pieces, windows;

	pthread_mutex_t lock; /* for all below */
	pthread_cond_t moved;
	int64_t filled, written, hashed, scanned; /* slots so far: the ring's slot is the number modulo RING */
	bool ended, abandoned;
	struct window *found;
	size_t found_count, found_room;

	bool has_hasher, has_scanner;
	pthread_t hasher, scanner;
	struct sha256 sha256; /* the hasher's, as the two below, until it ends */
	uint32_t crc32, adler32;
	struct scan scan; /* the scanner's until it ends */
	bool scan_given;
	int scan_error;
};

static uint8_t *slot(const struct sink *k, int64_t i)
{
	return k->bytes + (size_t)(i % RING) * PIECE_MAX;
}

/* Waits until slot *at is filled: 1; 0: there is no more; -ECANCELED. */
static int wait_filled(struct sink *k, const int64_t *at)
{
	while (*at == k->filled && !k->ended && !k->abandoned)
		pthread_cond_wait(&k->moved, &k->lock);
	return k->abandoned ? -ECANCELED : *at < k->filled;
}

/* One SHA-256 serves the whole and its parts: that of each is what the whole has come to. */
static void describe(struct sink *k, struct piece *p, const uint8_t *bytes, size_t n)
{
	struct sha256 so_far;

	sha256_update(&k->sha256, bytes, n);
	so_far = k->sha256;
	sha256_final(&so_far, p->sha256);
	p->codec = PIECE_PART;
	p->size = (int64_t)n;
	p->crc32 = crc32_update(0, bytes, n);
	p->adler32 = adler32_update(1, bytes, n);
}

static void *hash_all(void *arg)
{
	struct sink *k = arg;

	pthread_mutex_lock(&k->lock);
	while (wait_filled(k, &k->hashed) > 0) {
		int64_t i = k->hashed;
		size_t n = k->sizes[i % RING];
		struct piece *p = &k->described[i % RING];

		pthread_mutex_unlock(&k->lock);
		describe(k, p, slot(k, i), n);
		k->crc32 = crc32_join(k->crc32, p->crc32, p->size);
		k->adler32 = adler32_join(k->adler32, p->adler32, p->size);
		pthread_mutex_lock(&k->lock);
		k->hashed++;
		pthread_cond_broadcast(&k->moved);
	}
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

/* The scanner's source. */
static ssize_t next_slot(void *arg, const uint8_t **ret_bytes)
{
	struct sink *k = arg;
	ssize_t n;

	pthread_mutex_lock(&k->lock);
	if (k->scan_given) {
		k->scanned++;
		pthread_cond_broadcast(&k->moved);
	}
	n = wait_filled(k, &k->scanned);
	k->scan_given = n > 0;
	if (n > 0) {
		*ret_bytes = slot(k, k->scanned);
		n = (ssize_t)k->sizes[k->scanned % RING];
	}
	pthread_mutex_unlock(&k->lock);
	return n;
}

static int add_found(struct sink *k, const struct window *w)
{
	size_t room = k->found_room ? k->found_room * 2 : 16;
	struct window *found = k->found;

	if (k->found_count == k->found_room) {
		if (!(found = realloc(found, room * sizeof(*found))))
			return -ENOMEM;
		k->found = found;
		k->found_room = room;
	}
	k->found[k->found_count++] = *w;
	return 0;
}

static int keep_window(void *arg, const void *packed, size_t n, const void *plain, size_t plain_n)
{
	struct sink *k = arg;
	struct window w = { .piece = { .codec = PIECE_ZSTD, .encoder = ENCODER_ZSTD } };
	int r;

	piece_describe(&w.piece, plain, plain_n);
	if ((r = buf_add(&w.packed, packed, n)))
		return r;
	pthread_mutex_lock(&k->lock);
	r = add_found(k, &w);
	pthread_mutex_unlock(&k->lock);
	if (r)
		buf_release(&w.packed);
	return r;
}

static void *scan_all(void *arg)
{
	struct sink *k = arg;
	int r = scan_run(&k->scan);

	pthread_mutex_lock(&k->lock);
	k->scan_error = r;
	k->scanned = INT64_MAX; /* the rest is nobody's */
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
	return NULL;
}

static int start(struct sink *k)
{
	int r = pthread_create(&k->hasher, NULL, hash_all, k);

	k->has_hasher = !r;
	if (!r) {
		r = pthread_create(&k->scanner, NULL, scan_all, k);
		k->has_scanner = !r;
	}
	return r ? store_fail(k->st, -r, "cannot start a thread: %s", strerror(r)) : 0;
}

static void sink_freep(struct sink **k)
{
	sink_free(*k);
}

int sink_new(struct genstore *st, const struct foreign_limits *limits, struct sink **ret_k)
{
	AUTO(sink_freep) struct sink *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return -ENOMEM;
	k->st = st;
	k->adler32 = 1;
	k->scan.limits = limits;
	k->scan.source = (struct gunzip_source){ .next = next_slot, .arg = k };
	k->scan.window = keep_window;
	k->scan.arg = k;
	sha256_init(&k->sha256);
	pthread_mutex_init(&k->lock, NULL);
	pthread_cond_init(&k->moved, NULL);
	if (!(k->bytes = malloc(FOREIGN_MEMORY)))
		return -ENOMEM;
	if ((r = start(k)))
		return r;
	*ret_k = MOVE(k);
	return 0;
}

static void join(struct sink *k)
{
	if (k->has_hasher)
		pthread_join(k->hasher, NULL);
	if (k->has_scanner)
		pthread_join(k->scanner, NULL);
	k->has_hasher = k->has_scanner = false;
}

void sink_free(struct sink *k)
{
	if (!k)
		return;
	pthread_mutex_lock(&k->lock);
	k->abandoned = true;
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
	join(k);
	for (size_t i = 0; i < k->found_count; i++)
		buf_release(&k->found[i].packed);
	free(k->found);
	scan_release(&k->scan);
	idlist_release(&k->pieces);
	idlist_release(&k->windows);
	pthread_cond_destroy(&k->moved);
	pthread_mutex_destroy(&k->lock);
	free(k->bytes);
	free(k);
}

static void wait_hashed(struct sink *k, int64_t count)
{
	pthread_mutex_lock(&k->lock);
	while (k->hashed < count)
		pthread_cond_wait(&k->moved, &k->lock);
	pthread_mutex_unlock(&k->lock);
}

static int write_windows(struct sink *k, struct leaf *leaf)
{
	struct window *found;
	size_t count;
	int r = 0;

	pthread_mutex_lock(&k->lock);
	found = MOVE(k->found);
	count = k->found_count;
	k->found_count = k->found_room = 0;
	pthread_mutex_unlock(&k->lock);
	for (size_t i = 0; i < count; i++) {
		if (!r)
			r = piece_append(k->st, leaf, &found[i].piece, found[i].packed.data, found[i].packed.len);
		if (!r)
			r = idlist_add(&k->windows, found[i].piece.id);
		buf_release(&found[i].packed);
	}
	free(found);
	return r;
}

static int write_in_transaction(struct sink *k, int64_t end)
{
	struct leaf leaf;
	int r;

	TXN t = txn_begin(&k->st->db);

	if ((r = t.error) || (r = piece_leaf_load(k->st, &leaf)))
		return r;
	for (int64_t i = k->written; i < end; i++) {
		struct piece *p = &k->described[i % RING];

		if ((r = piece_append(k->st, &leaf, p, slot(k, i), k->sizes[i % RING])) || (r = idlist_add(&k->pieces, p->id)))
			return r;
	}
	if ((r = write_windows(k, &leaf)) || (r = piece_leaf_save(k->st, &leaf)))
		return r;
	return txn_commit(&t);
}

/* Slots from `written` to `end`, and the windows that were found meanwhile. */
static int write_slots(struct sink *k, int64_t end)
{
	size_t pieces = k->pieces.count, windows = k->windows.count;
	int r;

	wait_hashed(k, end);
	if ((r = write_in_transaction(k, end))) {
		/* Ids of a transaction that was rolled back are given to somebody else. */
		k->pieces.count = pieces;
		k->windows.count = windows;
		return r;
	}
	pthread_mutex_lock(&k->lock);
	k->written = end;
	pthread_mutex_unlock(&k->lock);
	return 0;
}

/* Waits for the slot that comes next: it is free when both threads are done with what it held, and that is written. */
static int free_slot(struct sink *k)
{
	int r;

	/* With one batch in memory and another on its way to the disk, the threads always have something to do. */
	if (k->filled - k->written == RING && (r = write_slots(k, k->written + FOREIGN_BATCH)))
		return r;
	pthread_mutex_lock(&k->lock);
	while (k->filled - k->scanned >= RING)
		pthread_cond_wait(&k->moved, &k->lock);
	pthread_mutex_unlock(&k->lock);
	return 0;
}

int sink_room(struct sink *k, void **ret_bytes, size_t *ret_n)
{
	int r = k->pos ? 0 : free_slot(k);

	if (r)
		return r;
	*ret_bytes = slot(k, k->filled) + k->pos;
	*ret_n = PIECE_MAX - k->pos;
	return 0;
}

static void hand_over(struct sink *k, bool last)
{
	pthread_mutex_lock(&k->lock);
	if (k->pos) {
		k->sizes[k->filled % RING] = k->pos;
		k->filled++;
	}
	k->ended = last;
	pthread_cond_broadcast(&k->moved);
	pthread_mutex_unlock(&k->lock);
	k->pos = 0;
}

int sink_fill(struct sink *k, size_t n)
{
	k->pos += n;
	k->size += (int64_t)n;
	if (k->pos == PIECE_MAX)
		hand_over(k, false);
	return 0;
}

int sink_flush(struct sink *k)
{
	int r = 0;

	while (!r && k->written < k->filled)
		r = write_slots(k, min_i64(k->written + FOREIGN_BATCH, k->filled));
	/* Windows of the last MiBs, once the scan is over. */
	return !r && !k->has_scanner && k->found_count ? write_slots(k, k->filled) : r;
}

bool sink_is_flushed(const struct sink *k)
{
	return k->written == k->filled && !k->found_count;
}

int sink_end(struct sink *k, struct sink_result *ret_result)
{
	int r;

	hand_over(k, true);
	if (k->written && (r = sink_flush(k)))
		return r;
	join(k);
	if (k->scan_error == -ENOMEM)
		return -ENOMEM;
	*ret_result = (struct sink_result){ .size = k->size, .crc32 = k->crc32, .adler32 = k->adler32, .error = k->scan_error };
	sha256_final(&k->sha256, ret_result->sha256);
	return 0;
}

bool sink_has_failed(struct sink *k)
{
	bool failed;

	pthread_mutex_lock(&k->lock);
	failed = k->scan_error;
	pthread_mutex_unlock(&k->lock);
	return failed;
}

const struct idlist *sink_pieces(const struct sink *k)
{
	return &k->pieces;
}

const struct idlist *sink_windows(const struct sink *k)
{
	return &k->windows;
}

struct scan *sink_scan(struct sink *k)
{
	return &k->scan;
}

/* What is not written yet is in the ring. */
ssize_t sink_read(struct sink *k, int64_t offset, size_t n, void *out)
{
	int64_t i = offset / PIECE_MAX;
	size_t skip = (size_t)(offset % PIECE_MAX);
	const uint8_t *bytes = slot(k, i);
	size_t size;
	int r;

	if (offset < 0 || offset >= k->size)
		return offset < 0 ? -EINVAL : 0;
	size = (size_t)min_i64(k->size - i * PIECE_MAX, PIECE_MAX);
	if (i < (int64_t)k->pieces.count && (r = piece_borrow(k->st, k->pieces.ids[i], (int64_t)size, &bytes)))
		return r;
	n = (size_t)min_i64((int64_t)n, (int64_t)(size - skip));
	memcpy(out, bytes + skip, n);
	return (ssize_t)n;
}
