#include "store/git_state.h"
#include "store/event.h"
#include "store/git_blob.h"
#include "store/stitch/fragment.h"
#include "store/base/clock.h"
#include "store/base/json.h"

enum { STEP = 256 << 10, LOG_FILE = 1, FILES = 3, OBJECTS = FILES + 3 };

/* In git's order. */
static const char *const names[FILES] = { "leo-state.json", "log.txt", "snapshots.json" };

struct git_state {
	struct genstore *st;
	struct git_repo *repo;
	int64_t generation, log_size, log_at;
	uint8_t ids[FILES][SHA1_SIZE];
	struct buf out; /* of the pack: what can be taken, from out_at */
	size_t out_at;
	struct buf log; /* memory for one step */
	uint32_t adler;
	struct sha1 sum;
	bool ended;
};

void git_state_free(struct git_state *s)
{
	if (!s)
		return;
	git_repo_free(s->repo);
	buf_release(&s->out);
	buf_release(&s->log);
	free(s);
}

static void git_state_freep(struct git_state **s)
{
	git_state_free(*s);
}

const struct git_repo *git_state_repo(const struct git_state *s)
{
	return s->repo;
}

int64_t git_state_objects(const struct git_state *s UNUSED)
{
	return OBJECTS;
}

static int write_state(const struct generation *g, int64_t log_size, int64_t log_sent, struct buf *out)
{
	const struct { const char *key, *value; } texts[] = {
		{ "request_id", g->request_id }, { "app_id", g->app_id }, { "app_name", g->app_name }, { "status", g->status },
		{ "generation_type", g->generation_type }, { "mode", g->mode }, { "parent_request_id", g->parent_request_id },
		{ "last_session_id", g->last_session_id }, { "supabase_project_ref", g->supabase_project_ref },
		{ "created_at", g->created_at }, { "completed_at", g->completed_at },
	};
	char hex[HEX_SHA256_SIZE];
	struct jw j;

	jw_begin(&j, out, 2);
	jw_object(&j, NULL);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		jw_str(&j, texts[i].key, texts[i].value);
	jw_int(&j, "generation_number", g->generation_number);
	jw_int(&j, "max_iterations", g->max_iterations);
	jw_int(&j, "current_iteration", g->current_iteration);
	if (g->seal_id) {
		hex_encode(g->archive_sha256, SHA256_SIZE, hex);
		jw_str(&j, "archive_sha256", hex);
		jw_int(&j, "archive_size", g->archive_size);
	}
	jw_int(&j, "log_bytes", log_size);
	jw_bool(&j, "log_is_whole", log_size == log_sent);
	jw_end(&j);
	return buf_addc(out, '\n');
}

static int write_snapshots(struct genstore *st, int64_t generation, struct buf *out)
{
	int64_t after = 0;
	struct jw j;
	int r;

	jw_begin(&j, out, 2);
	jw_array(&j, NULL);
	for (;;) {
		AUTO(iteration_release) struct iteration it = { 0 };

		if ((r = iteration_next(st, generation, after, &it)) <= 0)
			break;
		after = it.id;
		jw_object(&j, NULL);
		jw_int(&j, "iteration_number", it.number);
		jw_str(&j, "snapshot_type", it.snapshot_type);
		jw_str(&j, "timestamp", it.timestamp);
		jw_int(&j, "files", it.files);
		jw_int(&j, "bytes", it.bytes);
		jw_raw(&j, "metadata", it.metadata && *it.metadata ? it.metadata : "null");
		jw_end(&j);
	}
	jw_end(&j);
	return r < 0 ? r : buf_addc(out, '\n');
}

/* The next bytes of the log into s->log; -EBADMSG where it is shorter than it was. */
static int read_log(struct git_state *s, size_t *ret_n)
{
	size_t want = (size_t)min_i64(STEP, s->log_size - s->log_at);
	uint8_t *to = buf_reserve(&s->log, STEP);
	ssize_t n = to ? log_read(s->st, s->generation, s->log_at, want, to) : -ENOMEM;

	if (n <= 0)
		return n < 0 ? (int)n : -EBADMSG;
	s->log_at += n;
	*ret_n = (size_t)n;
	return 0;
}

static int name_log(struct git_state *s)
{
	struct git_blob hash;
	size_t n;
	int r;

	git_blob_init(&hash, s->log_size);
	for (s->log_at = 0; s->log_at < s->log_size; git_blob_update(&hash, s->log.data, n))
		if ((r = read_log(s, &n)))
			return r;
	git_blob_final(&hash, s->ids[LOG_FILE]);
	s->log_at = 0;
	return 0;
}

/* A whole object that is small: into the pack, and its name. */
static int add_object(struct git_state *s, enum git_type type, const struct buf *text, uint8_t id[SHA1_SIZE])
{
	static const char *const types[] = { [GIT_COMMIT] = "commit", [GIT_TREE] = "tree", [GIT_BLOB] = "blob" };

	git_object_of(types[type], text->data, text->len, id);
	return git_pack_bytes(s->st, type, text->data, text->len, &s->out);
}

static void add_entry(struct buf *tree, const char *mode, const char *name, const uint8_t id[SHA1_SIZE])
{
	buf_addf(tree, "%s %s", mode, name);
	buf_addc(tree, '\0');
	buf_add(tree, id, SHA1_SIZE);
}

