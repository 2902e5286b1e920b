#include "src/git/upload.h"
#include "store/git_pack.h"

enum { HEX = 2 * SHA1_SIZE, BAND_PACK = 1, BAND_TALK = 2, BAND_ERROR = 3, BAND_BYTES = 65515 };
#define CAPABILITIES "multi_ack_detailed side-band-64k shallow no-progress ofs-delta allow-tip-sha1-in-want allow-reachable-sha1-in-want"

struct upload {
	struct genstore *st;
	const struct git_repo *repo;
	struct pkt_reader *in;
	int out;
	/* One for each commit. */
	bool *has, *send, *shallow; /* shallow: who asks has it, but nothing before it */
	int *depth;                 /* how far it is from what is wanted, from 1; 0: not wanted */
	int deepen;                 /* 0: all */
	bool wants, band, detailed;
};

static void upload_release(struct upload *u)
{
	free(u->has);
	free(u->send);
	free(u->shallow);
	free(u->depth);
}

static int say(const struct upload *u, struct buf *out)
{
	return buf_error(out) ? buf_error(out) : pkt_write(u->out, out->data, out->len);
}

/* To who asks, and for who called. */
static int refuse(const struct upload *u, int r, const char *words)
{
	AUTO(buf_release) struct buf out = BUF_INIT;

	pkt_addf(&out, "ERR %s\n", words);
	say(u, &out);
	return r;
}

static int failed(const struct upload *u, int r)
{
	const char *words = genstore_errmsg(u->st);

	return refuse(u, r, words && *words ? words : strerror(-r));
}

static int advertise(const struct upload *u)
{
	AUTO(buf_release) struct buf out = BUF_INIT, caps = BUF_INIT;
	const struct git_repo *repo = u->repo;
	char hex[HEX + 1];

	buf_addf(&caps, "%s%s object-format=sha1 agent=genstore/%s", CAPABILITIES, repo->head < 0 ? "" : " symref=HEAD:refs/heads/main",
		 genstore_version());
	if (repo->head < 0) {
		memset(hex, '0', HEX);
		hex[HEX] = '\0';
		pkt_addf(&out, "%s capabilities^{}%c%s\n", hex, 0, buf_str(&caps));
	} else {
		hex_encode(repo->commits[repo->head].id, SHA1_SIZE, hex);
		pkt_addf(&out, "%s HEAD%c%s\n", hex, 0, buf_str(&caps));
	}
	for (size_t i = 0; i < repo->ref_count; i++) {
		hex_encode(repo->commits[repo->refs[i].commit].id, SHA1_SIZE, hex);
		pkt_addf(&out, "%s %s\n", hex, repo->refs[i].name);
	}
	pkt_flush(&out);
	return say(u, &out);
}

/* The commit whose id the text begins with, or GIT_NO_COMMIT. -EPROTO: it begins with no id. */
static int commit_of(const struct upload *u, const char *text, size_t n, ssize_t *ret_commit)
{
	uint8_t id[SHA1_SIZE];

	if (n < HEX || hex_decode(text, SHA1_SIZE, id))
		return -EPROTO;
	*ret_commit = git_repo_find(u->repo, id);
	return 0;
}

/* Whether one of the words in the text, apart by spaces. */
static bool has_word(const char *text, size_t n, const char *word)
{
	size_t length = strlen(word);

	for (const char *end = text + n; text < end; text++) {
		const char *stop = memchr(text, ' ', (size_t)(end - text));

		if (!stop)
			stop = end;
		if ((size_t)(stop - text) == length && memcmp(text, word, length) == 0)
			return true;
		text = stop;
	}
	return false;
}

static int on_want(struct upload *u, const char *text, size_t n)
{
	ssize_t commit;

	if (commit_of(u, text, n, &commit))
		return -EPROTO;
	if (commit < 0)
		return refuse(u, -EINVAL, "not our ref: what was asked for is not there any more; fetch again");
	if (!u->wants) {
		u->band = has_word(text + HEX, n - HEX, "side-band-64k");
		u->detailed = has_word(text + HEX, n - HEX, "multi_ack_detailed");
	}
	u->wants = true;
	u->depth[commit] = 1;
	return 0;
}

static int on_shallow(struct upload *u, const char *text, size_t n)
{
	ssize_t commit;

	if (commit_of(u, text, n, &commit))
		return -EPROTO;
	if (commit >= 0)
		u->shallow[commit] = true;
	return 0;
}

static int on_deepen(struct upload *u, const char *text, size_t n)
{
	char digits[12];

	snprintf(digits, sizeof(digits), "%.*s", (int)(n < sizeof(digits) ? n : sizeof(digits) - 1), text);
	u->deepen = atoi(digits);
	return u->deepen > 0 ? 0 : -EPROTO;
}

/* Up to the first flush: what is wanted. */
static int read_wants(struct upload *u)
{
	static const struct { const char *word; int (*take)(struct upload *u, const char *text, size_t n); } words[] = {
		{ "want ", on_want }, { "shallow ", on_shallow }, { "deepen ", on_deepen },
	};
	struct pkt p;
	int r;

	while ((r = pkt_read(u->in, &p)) > 0 && !p.flush) {
		r = -EPROTO;
		for (size_t i = 0; i < ARRAY_LEN(words); i++) {
			size_t n;
			const char *text = pkt_after(&p, words[i].word, &n);

			if (text)
				r = words[i].take(u, text, n);
		}
		if (r)
			return r == -EPROTO ? refuse(u, r, "this is not git-upload-pack's protocol, version 0") : r;
	}
	return r < 0 ? r : 0;
}

/*
 * How far everything is from what is wanted, and where that is further than is asked for. Parents are before their children, so one way
 * down the list does it. What is said in between is where histories of the other side end now.
 */
