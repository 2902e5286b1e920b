#include "store/git_pack.h"
#include "store/git_blob.h"
#include "store/git_set.h"

enum { STEP = 256 << 10, SENT = 1, WANTED = 2 };

/* An object of the commit at hand. */
struct item {
	uint8_t id[SHA1_SIZE];
	enum git_type type;
	int64_t content; /* of a file; else its bytes are here: */
	int64_t size;
	size_t at;
};

struct git_pack {
	struct genstore *st;
	const struct git_repo *repo;
	bool *send;
	int64_t objects;
	struct git_set set; /* WANTED: to be sent; SENT: it was, or whoever asks has it */

	size_t commit;      /* the next one */
	struct item *items; /* of the one before it */
	size_t count, cap, next;
	struct buf bytes;   /* of trees and links among them */
	struct git_blob_reader blob;
	bool in_blob;

	struct buf out;     /* what is there to be taken, from out_at */
	size_t out_at;
	struct sha1 sum;
	bool ended;
};

void git_pack_free(struct git_pack *p)
{
	if (!p)
		return;
	git_set_release(&p->set);
	git_blob_release(&p->blob);
	buf_release(&p->bytes);
	buf_release(&p->out);
	free(p->items);
	free(p->send);
	free(p);
}

void git_pack_freep(struct git_pack **p)
{
	git_pack_free(*p);
}

int64_t git_pack_objects(const struct git_pack *p)
{
	return p->objects;
}

/* Both passes go over the trees with this. */
static int walk(struct git_pack *p, size_t commit, const struct git_visitor *v)
{
	AUTO(manifest_unrefp) struct manifest *m = NULL;
	uint8_t id[SHA1_SIZE];
	int64_t left_out;
	int r = manifest_load(p->st, p->repo->commits[commit].manifest, &m);

	if (r)
		return r == -ENOENT ? -EBADMSG : r;
	return git_tree(p->st, p->repo->ids, m, v, id, &left_out);
}

/* First pass: what is there already, then what is wanted. */
struct marker {
	struct git_pack *p;
	uint8_t state;
};

static int mark(const struct marker *m, const uint8_t id[SHA1_SIZE])
{
	struct git_member *member = git_set_get(&m->p->set, id);

	if (!member)
		return -ENOMEM;
	if (!member->state) {
		member->state = m->state;
		m->p->objects += m->state == WANTED;
	}
	return 0;
}

static int mark_tree(void *arg, const uint8_t id[SHA1_SIZE], const void *bytes UNUSED, size_t n UNUSED)
{
	return mark(arg, id);
}

static int mark_blob(void *arg, const uint8_t id[SHA1_SIZE], const struct entry *e UNUSED)
{
	return mark(arg, id);
}

static int mark_commits(struct git_pack *p, const bool *which, uint8_t state)
{
	struct marker m = { p, state };
	const struct git_visitor v = { mark_tree, mark_blob, &m };
	int r = 0;

	for (size_t i = 0; i < p->repo->count && !r; i++) {
		if (!which[i])
			continue;
		p->objects += state == WANTED;
		r = walk(p, i, &v);
	}
	return r;
}

/* Second pass: the objects of one commit that are still to be sent. */
static struct item *add_item(struct git_pack *p, const uint8_t id[SHA1_SIZE])
{
	size_t cap = p->cap ? 2 * p->cap : 256;
	struct item *i;

	if (p->count == p->cap) {
		if (!(i = reallocarray(p->items, cap, sizeof(*i))))
			return NULL;
		p->items = i;
		p->cap = cap;
	}
	i = &p->items[p->count++];
	*i = (struct item){ .at = p->bytes.len };
	memcpy(i->id, id, SHA1_SIZE);
	return i;
}

/* 1: it is one to be sent, and now it is. */
static int take(struct git_pack *p, const uint8_t id[SHA1_SIZE])
{
	struct git_member *m = git_set_get(&p->set, id);

	if (!m)
		return -ENOMEM;
	if (!m->state)
		return store_fail(p->st, -EBADMSG, "a tree is not what it was a moment ago; run 'genstore check'");
	if (m->state == SENT)
		return 0;
	m->state = SENT;
	return 1;
}

static int take_tree(void *arg, const uint8_t id[SHA1_SIZE], const void *bytes, size_t n)
{
	struct git_pack *p = arg;
	struct item *i;
	int r = take(p, id);

	if (r <= 0)
		return r;
	if (!(i = add_item(p, id)))
		return -ENOMEM;
	i->type = GIT_TREE;
	i->size = (int64_t)n;
	return buf_add(&p->bytes, bytes, n);
}