static int add_trees(struct git_state *s, uint8_t ret_id[SHA1_SIZE])
{
	AUTO(buf_release) struct buf folder = BUF_INIT, top = BUF_INIT;
	int r;

	for (size_t i = 0; i < FILES; i++)
		add_entry(&folder, "100644", names[i], s->ids[i]);
	if ((r = buf_error(&folder)) || (r = add_object(s, GIT_TREE, &folder, ret_id)))
		return r;
	add_entry(&top, "40000", "leo-artifacts", ret_id);
	return (r = buf_error(&top)) ? r : add_object(s, GIT_TREE, &top, ret_id);
}

static int add_commit(struct git_state *s, const struct generation *g, const char *author)
{
	const char *when = g->completed_at ? g->completed_at : g->updated_at ? g->updated_at : "";
	struct git_commit *c = s->repo->commits;
	uint8_t tree[SHA1_SIZE];
	char hex[2 * SHA1_SIZE + 1];
	int64_t at = 0;
	int r;

	if (clock_parse(when, &at))
		return store_fail(s->st, -EUCLEAN, "'%s' has no time of its end; run 'genstore check'", g->request_id);
	if ((r = add_trees(s, tree)))
		return r;
	at = max_i64(at, 0);
	hex_encode(tree, SHA1_SIZE, hex);
	buf_addf(&c->text, "tree %s\nauthor %s %lld +0000\ncommitter %s %lld +0000\n\nLog and state of %s\n\nGenstore-Request: %s\n", hex,
		 author, (long long)at, author, (long long)at, g->request_id, g->request_id);
	return (r = buf_error(&c->text)) ? r : add_object(s, GIT_COMMIT, &c->text, c->id);
}

/* A repository of one commit, whose content is yet to come. */
static int make_repo(struct git_state *s)
{
	struct git_repo *repo = s->repo = calloc(1, sizeof(*repo));

	if (!repo)
		return -ENOMEM;
	repo->commits = calloc(1, sizeof(*repo->commits));
	repo->refs = calloc(1, sizeof(*repo->refs));
	if (!repo->commits || !repo->refs || !(repo->refs[0].name = strdup("refs/heads/main")))
		return -ENOMEM;
	repo->count = repo->cap = repo->ref_count = repo->ref_cap = 1;
	repo->commits[0].generation = s->generation;
	repo->commits[0].parent = GIT_NO_COMMIT;
	return 0;
}

/* All of the pack but the log, which comes last, step by step. */
static int add_all(struct git_state *s, const struct generation *g, const char *author, int64_t log_size)
{
	AUTO(buf_release) struct buf state = BUF_INIT, snapshots = BUF_INIT;
	uint8_t head[GITPACK_HEAD], object[GITPACK_OBJECT_MAX];
	int r;

	gitpack_head(OBJECTS, head);
	buf_add(&s->out, head, GITPACK_HEAD);
	if ((r = make_repo(s)) || (r = name_log(s)) || (r = write_state(g, log_size, s->log_size, &state)) ||
	    (r = write_snapshots(s->st, g->id, &snapshots)) || (r = add_object(s, GIT_BLOB, &state, s->ids[0])) ||
	    (r = add_object(s, GIT_BLOB, &snapshots, s->ids[2])) || (r = add_commit(s, g, author)))
		return r;
	buf_add(&s->out, object, gitpack_object(GIT_BLOB, s->log_size, object));
	s->adler = 1;
	return buf_add(&s->out, zlib_head, ZLIB_HEAD);
}

int git_state_open(struct genstore *st, const struct generation *g, struct git_state **ret_s)
{
	AUTO(git_state_freep) struct git_state *s = calloc(1, sizeof(*s));
	AUTO(free_ptr) char *author = NULL;
	int64_t size = 0;
	int r;

	if (!s)
		return -ENOMEM;
	s->st = st;
	s->generation = g->id;
	sha1_init(&s->sum);
	if ((r = git_author(st, &author)) || (r = log_size(st, g->id, &size)))
		return r;
	if (!size)
		return store_fail(st, -ENODATA, "'%s' has no log", g->request_id);
	s->log_size = min_i64(size, GIT_STATE_LOG_MAX);
	if ((r = add_all(s, g, author, size)))
		return r;
	*ret_s = MOVE(s);
	return 0;
}

/* More of the log, or what comes behind it. */
static int fill(struct git_state *s)
{
	uint8_t tail[ZLIB_TAIL], sum[SHA1_SIZE];
	size_t n;
	int r;

	sha1_update(&s->sum, s->out.data, s->out.len);
	buf_reset(&s->out);
	s->out_at = 0;
	if (s->log_at < s->log_size) {
		if ((r = read_log(s, &n)))
			return r;
		s->adler = adler32_update(s->adler, s->log.data, n);
		return fragment_encode(store_fragmenter(s->st), s->log.data, n, &s->out);
	}
	zlib_tail(s->adler, tail);
	if ((r = buf_add(&s->out, tail, ZLIB_TAIL)))
		return r;
	sha1_update(&s->sum, tail, ZLIB_TAIL);
	sha1_final(&s->sum, sum);
	s->ended = true;
	return buf_add(&s->out, sum, SHA1_SIZE);
}

ssize_t git_state_read(struct git_state *s, void *out, size_t n)
{
	size_t left = s->out.len - s->out_at;
	int r;

	if (!left && !s->ended) {
		if ((r = fill(s)))
			return r;
		left = s->out.len - s->out_at;
	}
	n = n < left ? n : left;
	memcpy(out, s->out.data + s->out_at, n);
	s->out_at += n;
	return (ssize_t)n;
}
