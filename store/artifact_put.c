/* The way in: bytes through a stage, then rows. */
#include "store/artifact.h"
#include "store/access.h"
#include "store/audit.h"
#include "store/base/json.h"
#include "store/mime.h"
#include "store/stage.h"

#include <jansson.h>

/* What is to be put. Texts are offsets into the batch's. */
struct item {
	uint32_t type, name;
	int64_t slot, size;
};

struct artifact_batch {
	struct genstore *st;
	struct stage *stage;
	struct mime mime;
	struct buf texts, items;
};

void artifact_batch_free(struct artifact_batch *b)
{
	if (!b)
		return;
	stage_free(b->stage);
	mime_release(&b->mime);
	buf_release(&b->texts);
	buf_release(&b->items);
	free(b);
}

void artifact_batch_freep(struct artifact_batch **b)
{
	artifact_batch_free(*b);
}

int artifact_batch_new(struct genstore *st, struct artifact_batch **ret_b)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return -ENOMEM;
	b->st = st;
	if ((r = stage_new(st, &b->stage)) || (r = mime_load(&b->mime)))
		return r;
	*ret_b = MOVE(b);
	return 0;
}

static struct item *item_at(const struct artifact_batch *b, size_t i)
{
	return (struct item *)(void *)b->items.data + i;
}

static size_t item_count(const struct artifact_batch *b)
{
	return b->items.len / sizeof(struct item);
}

static const char *text_at(const struct artifact_batch *b, uint32_t at)
{
	return (const char *)b->texts.data + at;
}

static int check(struct artifact_batch *b, const char **type, const char *name)
{
	int r;

	*type = artifact_type_of(*type);
	if ((r = artifact_check_type(b->st, *type)) || (r = artifact_check_name(b->st, *type, name)))
		return r;
	if (item_count(b) == ARTIFACT_BATCH_MAX)
		return store_fail(b->st, -EFBIG, "more than %d artifacts cannot be put at once", ARTIFACT_BATCH_MAX);
	return 0;
}

static int add_text(struct artifact_batch *b, const char *text, uint32_t *ret_at)
{
	*ret_at = (uint32_t)b->texts.len;
	return buf_add(&b->texts, text, strlen(text) + 1);
}

static int add_item(struct artifact_batch *b, const char *type, const char *name, struct item item)
{
	const struct item *last = item_count(b) ? item_at(b, item_count(b) - 1) : NULL;
	int r = 0;

	if (last && !strcmp(text_at(b, last->type), type))
		item.type = last->type;
	else
		r = add_text(b, type, &item.type);
	if (r || (r = add_text(b, name, &item.name)))
		return r;
	return buf_add(&b->items, &item, sizeof(item));
}

int artifact_batch_file(struct artifact_batch *b, const char *type, const char *name, int fd)
{
	struct item item = { .slot = -1 };
	int r = check(b, &type, name);

	if (r || (r = stage_file(b->stage, fd, ARTIFACT_BYTES_MAX, &item.size, &item.slot)))
		return r;
	return add_item(b, type, name, item);
}

int artifact_batch_bytes(struct artifact_batch *b, const char *type, const char *name, const void *data, size_t n)
{
	struct item item = { .slot = -1, .size = (int64_t)n };
	int r = check(b, &type, name);

	if (r || (r = stage_bytes(b->stage, data, n, &item.slot)))
		return r;
	return add_item(b, type, name, item);
}

/* One put on its way into the tables. */
struct put {
	struct artifact_batch *b;
	struct genstore *st;
	struct session session;
	const char *conversation_id; /* or NULL */
	const char *metadata;        /* compact, or NULL */
	const char *artifact_id, *created_at; /* of one that comes back, or NULL */
	char now[CLOCK_TEXT];
	struct artifact_put result;
	struct buf path, before, mime; /* of the item that is put, and of the one before */
};

static void put_release(struct put *p)
{
	buf_release(&p->path);
	buf_release(&p->before);
	buf_release(&p->mime);
}

static int by_path(const void *a, const void *b, void *batch)
{
	const struct item *x = a, *y = b;
	int r = strcmp(artifact_folder(text_at(batch, x->type)), artifact_folder(text_at(batch, y->type)));

	return r ? r : strcmp(text_at(batch, x->name), text_at(batch, y->name));
}

static int fail(struct put *p, int r, const char *why)
{
	return store_fail(p->st, r, "cannot put '%s': %s", artifact_path(buf_str(&p->path)), why);
}

static int ask(struct put *p, const char *sql, const char *text, size_t n)
{
	STMT q = db_stmt(&p->st->db, sql);

	bind_textn(&q, text, n);
	return stmt_step(&q);
}

