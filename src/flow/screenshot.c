#include "src/flow/screenshot.h"
#include "store/app.h"
#include "store/artifact.h"
#include "store/base/utf8.h"

enum { TRIES = 5 };

void screenshot_release(struct screenshot *s)
{
	json_decref(s->owner);
}

static int digit(char c)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	const char *at = c ? memchr(digits, c, sizeof(digits) - 1) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* RFC 4648, section 4, with or without its padding, in place: three bytes for four characters. False for what is none. */
static bool decode(char *text, size_t n, size_t *ret_n)
{
	int8_t values[256];
	uint32_t group = 0;
	size_t done = 0;

	while (n && text[n - 1] == '=' && n % 4 != 1)
		n--;
	if (n % 4 == 1)
		return false;
	for (int c = 0; c < 256; c++)
		values[c] = (int8_t)digit((char)c);
	for (size_t i = 0; i < n; i++) {
		int v = values[(uint8_t)text[i]];

		if (v < 0)
			return false;
		group = group << 6 | (uint32_t)v;
		if (i % 4)
			text[done++] = (char)(group >> (6 - 2 * (i % 4)) & 0xff);
	}
	*ret_n = done;
	return true;
}

/* RFC 2397: what is in front of the bytes. */
static size_t head_of(const char *text)
{
	const char *comma = strncmp(text, "data:", 5) ? NULL : strchr(text, ',');

	return comma && comma - text >= 7 && !strncmp(comma - 7, ";base64", 7) ? (size_t)(comma + 1 - text) : 0;
}

void screenshot_take(struct wsi_message *m, struct screenshot *ret_s)
{
	json_t *v = json_object_get(m->json, "image_base64");
	size_t head = head_of(json_string_value(v));
	/* Nobody else looks at this string any more, and a copy of it would be 12 MiB. */
	char *text = (char *)(uintptr_t)json_string_value(v) + head;

	*ret_s = (struct screenshot){ .owner = json_incref(v), .bytes = (const uint8_t *)text };
	if (!decode(text, json_string_length(v) - head, &ret_s->n))
		ret_s->why = "its image_base64 is neither a data URI nor base64";
	else if (!ret_s->n)
		ret_s->why = "it is empty";
	json_object_set_new(m->json, "image_base64", json_null());
}

/* In base64 short values would be found by chance; in the bytes themselves they are not. */
static bool holds_secret(const struct redact *secrets, const struct screenshot *s)
{
	for (size_t i = 0; i < secrets->count; i++)
		if (memmem(s->bytes, s->n, secrets->values[i], strlen(secrets->values[i])))
			return true;
	return false;
}

static int count_kept(struct flow *f, int64_t *ret_count, int64_t *ret_bytes)
{
	struct artifact_filter filter = { .type = "screenshot" };
	struct session s;
	int r = generation_session(f->st, &f->g, &s);

	*ret_count = *ret_bytes = 0;
	if (r)
		return r == -ENOENT ? 0 : r;
	filter.session_id = s.id;
	filter.organization_id = s.organization_id;
	return artifact_total(f->st, &filter, ret_count, ret_bytes);
}

static void add_text(struct jw *j, const struct wsi_message *m, const char *field)
{
	const char *text = wsi_text(m, field);

	if (text)
		jw_strn(j, field, text, utf8_cut(text, strlen(text), SCREENSHOT_TEXT_MAX));
}

static int metadata(const struct flow *f, const struct wsi_message *m, struct buf *out)
{
	static const char *const texts[] = { "timestamp", "description", "stage" };
	static const char *const numbers[] = { "width", "height" };
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "request_id", f->g.request_id);
	jw_int(&j, "iteration", f->iteration + 1);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		add_text(&j, m, texts[i]);
	for (size_t i = 0; i < ARRAY_LEN(numbers); i++)
		if (wsi_int(m, numbers[i], -1) >= 0)
			jw_int(&j, numbers[i], wsi_int(m, numbers[i], 0));
	jw_end(&j);
	return buf_error(out);
}

/* The last part of what the generator calls it, or a name of ours where that is none. */
static int choose_name(struct flow *f, const struct wsi_message *m, int64_t number, struct buf *out)
{
	const char *given = wsi_text(m, "filename"), *last = given;

	for (const char *p = given; p && *p; p++)
		if (*p == '/' || *p == '\\')
			last = p + 1;
	if (last && !artifact_check_name(f->st, "screenshot", last))
		return buf_adds(out, last);
	return buf_addf(out, "screenshot-%lld.png", (long long)number);
}

static int put(struct flow *f, const struct screenshot *s, const char *name, const struct artifact_place *where)
{
	AUTO(artifact_batch_freep) struct artifact_batch *b = NULL;
	struct artifact_put done;
	int r;

	if ((r = artifact_batch_new(f->st, &b)) || (r = artifact_batch_bytes(b, "screenshot", name, s->bytes, s->n)))
		return r;
	return artifact_batch_commit(b, where, &done);
}

static int keep(struct flow *f, const struct wsi_message *m, const struct screenshot *s, int64_t number)
{
	AUTO(buf_release) struct buf name = BUF_INIT, about = BUF_INIT;
	AUTO(free_ptr) char *organization = NULL;
	struct artifact_place where = { .session = f->g.request_id };
	const char *given = wsi_text(m, "filename");
	int r, tries = 0;

	if ((r = choose_name(f, m, number, &name)) || (r = metadata(f, m, &about)) ||
	    (r = user_name(f->st, f->g.user_id, &organization)))
		return r;
	where.metadata = buf_str(&about);
	where.organization = organization;
	do
		r = put(f, s, buf_str(&name), &where);
	while ((r == -ESTALE && ++tries < TRIES) || flow_waits(f, r));
	if (r || (given && !strcmp(given, buf_str(&name))))
		return r;
	return flow_log(f, "warn", "the screenshot is kept as '%s'", buf_str(&name));
}

int screenshot_keep(struct flow *f, const struct wsi_message *m, const struct screenshot *s)
{
	int64_t count, bytes;
	int r;

	if (s->why || holds_secret(&f->secrets, s))
		return flow_log(f, "warn", "the screenshot is not kept: %s", s->why ? s->why : "it holds the value of a secret");
	while (flow_waits(f, r = count_kept(f, &count, &bytes)))
		;
	if (r)
		return r;
	if (count < SCREENSHOTS_MAX && bytes + (int64_t)s->n <= SCREENSHOTS_BYTES_MAX)
		return keep(f, m, s, count + 1);
	if (f->told_screenshots)
		return 0;
	f->told_screenshots = true;
	return flow_log(f, "warn", "no more screenshots are kept: a generation has at most %d, of %lld MiB in all", SCREENSHOTS_MAX,
			(long long)(SCREENSHOTS_BYTES_MAX >> 20));
}
