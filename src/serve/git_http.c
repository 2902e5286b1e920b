/*
 * /leo-generated/{request_id}.git: what `git clone` and `git fetch` ask for (gitprotocol-http(5), the smart one, version 0). The answer is made by a thread of its
 * own that writes into a pipe, since the pack is made step by step and the library asks for it step by step; a git that leaves ends it.
 */
#include "src/git/upload.h"
#include "src/serve/api.h"
#include "store/generation.h"

#include <fcntl.h>
#include <pthread.h>
#include <zlib.h>

enum { ASKED_MAX = 8 << 20, BLOCK = 64 << 10, GZIP = 16 };

/* An answer on its way. */
struct fetch {
	struct loan loan; /* the thread's, while it runs */
	struct git_repo *repo;
	struct pkt_reader in;
	bool refs; /* the list is asked for, not a pack */
	int out, from; /* the ends of the pipe: the thread's, and who sends's */
	pthread_t thread;
	bool runs;
};

static void fetch_free(void *arg)
{
	struct fetch *f = arg;

	if (!f)
		return;
	/* Nobody reads any more: the thread ends with -EPIPE where it is not through. */
	close_fd(&f->from);
	if (f->runs)
		pthread_join(f->thread, NULL);
	else
		close_fd(&f->out);
	git_repo_free(f->repo);
	pkt_reader_release(&f->in);
	loan_end(&f->loan);
	free(f);
}

static void fetch_freep(struct fetch **f)
{
	fetch_free(*f);
}

static void *run(void *arg)
{
	static const char service[] = "001e# service=git-upload-pack\n0000";
	struct fetch *f = arg;

	if (!f->refs)
		upload_answer(f->loan.st, f->repo, &f->in, f->out);
	else if (!pkt_write(f->out, service, sizeof(service) - 1))
		upload_refs(f->loan.st, f->repo, f->out);
	close_fd(&f->out);
	return NULL;
}

static ssize_t read_answer(void *arg, uint64_t at UNUSED, char *out, size_t n)
{
	const struct fetch *f = arg;
	ssize_t got;

	do
		got = read(f->from, out, n);
	while (got < 0 && errno == EINTR);
	/* A pack has its own hash at its end: one that broke off is noticed. */
	return got > 0 ? got : got ? MHD_CONTENT_READER_END_WITH_ERROR : MHD_CONTENT_READER_END_OF_STREAM;
}

/* Git packs what it asks for where that is more than a KiB. -EINVAL: it cannot be unpacked; -EFBIG. */
static int take_asked(struct request *q, struct buf *out)
{
	const char *coding = request_header(q, "Content-Encoding");
	z_stream z = { .next_in = (uint8_t *)q->text.data, .avail_in = (unsigned)q->text.len };
	int code = Z_OK, r = 0;

	if (!coding)
		return buf_add(out, buf_str(&q->text), q->text.len);
	if ((strcasecmp(coding, "gzip") != 0 && strcasecmp(coding, "x-gzip") != 0) || inflateInit2(&z, MAX_WBITS + GZIP) != Z_OK)
		return -EINVAL;
	while (!r && code == Z_OK) {
		z.next_out = buf_reserve(out, BLOCK);
		z.avail_out = BLOCK;
		if (!z.next_out)
			r = -ENOMEM;
		else if ((code = inflate(&z, Z_NO_FLUSH)) == Z_OK || code == Z_STREAM_END)
			buf_commit(out, BLOCK - z.avail_out);
		if (out->len > ASKED_MAX)
			r = -EFBIG;
	}
	inflateEnd(&z);
	return r ? r : code == Z_STREAM_END ? 0 : -EINVAL;
}

/* The repository of the route's name, "req_x.git" or "req_x": 1 it was answered that there is none. */
static int find(struct request *q, struct fetch *f)
{
	AUTO(generation_release) struct generation g = { 0 };
	AUTO(buf_release) struct buf name = BUF_INIT;
	AUTO(free_ptr) char *request = NULL;
	char *suffix;
	int r = api_name(q, 0, &name);

	if (r)
		return r;
	if (!(request = strdup(buf_str(&name))))
		return -ENOMEM;
	if ((suffix = strstr(request, ".git")) && !suffix[4])
		*suffix = '\0';
	if (!(r = generation_by_request(f->loan.st, request, &g)) && !(r = git_repo_of(f->loan.st, &g, &f->repo)))
		return 0;
	r = r == -ENOENT ? reply_error(q, 404, "Repository not found", NULL, false) : reply_store(q, r, f->loan.st);
	return r ? r : 1;
}

static int begin(struct fetch *f)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	f->from = ends[0];
	f->out = ends[1];
	if (pthread_create(&f->thread, NULL, run, f))
		return -EAGAIN;
	f->runs = true;
	return 0;
}

static int answer(struct request *q, bool refs)
{
	AUTO(fetch_freep) struct fetch *f = calloc(1, sizeof(*f));
	struct fetch *sent;
	int r;

	if (!f)
		return -ENOMEM;
	f->refs = refs;
	f->out = f->from = f->in.fd = -1;
	if ((r = api_borrow(q, API_READ, &f->loan)) || (r = find(q, f)))
		return api_answered(r);
	if (!refs && (r = take_asked(q, &f->in.bytes)))
		return r == -ENOMEM ? r : reply_error(q, r == -EFBIG ? 413 : 400, "what was asked for cannot be unpacked", NULL, false);
	if ((r = begin(f)))
		return r;
	sent = MOVE(f);
	return reply_stream(q, refs ? "application/x-git-upload-pack-advertisement" : "application/x-git-upload-pack-result", BLOCK, read_answer, sent,
			    fetch_free);
}

/* ?service=git-upload-pack. A git without the smart protocol asks for nothing: there is no dumb one. */
static int refs(struct request *q)
{
	AUTO(buf_release) struct buf service = BUF_INIT;
	int r = url_query(q->path, "service", &service);

	if (r > 0 && strcmp(buf_str(&service), "git-upload-pack") == 0)
		return answer(q, true);
	if (r > 0 && strcmp(buf_str(&service), "git-receive-pack") == 0)
		return reply_error(q, 403, "nothing can be pushed into a store yet; 'genstore import' takes a folder", NULL, false);
	return reply_error(q, 400, "only git's smart protocol is spoken here", NULL, false);
}

static int fetch(struct request *q)
{
	return answer(q, false);
}

const struct route git_routes[] = {
	{ "GET", GIT_FOLDER "{repository}/info/refs", refs, .body = 0 },
	{ "POST", GIT_FOLDER "{repository}/git-upload-pack", fetch, .body = ASKED_MAX },
	{ 0 },
};