/* What is a file cannot be a folder too: the mount and whoever unpacks a bundle could not have both. */
static int check_place(struct put *p)
{
	const char *path = buf_str(&p->path);
	int r;

	for (const char *slash = strchr(artifact_path(path), '/'); slash; slash = strchr(slash + 1, '/'))
		if ((r = ask(p, "SELECT 1 FROM artifacts WHERE storage_path = ?", path, (size_t)(slash - path))))
			return r < 0 ? r : fail(p, -ENOTDIR, "there is an artifact in the place of a folder; give another name");
	r = ask(p, "SELECT 1 FROM artifacts WHERE storage_path > ?1 || '/' AND storage_path < ?1 || '0' LIMIT 1", path, p->path.len);
	return r <= 0 ? r : fail(p, -EISDIR, "it is a folder of other artifacts; give another name");
}

static int hex_of(struct genstore *st, int64_t content, char out[HEX_SHA256_SIZE])
{
	STMT q = db_stmt(&st->db, "SELECT sha256 FROM content WHERE id = ?");
	uint8_t sha256[SHA256_SIZE];
	int r;

	bind_i64(&q, content);
	if ((r = stmt_step(&q)) <= 0)
		return r < 0 ? r : store_fail(st, -EBADMSG, "content '%lld' is missing; run 'genstore check'", (long long)content);
	if ((r = col_bytes(&q, 0, sha256, sizeof(sha256))))
		return r;
	hex_encode(sha256, sizeof(sha256), out);
	return 0;
}

/* Before and after: a hash of what was there, where its bytes were. */
static int audit(struct put *p, const char *id, const struct item *item, int64_t content, const struct artifact *old)
{
	AUTO(buf_release) struct buf details = BUF_INIT;
	char hex[HEX_SHA256_SIZE];
	struct jw j;
	int r;

	if ((r = hex_of(p->st, content, hex)))
		return r;
	jw_begin(&j, &details, 0);
	jw_object(&j, NULL);
	jw_str(&j, "storage_path", buf_str(&p->path));
	jw_int(&j, "size", item->size);
	jw_str(&j, "sha256", hex);
	if (old->artifact_id)
		jw_int(&j, "size_before", old->file_size);
	if (old->content_id && !(r = hex_of(p->st, old->content_id, hex)))
		jw_str(&j, "sha256_before", hex);
	jw_end(&j);
	if (r || (r = buf_error(&details)))
		return r;
	return audit_write(p->st, old->artifact_id ? "artifact.replace" : "artifact.put", id, buf_str(&details));
}

static int write_row(struct put *p, const struct item *item, const char *id, const struct artifact *old)
{
	STMT q = db_stmt(&p->st->db, "INSERT INTO main.artifacts (artifact_id, session_id, conversation_id, organization_id, artifact_type,"
				     " artifact_name, storage_path, file_size, mime_type, metadata, created_at)"
				     " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
				     " ON CONFLICT (artifact_id) DO UPDATE SET conversation_id = excluded.conversation_id,"
				     " artifact_type = excluded.artifact_type, file_size = excluded.file_size,"
				     " mime_type = excluded.mime_type, metadata = excluded.metadata");

	bind_text(&q, id);
	bind_text(&q, p->session.id);
	bind_text(&q, p->conversation_id ? p->conversation_id : old->conversation_id);
	bind_text(&q, p->session.organization_id);
	bind_text(&q, text_at(p->b, item->type));
	bind_text(&q, text_at(p->b, item->name));
	bind_text(&q, buf_str(&p->path));
	bind_i64(&q, item->size);
	bind_text(&q, buf_str(&p->mime));
	bind_text(&q, p->metadata);
	bind_text(&q, old->created_at ? old->created_at : p->created_at ? p->created_at : p->now);
	return stmt_run(&q);
}

static int write_content(struct put *p, const char *id, int64_t content)
{
	STMT q = db_stmt(&p->st->db, "INSERT INTO main.artifact_content (artifact_id, content_id, stored_at) VALUES (?, ?, ?)");
	STMT old = db_stmt(&p->st->db, "DELETE FROM main.artifact_content WHERE artifact_id = ?");
	int r;

	bind_text(&old, id);
	if ((r = stmt_run(&old)))
		return r;
	bind_text(&q, id);
	bind_i64(&q, content);
	bind_text(&q, p->now);
	return stmt_run(&q);
}

