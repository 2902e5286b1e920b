#include "store/content.h"
#include "store/git_tree.h"
#include "store/object.h"

enum { FIRST_ROOM = 1024, AT_ONCE = 256 << 10 };

struct slot {
	int64_t content; /* 0: free */
	int64_t size;
	uint8_t id[SHA1_SIZE];
};

/* A hash table with open addressing, at most half full. */
struct git_ids {
	struct slot *slots;
	size_t room, used; /* room: a power of 2 */
};

int git_ids_new(struct git_ids **ret_ids)
{
	AUTO(free_ptr) struct git_ids *ids = calloc(1, sizeof(*ids));

	if (!ids || !(ids->slots = calloc(FIRST_ROOM, sizeof(*ids->slots))))
		return -ENOMEM;
	ids->room = FIRST_ROOM;
	*ret_ids = MOVE(ids);
	return 0;
}

void git_ids_free(struct git_ids *ids)
{
	if (ids)
		free(ids->slots);
	free(ids);
}

static struct slot *slot_of(const struct git_ids *ids, int64_t content)
{
	uint64_t at = (uint64_t)content * UINT64_C(0x9e3779b97f4a7c15);

	for (at >>= 20;; at++) {
		struct slot *s = &ids->slots[at & (ids->room - 1)];

		if (!s->content || s->content == content)
			return s;
	}
}

static int grow(struct git_ids *ids)
{
	struct git_ids more = { .room = ids->room * 2, .used = ids->used };

	if (!(more.slots = calloc(more.room, sizeof(*more.slots))))
		return -ENOMEM;
	for (size_t i = 0; i < ids->room; i++)
		if (ids->slots[i].content)
			*slot_of(&more, ids->slots[i].content) = ids->slots[i];
	free(ids->slots);
	*ids = more;
	return 0;
}

/* A file of a foreign archive is read for it. */
static int compute(struct genstore *st, int64_t content, struct slot *s)
{
	AUTO(object_unrefp) struct object *o = NULL;
	AUTO(free_ptr) uint8_t *bytes = malloc(AT_ONCE);
	struct git_blob h;
	ssize_t n = 0;
	int r = object_of_content(st, content, &o);

	if (r || !bytes)
		return r ? r : -ENOMEM;
	s->size = object_size(o);
	git_blob_init(&h, s->size);
	for (int64_t at = 0; at < s->size; at += n) {
		if ((n = object_read(st, o, at, AT_ONCE, bytes)) <= 0)
			return n < 0 ? (int)n : -EBADMSG;
		git_blob_update(&h, bytes, (size_t)n);
	}
	git_blob_final(&h, s->id);
	return 0;
}

static int look_up(struct genstore *st, int64_t content, struct slot *s)
{
	AUTO(content_release) struct content c = { .id = 0 };
	int r = content_get(st, content, &c);

	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	if (!c.piece_count && c.size)
		return compute(st, content, s);
	s->size = c.size;
	memcpy(s->id, c.git_blob, SHA1_SIZE);
	return content_has_git_name(&c) ? 0 : compute(st, content, s);
}

int git_ids_blob(struct genstore *st, struct git_ids *ids, int64_t content, int64_t size, uint8_t out[SHA1_SIZE])
{
	struct slot *s = slot_of(ids, content), found = { .content = content };
	int r;

	if (!s->content) {
		if ((r = look_up(st, content, &found)))
			return r;
		if (2 * ++ids->used > ids->room && (r = grow(ids)))
			return r;
		*(s = slot_of(ids, content)) = found;
	}
	if (s->size != size)
		return store_fail(st, -EBADMSG, "content '%lld' has %lld bytes where %lld belong; run 'genstore check'",
				  (long long)content, (long long)s->size, (long long)size);
	memcpy(out, s->id, SHA1_SIZE);
	return 0;
}