static int measure(struct upload *u)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	char hex[HEX + 1];

	for (size_t i = u->repo->count; i--;) {
		const struct git_commit *c = &u->repo->commits[i];
		int depth = u->depth[i];
		bool cut = u->deepen && depth == u->deepen && c->parent >= 0;

		if (!depth)
			continue;
		hex_encode(c->id, SHA1_SIZE, hex);
		if (cut && !u->shallow[i])
			pkt_addf(&out, "shallow %s", hex);
		if (u->deepen && u->shallow[i] && !cut)
			pkt_addf(&out, "unshallow %s", hex);
		/* Without a depth, the other side's histories end where they ended. */
		if (c->parent >= 0 && !cut && (u->deepen || !u->shallow[i]) && (!u->depth[c->parent] || u->depth[c->parent] > depth + 1))
			u->depth[c->parent] = depth + 1;
	}
	if (!u->deepen)
		return 0;
	pkt_flush(&out);
	return say(u, &out);
}

/* Haves until `done`; 1; 0: the other side has left. */
static int negotiate(struct upload *u)
{
	char last[HEX + 1] = "";
	struct pkt p;
	int r;

	while ((r = pkt_read(u->in, &p)) > 0) {
		AUTO(buf_release) struct buf out = BUF_INIT;
		ssize_t commit = GIT_NO_COMMIT;
		size_t n;
		const char *text = pkt_after(&p, "have ", &n);
		bool done = pkt_after(&p, "done", &n), first = !*last;

		if (!p.flush && !done && (!text || commit_of(u, text, n, &commit)))
			return refuse(u, -EPROTO, "this is not git-upload-pack's protocol, version 0");
		if (commit >= 0) {
			u->has[commit] = true;
			hex_encode(u->repo->commits[commit].id, SHA1_SIZE, last);
			if (u->detailed || first)
				pkt_addf(&out, "ACK %s%s\n", last, u->detailed ? " common" : "");
		} else if (done && *last && u->detailed) {
			pkt_addf(&out, "ACK %s\n", last);
		} else if ((p.flush && (u->detailed || !*last)) || (done && !*last)) {
			pkt_addf(&out, "NAK\n");
		}
		if ((r = say(u, &out)) || done)
			return r ? r : 1;
	}
	return r;
}

/* What the other side has is everything before what it named, as far as its history goes. */
static void choose(struct upload *u)
{
	for (size_t i = u->repo->count; i--;) {
		ssize_t parent = u->repo->commits[i].parent;

		if (u->has[i] && parent >= 0 && !u->shallow[i])
			u->has[parent] = true;
		u->send[i] = u->depth[i] && !u->has[i];
	}
}

static int send_band(const struct upload *u, int band, const char *data, size_t n)
{
	AUTO(buf_release) struct buf packet = BUF_INIT;

	if (!u->band)
		return band == BAND_PACK ? pkt_write(u->out, data, n) : 0;
	buf_addf(&packet, "%04zx%c", n + PKT_HEAD + 1, band);
	buf_add(&packet, data, n);
	return say(u, &packet);
}

static int tell(const struct upload *u, int band, const char *words)
{
	AUTO(buf_release) struct buf line = BUF_INIT;
	int r = buf_addf(&line, "genstore: %s\n", words);

	return r ? r : send_band(u, band, buf_str(&line), line.len < BAND_BYTES ? line.len : BAND_BYTES);
}

static int tell_left_out(const struct upload *u)
{
	int64_t n = u->repo->head < 0 ? 0 : u->repo->commits[u->repo->head].left_out;
	char words[96];

	if (!n)
		return 0;
	snprintf(words, sizeof(words), "%lld name%s that git does not allow in a tree (like .git) %s left out", (long long)n,
		 n == 1 ? "" : "s", n == 1 ? "was" : "were");
	return tell(u, BAND_TALK, words);
}

static int send_pack(struct upload *u)
{
	AUTO(git_pack_freep) struct git_pack *pack = NULL;
	AUTO(free_ptr) char *bytes = malloc(BAND_BYTES);
	ssize_t n = 0;
	int r = bytes ? git_pack_open(u->st, u->repo, u->send, u->has, &pack) : -ENOMEM;

	if (!r)
		r = tell_left_out(u);
	while (!r && (n = git_pack_read(pack, bytes, BAND_BYTES)) > 0)
		r = send_band(u, BAND_PACK, bytes, (size_t)n);
	r = r ? r : (int)n;
	if (r && r != -EPIPE)
		tell(u, BAND_ERROR, genstore_errmsg(u->st));
	return r || !u->band ? r : pkt_write(u->out, "0000", PKT_HEAD);
}

int upload_refs(struct genstore *st, const struct git_repo *repo, int out)
{
	return advertise(&(struct upload){ .st = st, .repo = repo, .out = out });
}

int upload_answer(struct genstore *st, const struct git_repo *repo, struct pkt_reader *in, int out)
{
	size_t n = repo->count + 1;
	AUTO(upload_release) struct upload u = {
		.st = st, .repo = repo, .in = in, .out = out, .has = calloc(n, 1), .send = calloc(n, 1), .shallow = calloc(n, 1),
		.depth = calloc(n, sizeof(int)),
	};
	int r;

	if (!u.has || !u.send || !u.shallow || !u.depth)
		return failed(&u, -ENOMEM);
	if ((r = read_wants(&u)) || !u.wants || (r = measure(&u)))
		return r;
	if ((r = negotiate(&u)) <= 0)
		return r;
	choose(&u);
	return send_pack(&u);
}

int upload_pack(struct genstore *st, const struct git_repo *repo, struct pkt_reader *in, int out)
{
	int r = upload_refs(st, repo, out);

	return r ? r : upload_answer(st, repo, in, out);
}