static bool same_text(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static bool is_same(const struct put *p, const struct artifact *old, int64_t content)
{
	return old->content_id == content && same_text(old->mime_type, buf_str(&p->mime)) && same_text(old->metadata, p->metadata) &&
	       (!p->conversation_id || same_text(old->conversation_id, p->conversation_id));
}

/* One that comes back keeps its own, unless another artifact has it. */
static int new_id(struct put *p, char id[ID_UUID])
{
	int r = p->artifact_id ? ask(p, "SELECT 1 FROM artifacts WHERE artifact_id = ?", p->artifact_id, strlen(p->artifact_id)) : 1;

	if (r)
		return r < 0 ? r : id_uuid4(&p->st->ids, id);
	snprintf(id, ID_UUID, "%s", p->artifact_id);
	return 0;
}

static int write_item(struct put *p, const struct item *item, int64_t content, const struct artifact *old)
{
	char id[ID_UUID];
	int r = 0;

	if (old->artifact_id)
		snprintf(id, sizeof(id), "%s", old->artifact_id);
	else
		r = new_id(p, id);
	if (r || (r = write_row(p, item, id, old)) || (old->content_id != content && (r = write_content(p, id, content))) ||
	    (r = audit(p, id, item, content, old)))
		return r;
	*(old->artifact_id ? &p->result.replaced : &p->result.added) += 1;
	return 0;
}

static int put_item(struct put *p, const struct item *item)
{
	AUTO(artifact_release) struct artifact old = { 0 };
	int64_t content = 0;
	struct buf swap = p->before;
	int r;

	p->before = p->path;
	p->path = swap;
	buf_reset(&p->path);
	if ((r = artifact_storage_path(&p->session, text_at(p->b, item->type), text_at(p->b, item->name), &p->path)))
		return r;
	if (!strcmp(buf_str(&p->path), buf_str(&p->before)))
		return fail(p, -EEXIST, "two of the files have this name; put one of them under another");
	if ((r = mime_of(&p->b->mime, text_at(p->b, item->name), &p->mime)) || (r = stage_content(p->b->stage, item->slot, &content)) ||
	    ((r = artifact_get(p->st, buf_str(&p->path), &old)) && r != -ENOENT) || (r && (r = check_place(p))))
		return r;
	p->result.bytes += item->size;
	if (old.artifact_id && is_same(p, &old, content)) {
		p->result.unchanged++;
		return 0;
	}
	return write_item(p, item, content, &old);
}

static int put_items(struct put *p)
{
	int r = 0;

	if (item_count(p->b))
		qsort_r(p->b->items.data, item_count(p->b), sizeof(struct item), by_path, p->b);
	for (size_t i = 0; i < item_count(p->b) && !r; i++)
		r = put_item(p, item_at(p->b, i));
	return r;
}

/* NULL for none; compact, in the order it has. */
static int compact(struct genstore *st, const char *text, char **ret_json)
{
	json_error_t why;
	json_t *j;

	if (!text)
		return 0;
	if (strlen(text) > ARTIFACT_METADATA_MAX)
		return store_fail(st, -EINVAL, "the metadata has more than %d bytes", ARTIFACT_METADATA_MAX);
	j = json_loads(text, JSON_REJECT_DUPLICATES, &why);
	if (json_is_object(j))
		*ret_json = json_dumps(j, JSON_COMPACT);
	json_decref(j);
	return *ret_json ? 0 : store_fail(st, -EINVAL, "the metadata is not a JSON object%s%s", *why.text ? ": " : "", why.text);
}

static int commit(struct put *p, const struct artifact_place *where)
{
	char conversation[ID_UUID], organization[ID_UUID];
	TXN t = txn_begin(&p->st->db);
	int r = t.error;

	if (r || (r = organization_make(p->st, where->organization, organization)) || (r = access_check(p->st, organization, ACCESS_WRITE)) ||
	    (r = session_make(p->st, organization, where->session, &p->session)))
		return r;
	if (where->conversation && (r = conversation_make(p->st, organization, where->conversation, conversation)))
		return r;
	p->conversation_id = where->conversation ? conversation : NULL;
	if ((r = stage_flush(p->b->stage)) || (r = put_items(p)))
		return r;
	return txn_commit(&t);
}

int artifact_batch_commit(struct artifact_batch *b, const struct artifact_place *where, struct artifact_put *ret_put)
{
	AUTO(put_release) struct put p = { .b = b, .st = b->st };
	AUTO(free_ptr) char *metadata = NULL;
	int r = compact(b->st, where->metadata, &metadata);

	if (r)
		return r;
	p.metadata = metadata;
	p.artifact_id = where->artifact_id;
	p.created_at = where->created_at;
	store_now(b->st, p.now);
	if ((r = commit(&p, where)))
		return r;
	p.result.session = p.session;
	*ret_put = p.result;
	return 0;
}
