#include "src/cmd/files_json.h"
#include "src/cmd/out.h"
#include "store/base/utf8.h"
#include "store/object.h"

/* A multiple of 3, so that base64 goes on without a seam. */
enum { AT_ONCE = 3 << 16, CHARACTER_MAX = 4 };

/* The bytes of p that are whole characters, *ret_text false when one is none. A cut one at the end waits for its rest. */
static size_t whole_characters(const uint8_t *p, size_t n, bool last, bool *ret_text)
{
	size_t i = 0, length;

	while (i < n && (length = utf8_char(p + i, n - i)))
		i += length;
	*ret_text = i == n || (!last && n - i < CHARACTER_MAX);
	return i;
}

static int text_chunk(struct cli *cli, const uint8_t *p, size_t n)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct jw j;

	jw_begin(&j, &out, 0);
	jw_strn(&j, NULL, (const char *)p, n);
	if (buf_error(&out))
		return cli_error(cli, EXIT_FAILED, "no memory");
	/* Without its quotes. */
	return out_bytes(cli, out.data + 1, out.len - 2);
}

/* One pass over a file; write false only finds out whether it is text. */
static int text_pass(struct cli *cli, const struct object *file, bool write, bool *ret_text)
{
	uint8_t chunk[AT_ONCE];
	int64_t size = object_size(file);
	size_t keep;
	int r;

	*ret_text = true;
	for (int64_t at = 0; at < size && *ret_text; at += (int64_t)keep) {
		ssize_t n = object_read(cli->st, file, at, sizeof(chunk), chunk);

		if (n < 0)
			return cli_fail(cli, (int)n);
		keep = whole_characters(chunk, (size_t)n, at + n >= size, ret_text);
		if (write && (r = text_chunk(cli, chunk, keep)))
			return r;
	}
	return 0;
}

static size_t base64(const uint8_t *p, size_t n, char *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char *q = out;

	for (size_t i = 0; i < n; i += 3) {
		uint32_t v = (uint32_t)p[i] << 16 | (i + 1 < n ? (uint32_t)p[i + 1] << 8 : 0) | (i + 2 < n ? p[i + 2] : 0);

		*q++ = digits[v >> 18];
		*q++ = digits[v >> 12 & 63];
		*q++ = i + 1 < n ? digits[v >> 6 & 63] : '=';
		*q++ = i + 2 < n ? digits[v & 63] : '=';
	}
	return (size_t)(q - out);
}

static int base64_pass(struct cli *cli, const struct object *file)
{
	uint8_t chunk[AT_ONCE];
	char text[AT_ONCE / 3 * 4];
	int64_t size = object_size(file);
	int r;

	for (int64_t at = 0; at < size; at += AT_ONCE) {
		ssize_t n = object_read(cli->st, file, at, sizeof(chunk), chunk);

		if (n < 0)
			return cli_fail(cli, (int)n);
		if ((r = out_bytes(cli, text, base64(chunk, (size_t)n, text))))
			return r;
	}
	return 0;
}

static int file_value(struct cli *cli, int64_t content)
{
	AUTO(object_unrefp) struct object *file = NULL;
	bool text;
	int r = object_of_content(cli->st, content, &file);

	if (r)
		return cli_fail(cli, r);
	if ((r = text_pass(cli, file, false, &text)))
		return r;
	fputs(text ? "\"" : "{\"base64\":\"", stdout);
	if ((r = text ? text_pass(cli, file, true, &text) : base64_pass(cli, file)))
		return r;
	fputs(text ? "\"" : "\"}", stdout);
	return 0;
}

static int entry_pair(struct cli *cli, const struct entry *e, bool first)
{
	AUTO(buf_release) struct buf key = BUF_INIT;
	struct jw j;

	jw_begin(&j, &key, 0);
	jw_strn(&j, NULL, e->path, e->path_len);
	printf("%s%s:", first ? "" : ",", buf_str(&key));
	if (e->type == TAR_FILE)
		return file_value(cli, e->content);
	buf_reset(&key);
	jw_begin(&j, &key, 0);
	jw_object(&j, NULL);
	jw_str(&j, "link", e->link);
	jw_end(&j);
	return out_bytes(cli, key.data, key.len);
}

int files_json(struct cli *cli, const struct manifest *m)
{
	bool first = true;
	int r;

	putchar('{');
	for (size_t i = 0; i < m->count && !ferror(stdout); i++) {
		if (m->entries[i].type == TAR_DIR)
			continue;
		if ((r = entry_pair(cli, &m->entries[i], first)))
			return r;
		first = false;
	}
	putchar('}');
	return 0;
}
