#include "src/config/value.h"

#include <ctype.h>
#include <strings.h>

/* Largest last; the one without a letter is what a bare number means. */
struct unit { char letter; int64_t factor; };
static const struct unit times[] = { { '\0', 1000 }, { 's', 1000 }, { 'm', 60000 }, { 'h', 3600000 } };
static const struct unit sizes[] = {
	{ '\0', 1 }, { 'k', 1 << 10 }, { 'K', 1 << 10 }, { 'M', 1 << 20 }, { 'G', 1 << 30 }, { 'T', (int64_t)1 << 40 },
};

int value_number(const char *text, int64_t *ret_n)
{
	char *end;
	long long n;

	errno = 0;
	n = strtoll(text, &end, 10);
	if (errno || *end || (!isdigit((unsigned char)*text) && !(*text == '-' && end > text)))
		return -EINVAL;
	*ret_n = n;
	return 0;
}

static int amount(const char *text, const struct unit *units, size_t count, int64_t *ret_n)
{
	char *end;
	int64_t n, factor = 0;

	errno = 0;
	n = strtoll(text, &end, 10);
	for (size_t i = 0; i < count && (!*end || !end[1]); i++)
		if (units[i].letter == *end)
			factor = units[i].factor;
	if (errno || !isdigit((unsigned char)*text) || !factor || __builtin_mul_overflow(n, factor, &n))
		return -EINVAL;
	*ret_n = n;
	return 0;
}

int value_size(const char *text, int64_t *ret_bytes)
{
	return amount(text, sizes, ARRAY_LEN(sizes), ret_bytes);
}

int value_time(const char *text, int64_t *ret_ms)
{
	int64_t ms;
	int r = amount(text, times, ARRAY_LEN(times), &ms);

	if (r || ms > VALUE_TIME_MAX)
		return -EINVAL;
	*ret_ms = ms;
	return 0;
}

int value_answer(const char *text, bool *ret_yes)
{
	static const char *const words[] = { "no", "yes", "false", "true", "off", "on", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strcasecmp(text, words[i]) == 0) {
			*ret_yes = i % 2;
			return 0;
		}
	return -EINVAL;
}

static const char *text_of(int64_t n, const struct unit *units, size_t count, char out[VALUE_TEXT])
{
	const struct unit *u = units;

	for (size_t i = 0; n && i < count; i++)
		if (n % units[i].factor == 0)
			u = &units[i];
	snprintf(out, VALUE_TEXT, "%lld%.1s", (long long)(n / u->factor), u->letter ? &u->letter : "");
	return out;
}

const char *value_size_text(int64_t bytes, char out[VALUE_TEXT])
{
	return text_of(bytes, sizes, ARRAY_LEN(sizes), out);
}

const char *value_time_text(int64_t ms, char out[VALUE_TEXT])
{
	return text_of(ms, times, ARRAY_LEN(times), out);
}
