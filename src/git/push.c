#include "src/git/push.h"
#include "src/config/resolve.h"
#include "src/git/http.h"
#include "src/git/pkt.h"
#include "src/git/report.h"
#include "store/git_pack.h"
#include "store/git_state.h"

#define ZEROS "0000000000000000000000000000000000000000"
enum { HEX = 2 * SHA1_SIZE };

void git_push_release(struct git_push *p)
{
	free(p->url);
	buf_release(&p->words);
}

/* A ref that the server has, or has not yet. */
struct update {
	const struct git_ref *ref;
	char old[HEX + 1];
	bool stays; /* the server has this very commit there, or it is a tag that it has already */
};

struct job {
	struct genstore *st;
	struct git_push *p;
	const struct git_repo *repo;
	struct git_repo *history; /* one of these two has it */
	struct git_state *state;
	struct git_http http;
	struct update *updates; /* repo->ref_count */
	bool *has, *send;       /* repo->count */
	struct buf head;        /* of the request: the commands */
	size_t head_at;
	struct git_pack *pack;
	bool bands;
};

static void job_release(struct job *j)
{
	git_pack_free(j->pack);
	git_http_close(&j->http);
	git_repo_free(j->history);
	git_state_free(j->state);
	buf_release(&j->head);
	free(j->updates);
	free(j->has);
	free(j->send);
}

static int fail(struct job *j, int r, const char *words)
{
	buf_addf(&j->p->words, "%s", words);
	return r;
}

static int by_name(const void *name, const void *update)
{
	return strcmp(name, ((const struct update *)update)->ref->name);
}

/* A ref as the server has it: "<id> <name>". The names of others are of no interest, but what they stand for is there. */
static int take_ref(struct job *j, const char *line)
{
	uint8_t id[SHA1_SIZE];
	struct update *u;
	ssize_t commit;
	bool tag;

	if (strncmp(line, "shallow ", 8) == 0)
		return fail(j, -EPROTO, "the repository has only a part of its history; push to a whole one");
	if (hex_decode(line, SHA1_SIZE, id) || line[HEX] != ' ')
		return -EPROTO;
	commit = git_repo_find(j->repo, id);
	if (commit >= 0)
		j->has[commit] = true;
	if (!(u = bsearch(line + HEX + 1, j->updates, j->repo->ref_count, sizeof(*u), by_name)))
		return 0;
	memcpy(u->old, line, HEX);
	tag = strncmp(u->ref->name, "refs/tags/", 10) == 0;
	u->stays = commit == (ssize_t)u->ref->commit || tag || j->state;
	j->p->tags_kept += tag && commit != (ssize_t)u->ref->commit;
	return 0;
}

/* What the server says of itself, behind the NUL of its first line. */
static int take_capabilities(struct job *j, const char *caps)
{
	j->bands = strstr(caps, "side-band-64k");
	if (!strstr(caps, "report-status"))
		return fail(j, -EPROTO, "the server does not say what becomes of a push; that is not supported");
	if (strstr(caps, "object-format=sha256"))
		return fail(j, -EPROTO, "the repository is one of SHA-256, which a store has no names for; make one of SHA-1");
	return 0;
}

/* "# service=...", flush, refs, flush. */
static int read_refs(struct job *j, const struct buf *body)
{
	size_t at = 0, used;
	int flushes = 0, lines = 0, r = 0;
	struct pkt p;

	while (!r && flushes < 2 && pkt_parse(buf_str(body) + at, body->len - at, &p, &used) > 0) {
		AUTO(free_ptr) char *line = calloc(1, p.n + 2);

		at += used;
		if (p.flush) {
			flushes++;
			continue;
		}
		if (!line)
			return -ENOMEM;
		memcpy(line, p.data, p.n);
		if (!flushes)
			r = strcmp(line, "# service=git-receive-pack") ? -EPROTO : 0;
		else if (!lines++ && (r = take_capabilities(j, line + strlen(line) + 1)))
			break;
		else
			r = take_ref(j, line);
	}
	if (!r && flushes == 2 && lines)
		return 0;
	return j->p->words.len ? r : fail(j, -EPROTO, "what the server answers is not git's protocol");
}

/* Whether commit b comes before a, or is it. */
static bool leads_from(const struct git_repo *repo, ssize_t a, const char *b)
{
	uint8_t id[SHA1_SIZE];

	if (strcmp(b, ZEROS) == 0)
		return true;
	if (hex_decode(b, SHA1_SIZE, id))
		return false;
	for (; a >= 0; a = repo->commits[a].parent)
		if (memcmp(repo->commits[a].id, id, SHA1_SIZE) == 0)
			return true;
	return false;
}

/* A branch only goes forward. */
static int check(struct job *j)
{
	for (size_t i = 0; i < j->repo->ref_count; i++) {
		const struct update *u = &j->updates[i];

		if (u->stays || leads_from(j->repo, (ssize_t)u->ref->commit, u->old))
			continue;
		buf_addf(&j->p->words, "'%s' has another history: its %s is %.12s, which does not lead to this generation; nothing was "
				       "changed, push to another repository", j->http.url.text, u->ref->name, u->old);
		return -EEXIST;
	}
	return 0;
}

/* What the server has is all before what it named; what is sent, all else before what is to be named. */
static void choose(struct job *j)
{
	const struct git_repo *repo = j->repo;

	for (size_t i = 0; i < repo->ref_count; i++)
		j->send[repo->refs[i].commit] |= !j->updates[i].stays;
	for (size_t i = repo->count; i--;) {
		ssize_t parent = repo->commits[i].parent;

		j->send[i] &= !j->has[i];
		if (parent < 0)
			continue;
		j->has[parent] |= j->has[i];
		j->send[parent] |= j->send[i];
	}
}