static int take_blob(void *arg, const uint8_t id[SHA1_SIZE], const struct entry *e)
{
	struct git_pack *p = arg;
	struct item *i;
	int r = take(p, id);

	if (r <= 0)
		return r;
	if (!(i = add_item(p, id)))
		return -ENOMEM;
	i->type = GIT_BLOB;
	i->content = e->content;
	i->size = e->size;
	if (e->type == TAR_FILE)
		return 0;
	i->content = 0;
	i->size = (int64_t)strlen(e->link);
	return buf_add(&p->bytes, e->link, (size_t)i->size);
}

static int begin_commit(struct git_pack *p, size_t commit)
{
	const struct git_visitor v = { take_tree, take_blob, p };
	const struct buf *text = &p->repo->commits[commit].text;
	int r;

	p->count = p->next = 0;
	buf_reset(&p->bytes);
	if ((r = walk(p, commit, &v)))
		return r;
	return git_pack_bytes(p->st, GIT_COMMIT, text->data, text->len, &p->out);
}

static int step_item(struct git_pack *p)
{
	const struct item *i = &p->items[p->next];
	int r;

	if (!p->in_blob && !i->content) {
		p->next++;
		return git_pack_bytes(p->st, i->type, buf_str(&p->bytes) + i->at, (size_t)i->size, &p->out);
	}
	if (!p->in_blob) {
		p->in_blob = true;
		return git_blob_begin(&p->blob, i->content, i->size, i->id, &p->out);
	}
	if ((r = git_blob_step(&p->blob, &p->out)))
		return r < 0 ? r : 0;
	git_blob_end(&p->blob);
	p->in_blob = false;
	p->next++;
	return 0;
}

/* The next object, or some of it: 1; 0: there is none. */
static int step(struct git_pack *p)
{
	int r;

	if (p->next < p->count) {
		r = step_item(p);
		return r ? r : 1;
	}
	while (p->commit < p->repo->count && !p->send[p->commit])
		p->commit++;
	if (p->commit == p->repo->count)
		return 0;
	r = begin_commit(p, p->commit++);
	return r ? r : 1;
}

static int fill(struct git_pack *p)
{
	uint8_t sum[SHA1_SIZE];
	int r = 1;

	TXN t = txn_begin_read(&p->st->db);

	if (t.error)
		return t.error;
	buf_reset(&p->out);
	p->out_at = 0;
	while (r > 0 && p->out.len < STEP)
		r = step(p);
	if (r < 0 || (r = buf_error(&p->out)) < 0)
		return r;
	sha1_update(&p->sum, p->out.data, p->out.len);
	if (p->out.len >= STEP)
		return 0;
	sha1_final(&p->sum, sum);
	p->ended = true;
	return buf_add(&p->out, sum, SHA1_SIZE);
}

ssize_t git_pack_read(struct git_pack *p, void *out, size_t n)
{
	size_t left = p->out.len - p->out_at;
	int r;

	if (!left && !p->ended) {
		if ((r = fill(p)))
			return r;
		left = p->out.len - p->out_at;
	}
	n = n < left ? n : left;
	memcpy(out, p->out.data + p->out_at, n);
	p->out_at += n;
	return (ssize_t)n;
}

int git_pack_open(struct genstore *st, const struct git_repo *repo, const bool *send, const bool *has, struct git_pack **ret_pack)
{
	AUTO(git_pack_freep) struct git_pack *p = calloc(1, sizeof(*p));
	uint8_t head[GITPACK_HEAD];
	int r;

	if (!p || !(p->send = malloc(repo->count + 1)))
		return -ENOMEM;
	memcpy(p->send, send, repo->count);
	p->st = p->blob.st = st;
	p->repo = repo;
	if ((r = mark_commits(p, has, SENT)) || (r = mark_commits(p, send, WANTED)))
		return r;
	if (p->objects > UINT32_MAX)
		return store_fail(st, -EFBIG, "%lld objects are too many for a pack", (long long)p->objects);
	gitpack_head((uint32_t)p->objects, head);
	if ((r = buf_add(&p->out, head, GITPACK_HEAD)))
		return r;
	sha1_init(&p->sum);
	sha1_update(&p->sum, head, GITPACK_HEAD);
	*ret_pack = MOVE(p);
	return 0;
}
