#include "src/git/report.h"
#include "src/git/pkt.h"

enum { BAND_STATUS = 1, BAND_TALK = 2, BAND_ERROR = 3, TALK_MAX = 2000 };

/* The packets of all bands, put apart. */
static int unband(const struct buf *body, struct buf *status, struct buf *talk)
{
	size_t at = 0, used;
	struct pkt p;
	int r;

	while ((r = pkt_parse(buf_str(body) + at, body->len - at, &p, &used)) > 0 && !p.flush) {
		/* A band's bytes are its own, a newline at their end included. */
		const uint8_t *data = body->data + at + PKT_HEAD;
		size_t n = used - PKT_HEAD;

		at += used;
		if (!n)
			return -EPROTO;
		if (data[0] == BAND_STATUS)
			buf_add(status, data + 1, n - 1);
		else if (talk->len < TALK_MAX && (data[0] == BAND_TALK || data[0] == BAND_ERROR))
			buf_add(talk, data + 1, n - 1);
	}
	return r < 0 ? r : 0;
}

/* Lines as one, without what a terminal would obey. */
static void add_line(struct buf *out, const char *text, size_t n)
{
	bool gap = true;

	for (size_t i = 0; i < n && i < TALK_MAX; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c <= ' ' || c == 0x7f) {
			gap = true;
			continue;
		}
		if (gap && out->len)
			buf_addc(out, ' ');
		gap = false;
		buf_addc(out, c);
	}
}

/* What hosts say when they refuse (GitHub's codes are in its docs, "Troubleshooting"), and what can be done about it. */
static const struct { const char *says, *advice; } known[] = {
	{ "GH001", "a file is larger than the host takes (GitHub: 100 MB); keep it out of the app" },
	{ "GH006", "the branch is protected; lift that, or push to another repository" },
	{ "protected branch", "the branch is protected; lift that, or push to another repository" },
	{ "GH013", "the repository has rules; the server says which, and where a secret can be removed or allowed" },
	{ "workflow", "the token needs the scope 'workflow', because the app has files in .github/workflows" },
	{ "maximum allowed size", "whoever runs the server can raise its receive.maxInputSize" },
};

static void advise(struct buf *why)
{
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strstr(buf_str(why), known[i].says)) {
			buf_addf(why, "; %s", known[i].advice);
			return;
		}
}

static int refuse(struct buf *why, const char *reason, size_t n, const struct buf *talk)
{
	AUTO(buf_release) struct buf line = BUF_INIT;

	add_line(&line, reason, n);
	buf_addf(why, "the server did not take it: %s", buf_str(&line));
	buf_reset(&line);
	add_line(&line, buf_str(talk), talk->len);
	if (line.len)
		buf_addf(why, " (it says: %s)", buf_str(&line));
	advise(why);
	return -EPERM;
}

int report_read(const struct buf *body, bool bands, int refs, struct buf *why)
{
	AUTO(buf_release) struct buf status = BUF_INIT, talk = BUF_INIT;
	const struct buf *from = bands ? &status : body;
	size_t at = 0, used, n;
	bool unpacked = false;
	struct pkt p;
	int r = bands ? unband(body, &status, &talk) : 0;

	while (!r && pkt_parse(buf_str(from) + at, from->len - at, &p, &used) > 0 && !p.flush) {
		const char *text;

		at += used;
		if ((text = pkt_after(&p, "unpack ", &n))) {
			unpacked = n == 2 && memcmp(text, "ok", 2) == 0;
			if (!unpacked)
				return refuse(why, text, n, &talk);
		} else if ((text = pkt_after(&p, "ng ", &n))) {
			return refuse(why, text, n, &talk);
		} else if (pkt_after(&p, "ok ", &n)) {
			refs--;
		}
	}
	if (!r && unpacked && !refs)
		return 0;
	if (talk.len)
		return refuse(why, "it ended early", 14, &talk);
	buf_adds(why, "the server did not say what became of the push; try again");
	return -EPROTO;
}
