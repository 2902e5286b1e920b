#include "src/serve/range.h"

#include <strings.h>

/* Digits only, and what fits: -1 for none. */
static int64_t digits(const char **at)
{
	int64_t n = 0;

	if (**at < '0' || **at > '9')
		return -1;
	for (; **at >= '0' && **at <= '9'; ++*at)
		n = n > (INT64_MAX - 9) / 10 ? INT64_MAX : n * 10 + (**at - '0');
	return n;
}

int range_parse(const char *text, int64_t size, struct range *ret)
{
	int64_t from, to;

	*ret = (struct range){ 0, size };
	if (!text || strncasecmp(text, "bytes=", 6) != 0)
		return 200;
	text += 6;
	from = digits(&text);
	if (*text++ != '-')
		return 200;
	to = digits(&text);
	if (*text || (from < 0 && to < 0) || (from >= 0 && to >= 0 && to < from))
		return 200;
	if (from < 0 ? !to || !size : from >= size)
		return 416;
	if (from < 0) {
		/* The last so many bytes. */
		from = max_i64(size - to, 0);
		to = size - 1;
	}
	to = to < 0 ? size - 1 : min_i64(to, size - 1);
	*ret = (struct range){ from, to - from + 1 };
	return 206;
}

bool etag_listed(const char *list, const char *etag, bool weak)
{
	size_t n = strlen(etag);

	if (!list)
		return false;
	while (*list) {
		bool is_weak = strncmp(list, "W/", 2) == 0;

		if (*list == '*')
			return true;
		list += is_weak ? 2 : 0;
		if (*list == '"' && strncmp(list + 1, etag, n) == 0 && list[n + 1] == '"' && (weak || !is_weak))
			return true;
		/* To the next one: a tag may hold commas. */
		if (*list == '"')
			list += strcspn(list + 1, "\"") + 1;
		list += strcspn(list, ",");
		list += strspn(list, ", \t");
	}
	return false;
}
