#include "store/git_set.h"

enum { FIRST_ROOM = 1024 };

void git_set_release(struct git_set *s)
{
	free(s->members);
	*s = (struct git_set){ 0 };
}

static struct git_member *find(const struct git_set *s, const uint8_t id[SHA1_SIZE])
{
	uint64_t at;

	for (memcpy(&at, id, sizeof(at));; at++) {
		struct git_member *m = &s->members[at & (s->room - 1)];

		if (!m->state || memcmp(m->id, id, SHA1_SIZE) == 0)
			return m;
	}
}

static int grow(struct git_set *s)
{
	struct git_set more = { .room = s->room ? 2 * s->room : FIRST_ROOM, .count = s->count };

	if (!(more.members = calloc(more.room, sizeof(*more.members))))
		return -ENOMEM;
	for (size_t i = 0; i < s->room; i++)
		if (s->members[i].state)
			*find(&more, s->members[i].id) = s->members[i];
	free(s->members);
	*s = more;
	return 0;
}

struct git_member *git_set_get(struct git_set *s, const uint8_t id[SHA1_SIZE])
{
	struct git_member *m;

	if (4 * (s->count + 1) > 3 * s->room && grow(s))
		return NULL;
	m = find(s, id);
	if (!m->state) {
		memcpy(m->id, id, SHA1_SIZE);
		s->count++;
	}
	return m;
}
