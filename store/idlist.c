#include "store/idlist.h"

void idlist_release(struct idlist *l)
{
	free(l->ids);
	*l = (struct idlist){ 0 };
}

int idlist_add(struct idlist *l, int64_t id)
{
	if (l->count == IDLIST_MAX)
		return -EFBIG;
	if (l->count == l->cap) {
		size_t cap = l->cap ? l->cap * 2 : 16;
		int64_t *ids = reallocarray(l->ids, cap, sizeof(*ids));

		if (!ids)
			return -ENOMEM;
		l->ids = ids;
		l->cap = cap;
	}
	l->ids[l->count++] = id;
	return 0;
}

int idlist_encode(const int64_t *ids, size_t count, struct buf *out)
{
	int64_t last = 0;

	for (size_t i = 0; i < count; i++) {
		buf_add_zigzag(out, ids[i] - last);
		last = ids[i];
	}
	return buf_error(out);
}

int idlist_decode(const void *data, size_t n, struct idlist *l)
{
	struct cursor c = cursor_of(data, n);
	int64_t id = 0;
	int r;

	while (cursor_left(&c)) {
		int64_t step = cursor_zigzag(&c);

		if (c.error || __builtin_add_overflow(id, step, &id) || id < 1)
			return -EBADMSG;
		if ((r = idlist_add(l, id)))
			return r == -EFBIG ? -EBADMSG : r;
	}
	return 0;
}
