/* What a sealed generation gives out. */
#include "store/evict.h"
#include "store/sums.h"

int generation_vouch(struct genstore *st, int64_t id, int64_t seal_id)
{
	int r = sums_verify(st, "generation_requests", id);

	if (r || (r = sums_verify(st, "archive", id)) || !seal_id)
		return r;
	return sums_verify(st, "seal", seal_id);
}

static int is_sealed(struct genstore *st, const struct generation *g)
{
	if (!g->metadata_id)
		return store_fail(st, -ENOENT, "'%s' has no archive: it is %s", g->request_id, g->status);
	return generation_vouch(st, g->id, g->seal_id);
}

int generation_archive(struct genstore *st, const struct generation *g, struct object **ret_o)
{
	int r = is_sealed(st, g);

	if (r)
		return r;
	if (g->away)
		return evict_fail(st, g->request_id);
	return g->seal_id ? archive_open(st, g->seal_id, ret_o) : object_of_content(st, g->content_id, ret_o);
}

int generation_metadata(struct genstore *st, const struct generation *g, struct object **ret_o)
{
	int r = is_sealed(st, g);

	return r ? r : object_of_content(st, g->metadata_id, ret_o);
}
