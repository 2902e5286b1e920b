#include "src/serve/url.h"

static int hex_of(char c)
{
	static const char digits[] = "0123456789abcdefABCDEF";
	const char *at = c ? strchr(digits, c) : NULL;

	if (!at)
		return -1;
	return (int)(at - digits) - (at - digits > 15 ? 6 : 0);
}

int url_decode(const char *text, size_t n, bool plus, struct buf *out)
{
	for (size_t i = 0; i < n; i++) {
		int high, low;

		if (text[i] != '%') {
			buf_addc(out, plus && text[i] == '+' ? ' ' : (uint8_t)text[i]);
			continue;
		}
		if (i + 2 >= n || (high = hex_of(text[i + 1])) < 0 || (low = hex_of(text[i + 2])) < 0 || !(high | low))
			return -EINVAL;
		buf_addc(out, (uint8_t)(high << 4 | low));
		i += 2;
	}
	return buf_error(out);
}

int url_query(const char *path, const char *name, struct buf *out)
{
	const char *at = path + strcspn(path, "?");
	size_t length = strlen(name);

	while (*at) {
		size_t n = strcspn(++at, "&");

		if (n > length && strncmp(at, name, length) == 0 && at[length] == '=') {
			int r = url_decode(at + length + 1, n - length - 1, true, out);

			return r ? r : 1;
		}
		at += n;
	}
	return 0;
}

int url_query_int(const char *path, const char *name, int64_t *ret_n)
{
	AUTO(buf_release) struct buf text = BUF_INIT;
	int r = url_query(path, name, &text);

	if (r <= 0)
		return r;
	if (!text.len || text.len > 18 || strspn(buf_str(&text), "0123456789") != text.len)
		return -EINVAL;
	*ret_n = strtoll(buf_str(&text), NULL, 10);
	return 1;
}

void url_encode_path(struct buf *out, const char *path)
{
	static const char plain[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~/";

	for (; *path; path++) {
		if (strchr(plain, *path))
			buf_addc(out, (uint8_t)*path);
		else
			buf_addf(out, "%%%02X", (uint8_t)*path);
	}
}
