/* The installed header's functions over the modules. */
#include "store/revision.h"

struct genstore_object {
	struct object *object;
};

void genstore_generation_release(struct genstore_generation *g)
{
	if (!g)
		return;
	generation_release(g->owned);
	free(g->owned);
	*g = (struct genstore_generation){ 0 };
}

/* Takes g over. */
static int publish(struct generation *g, struct genstore_generation *ret_g)
{
	struct generation *owned = malloc(sizeof(*owned));

	if (!owned) {
		generation_release(g);
		return -ENOMEM;
	}
	*owned = *g;
	genstore_generation_release(ret_g);
	*ret_g = (struct genstore_generation){
		.id = g->id, .request_id = g->request_id, .app_name = g->app_name, .status = g->status, .mode = g->mode,
		.created_at = g->created_at, .completed_at = g->completed_at, .generation_number = g->generation_number,
		.current_iteration = g->current_iteration, .max_iterations = g->max_iterations,
		.archive_size = g->archive_size, .owned = owned,
	};
	if (g->metadata_id)
		hex_encode(g->archive_sha256, SHA256_SIZE, ret_g->archive_sha256);
	return 0;
}

int genstore_generation_next(struct genstore *st, int64_t after_id, struct genstore_generation *ret_g)
{
	struct generation g = { 0 };
	int r = generation_after(st, after_id, &g);

	if (r <= 0)
		return r;
	r = publish(&g, ret_g);
	return r ? r : 1;
}

int genstore_generation_find(struct genstore *st, const char *rev, struct genstore_generation *ret_g)
{
	struct revision found = { 0 };
	int r = revision_find(st, NULL, rev, &found);

	return r ? r : publish(&found.generation, ret_g);
}

static int wrap(struct object *o, struct genstore_object **ret_o)
{
	struct genstore_object *wrapped = malloc(sizeof(*wrapped));

	if (!wrapped) {
		object_unref(o);
		return -ENOMEM;
	}
	wrapped->object = o;
	*ret_o = wrapped;
	return 0;
}

int genstore_archive_open(struct genstore *st, const char *rev, struct genstore_object **ret_o)
{
	AUTO(revision_release) struct revision found = { 0 };
	struct object *o;
	int r;

	if ((r = revision_find(st, NULL, rev, &found)) || (r = generation_archive(st, &found.generation, &o)))
		return r;
	return wrap(o, ret_o);
}

int genstore_metadata_open(struct genstore *st, const char *rev, struct genstore_object **ret_o)
{
	AUTO(revision_release) struct revision found = { 0 };
	struct object *o;
	int r;

	if ((r = revision_find(st, NULL, rev, &found)) || (r = generation_metadata(st, &found.generation, &o)))
		return r;
	return wrap(o, ret_o);
}

int genstore_file_open(struct genstore *st, const char *rev, const char *path, struct genstore_object **ret_o)
{
	AUTO(revision_release) struct revision found = { 0 };
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	struct object *o;
	size_t i;
	int r;

	if ((r = revision_find(st, NULL, rev, &found)) || (r = revision_path(st, &found, path, &m, &i)))
		return r;
	if (i == m->count || m->entries[i].type != TAR_FILE)
		return store_fail(st, -EISDIR, "'%s' is not a file", path);
	if ((r = object_of_content(st, m->entries[i].content, &o)))
		return r;
	return wrap(o, ret_o);
}

int64_t genstore_object_size(const struct genstore_object *o)
{
	return object_size(o->object);
}

ssize_t genstore_object_read(struct genstore *st, const struct genstore_object *o, int64_t offset, size_t n, void *out)
{
	return object_read(st, o->object, offset, n, out);
}

void genstore_object_free(struct genstore_object *o)
{
	if (!o)
		return;
	object_unref(o->object);
	free(o);
}
