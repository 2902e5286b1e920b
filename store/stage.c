#include "store/gc.h"
#include "store/stage_inside.h"
#include "store/stitch/fragment.h"

int stage_new(struct genstore *st, struct stage **ret_stage)
{
	AUTO(stage_freep) struct stage *s = malloc(sizeof(*s));
	int r;

	if (!s)
		return -ENOMEM;
	*s = (struct stage){ .st = st, .pieces = DIGESTS(struct staged_piece), .contents = DIGESTS(struct staged_content) };
	if (!(s->window = malloc(STAGE_WINDOW)))
		return -ENOMEM;
	if ((r = gc_epoch(st, &s->epoch)))
		return r;
	*ret_stage = MOVE(s);
	return 0;
}

void stage_free(struct stage *s)
{
	if (!s)
		return;
	buf_release(&s->bytes);
	digests_release(&s->pieces);
	digests_release(&s->contents);
	idlist_release(&s->refs);
	idlist_release(&s->slots);
	free(s->window);
	free(s);
}

void stage_freep(struct stage **s)
{
	stage_free(*s);
}

static int64_t resolve_piece(const struct stage *s, int64_t id)
{
	return id > 0 ? id : ((const struct staged_piece *)digests_at(&s->pieces, (size_t)staged(id)))->id;
}

/* Another process may have written the same meanwhile: the first one stays. */
static int write_pieces(struct stage *s, int64_t *stored)
{
	struct leaf leaf;
	int r = piece_leaf_load(s->st, &leaf);

	for (size_t i = 0; !r && i < s->pieces.count; i++) {
		struct staged_piece *staged = digests_at(&s->pieces, i);
		struct piece p;

		if ((r = piece_find(s->st, staged->sha256, PIECE_DEFLATE, &p)) == -ENOENT) {
			p = (struct piece){ .size = staged->size, .crc32 = staged->crc32, .adler32 = staged->adler32,
					    .codec = PIECE_DEFLATE, .encoder = FRAGMENT_ENCODER, .level = FRAGMENT_LEVEL };
			memcpy(p.sha256, staged->sha256, SHA256_SIZE);
			r = piece_append(s->st, &leaf, &p, s->bytes.data + staged->at, staged->length);
			*stored += staged->length;
		}
		staged->id = p.id;
	}
	return r ? r : piece_leaf_save(s->st, &leaf);
}

static int write_contents(struct stage *s, int64_t *contents)
{
	int r = 0;

	for (size_t i = 0; !r && i < s->contents.count; i++) {
		struct staged_content *c = digests_at(&s->contents, i);
		struct content new = { .size = c->size, .crc32 = c->crc32, .adler32 = c->adler32,
				       .pieces = s->refs.ids + c->first, .piece_count = c->count };

		if ((r = content_find(s->st, c->sha256, &c->id)) != -ENOENT)
			continue;
		memcpy(new.sha256, c->sha256, SHA256_SIZE);
		memcpy(new.git_blob, c->git_blob, SHA1_SIZE);
		r = content_insert(s->st, &new, &c->id);
		++*contents;
	}
	return r;
}

static int write_all(struct stage *s)
{
	int64_t epoch, stored = 0, contents = 0;
	int r;

	if ((r = gc_epoch(s->st, &epoch)))
		return r;
	if (epoch != s->epoch)
		return store_fail(s->st, -ESTALE, "a collection ran meanwhile; try again");
	if (s->pieces.count && (r = write_pieces(s, &stored)))
		return r;
	for (size_t i = 0; i < s->refs.count; i++)
		s->refs.ids[i] = resolve_piece(s, s->refs.ids[i]);
	if ((r = write_contents(s, &contents)))
		return r;
	s->new_stored += stored;
	s->new_contents += contents;
	return 0;
}

/* Slots get their ids; only the refs of a content that is still read remain. */
static void settle(struct stage *s)
{
	for (; s->settled < s->slots.count; s->settled++) {
		int64_t *id = &s->slots.ids[s->settled];

		if (*id < 0)
			*id = ((const struct staged_content *)digests_at(&s->contents, (size_t)staged(*id)))->id;
	}
	s->refs.count -= s->open;
	if (s->refs.count)
		memmove(s->refs.ids, s->refs.ids + s->open, s->refs.count * sizeof(*s->refs.ids));
	s->open = 0;
	buf_reset(&s->bytes);
	digests_reset(&s->pieces);
	digests_reset(&s->contents);
}

int stage_flush(struct stage *s)
{
	int r;

	if (s->error)
		return s->error;
	TXN t = txn_begin(&s->st->db);

	if (t.error)
		return t.error;
	r = write_all(s);
	if (!r)
		r = txn_commit(&t);
	if (r)
		return s->error = r;
	settle(s);
	return 0;
}

int stage_content(const struct stage *s, int64_t slot, int64_t *ret_id)
{
	if ((uint64_t)slot >= s->settled)
		return store_fail(s->st, -EINVAL, "a content has no id before it is written");
	*ret_id = s->slots.ids[slot];
	return 0;
}

void stage_stats(const struct stage *s, int64_t *ret_contents, int64_t *ret_stored)
{
	*ret_contents = s->new_contents;
	*ret_stored = s->new_stored;
}
