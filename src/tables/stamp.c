#include "src/tables/stamp.h"

#include <ctype.h>
#include <time.h>

enum { MICRO_DIGITS = 6 };

struct at { const char *p, *end; };

static bool take(struct at *a, const char *any)
{
	if (a->p == a->end || !*a->p || !strchr(any, *a->p))
		return false;
	a->p++;
	return true;
}

static bool number(struct at *a, int digits, int *ret_n)
{
	int n = 0;

	for (int i = 0; i < digits; i++) {
		if (a->p == a->end || !isdigit((unsigned char)*a->p))
			return false;
		n = n * 10 + *a->p++ - '0';
	}
	*ret_n = n;
	return true;
}

/* Digits behind the sixth may only be zeros. */
static bool fraction(struct at *a, int *ret_micros)
{
	int digits = 0, n = 0;

	if (!take(a, "."))
		return true;
	for (; a->p < a->end && isdigit((unsigned char)*a->p); a->p++, digits++) {
		if (digits >= MICRO_DIGITS && *a->p != '0')
			return false;
		n = digits < MICRO_DIGITS ? n * 10 + *a->p - '0' : n;
	}
	for (int i = digits; i < MICRO_DIGITS; i++)
		n *= 10;
	*ret_micros = n;
	return digits > 0;
}

static bool zone(struct at *a, int *ret_east)
{
	int hours, minutes = 0, seconds = 0, sign = a->p < a->end && *a->p == '-' ? -1 : 1;

	if (a->p == a->end || take(a, "Zz"))
		return true;
	if (!take(a, "+-") || !number(a, 2, &hours))
		return false;
	take(a, ":");
	if (a->p < a->end && !number(a, 2, &minutes))
		return false;
	if (take(a, ":") && !number(a, 2, &seconds))
		return false;
	*ret_east = sign * (hours * 3600 + minutes * 60 + seconds);
	return hours < 24 && minutes < 60 && seconds < 60;
}

static bool civil(struct at *a, struct tm *tm)
{
	return number(a, 4, &tm->tm_year) && take(a, "-") && number(a, 2, &tm->tm_mon) && take(a, "-") && number(a, 2, &tm->tm_mday) &&
	       take(a, "Tt ") && number(a, 2, &tm->tm_hour) && take(a, ":") && number(a, 2, &tm->tm_min) && take(a, ":") &&
	       number(a, 2, &tm->tm_sec);
}

int stamp_read(const char *text, size_t n, struct stamp *ret_s)
{
	struct at a = { text, text + n };
	struct tm tm = { 0 }, same;
	int east = 0, micros = 0;
	time_t t;

	if (!civil(&a, &tm) || !fraction(&a, &micros) || !zone(&a, &east) || a.p != a.end || tm.tm_year < 1)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	same = tm;
	t = timegm(&same);
	/* What timegm() had to put right is no time: the 30th of February, a leap second. */
	if (same.tm_mon != tm.tm_mon || same.tm_mday != tm.tm_mday || same.tm_hour != tm.tm_hour || same.tm_min != tm.tm_min ||
	    same.tm_sec != tm.tm_sec)
		return -EINVAL;
	*ret_s = (struct stamp){ (int64_t)t - east, micros };
	return 0;
}

int stamp_text(const struct stamp *s, char out[STAMP_TEXT])
{
	time_t t = (time_t)s->seconds;
	struct tm tm;
	int n;

	if (!gmtime_r(&t, &tm) || tm.tm_year + 1900 < 1 || tm.tm_year + 1900 > 9999)
		return -ERANGE;
	n = (int)strftime(out, STAMP_TEXT, "%Y-%m-%dT%H:%M:%S", &tm);
	/* glibc's %Y does not fill up years before 1000. */
	if (tm.tm_year + 1900 < 1000)
		n = snprintf(out, STAMP_TEXT, "%04d-%02d-%02dT%02d:%02d:%02d", (tm.tm_year + 1900) % 10000, (tm.tm_mon + 1) % 100, tm.tm_mday % 100,
			     tm.tm_hour % 100, tm.tm_min % 100, tm.tm_sec % 100);
	if (s->micros) {
		n += snprintf(out + n, STAMP_TEXT - (size_t)n, ".%06d", s->micros % 1000000);
		while (out[n - 1] == '0')
			n--;
	}
	memcpy(out + n, "Z", 2);
	return 0;
}