/* One command for each ref that moves; 0: none does. */
static int add_commands(struct job *j)
{
	int count = 0;

	for (size_t i = 0; i < j->repo->ref_count; i++) {
		const struct update *u = &j->updates[i];
		char hex[HEX + 1];

		if (u->stays)
			continue;
		hex_encode(j->repo->commits[u->ref->commit].id, SHA1_SIZE, hex);
		if (!count++)
			pkt_addf(&j->head, "%s %s %s%c report-status%s agent=genstore/%s", u->old, hex, u->ref->name, 0,
				 j->bands ? " side-band-64k" : "", genstore_version());
		else
			pkt_addf(&j->head, "%s %s %s", u->old, hex, u->ref->name);
	}
	pkt_flush(&j->head);
	return buf_error(&j->head) ? buf_error(&j->head) : count;
}

static ssize_t next_bytes(void *arg, void *out, size_t n)
{
	struct job *j = arg;
	size_t left = j->head.len - j->head_at;
	ssize_t got;

	if (left) {
		n = n < left ? n : left;
		memcpy(out, j->head.data + j->head_at, n);
		j->head_at += n;
		return (ssize_t)n;
	}
	got = j->state ? git_state_read(j->state, out, n) : git_pack_read(j->pack, out, n);
	if (got > 0) {
		j->p->bytes += got;
		if (j->p->progress)
			j->p->progress(j->p->arg, j->p->bytes);
	}
	return got;
}

static int send_pack(struct job *j, int commands)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	int r = j->state ? 0 : git_pack_open(j->st, j->repo, j->send, j->has, &j->pack);

	if (r)
		return r;
	j->p->objects = j->state ? git_state_objects(j->state) : git_pack_objects(j->pack);
	if ((r = git_http_push(&j->http, next_bytes, j, &body, &j->p->words)))
		return r;
	return report_read(&body, j->bands, commands, &j->p->words);
}

static int make_room(struct job *j)
{
	const struct git_repo *repo = j->repo;

	j->updates = calloc(repo->ref_count, sizeof(*j->updates));
	j->has = calloc(repo->count, 1);
	j->send = calloc(repo->count, 1);
	if (!j->updates || !j->has || !j->send)
		return -ENOMEM;
	for (size_t i = 0; i < repo->ref_count; i++) {
		j->updates[i].ref = &repo->refs[i];
		memcpy(j->updates[i].old, ZEROS, HEX);
	}
	return 0;
}

/* What is to be there. */
static int open_source(struct job *j, const struct generation *g)
{
	int r;

	if (j->p->state) {
		if (!(r = git_state_open(j->st, g, &j->state)))
			j->repo = git_state_repo(j->state);
		return r;
	}
	if ((r = git_repo_of(j->st, g, &j->history)))
		return r;
	j->repo = j->history;
	if (j->repo->head >= 0)
		return 0;
	buf_addf(&j->p->words, "'%s' has no finished iteration yet", g->request_id);
	return -ENODATA;
}

/* Asks the server what it has: how many refs are to be moved. */
static int compare(struct job *j, const struct generation *g, const char *text)
{
	AUTO(git_url_release) struct git_url url = { 0 };
	AUTO(buf_release) struct buf body = BUF_INIT;
	int r;

	if ((r = git_url_parse(text, &url, &j->p->words)) || (r = open_source(j, g)))
		return r;
	if ((r = make_room(j)) || (r = git_http_open(&j->http, &url, &j->p->words)))
		return r;
	j->http.tick = j->p->tick;
	j->http.tick_arg = j->p->arg;
	if ((r = git_http_refs(&j->http, &body, &j->p->words)) || (r = read_refs(j, &body)) || (r = check(j)))
		return r;
	choose(j);
	return add_commands(j);
}

/* Whether all is there after the server said no: somebody else was pushing the same, a push before this one that was cut off maybe. */
static bool has_arrived(struct genstore *st, const struct generation *g, const char *text, bool state)
{
	AUTO(git_push_release) struct git_push p = { .state = state };
	AUTO(job_release) struct job j = { .st = st, .p = &p };

	return compare(&j, g, text) == 0;
}

int git_push(struct genstore *st, const struct generation *g, const char *text, struct git_push *p)
{
	AUTO(job_release) struct job j = { .st = st, .p = p };
	int r = compare(&j, g, text);

	p->was_there = !r;
	if (r > 0 && (r = send_pack(&j, r)) == -EPERM && has_arrived(st, g, text, p->state)) {
		buf_reset(&p->words);
		r = 0;
	}
	if (r && !p->words.len)
		buf_adds(&p->words, *genstore_errmsg(st) ? genstore_errmsg(st) : strerror(-r));
	if (r)
		return r;
	hex_encode(j.repo->commits[j.repo->head].id, SHA1_SIZE, p->commit);
	p->url = MOVE(j.http.url.text);
	return 0;
}

int git_push_url(struct genstore *st, const struct generation *g, char **ret_url, struct buf *why)
{
	AUTO(free_ptr) char *template = NULL;
	int r = setting_get(st, "git.remote_template", &template, why);

	if (r)
		return r;
	if (!template) {
		buf_adds(why, "no git host is configured; name an address, or 'genstore config set git.remote_template https://HOST/{request_id}'");
		return -ENODEV;
	}
	return git_url_fill(template, g->request_id, ret_url);
}
