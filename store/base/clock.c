#include "store/base/clock.h"

#include <ctype.h>
#include <time.h>

/* Not time(): it reads the coarse clock, for which a second begins up to a tick later than for everybody else. */
int64_t clock_now(const struct clock *c)
{
	struct timespec t;

	if (c && c->fixed)
		return c->fixed;
	clock_gettime(CLOCK_REALTIME, &t);
	return t.tv_sec;
}

int64_t clock_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

void clock_format(int64_t seconds, char out[CLOCK_TEXT])
{
	const int64_t year_0 = -62167219200, year_9999 = 253402300799;
	time_t t = (time_t)max_i64(year_0, min_i64(seconds, year_9999));
	struct tm tm;

	gmtime_r(&t, &tm);
	snprintf(out, CLOCK_TEXT, "%04u-%02u-%02uT%02u:%02u:%02uZ",
		 (unsigned)(tm.tm_year + 1900) % 10000, (unsigned)(tm.tm_mon + 1) % 100,
		 (unsigned)tm.tm_mday % 100, (unsigned)tm.tm_hour % 100,
		 (unsigned)tm.tm_min % 100, (unsigned)tm.tm_sec % 100);
}

/* The zone at the end of an RFC 3339 time: nothing, `Z` or +hh:mm, in seconds east. */
static int parse_zone(const char *s, int *ret_east)
{
	unsigned hours, minutes;
	int n = 0;

	*ret_east = 0;
	if (!*s || ((*s == 'Z' || *s == 'z') && !s[1]))
		return 0;
	if ((*s != '+' && *s != '-') || sscanf(s + 1, "%2u%*1[:]%2u%n", &hours, &minutes, &n) != 2 || s[1 + n])
		return -EINVAL;
	*ret_east = (int)(hours * 3600 + minutes * 60) * (*s == '-' ? -1 : 1);
	return 0;
}

int clock_parse(const char *text, int64_t *ret_seconds)
{
	struct tm tm = { 0 };
	char sep;
	int n = 0, east, r;

	if (sscanf(text, "%4d-%2d-%2d%c%2d:%2d:%2d%n", &tm.tm_year, &tm.tm_mon, &tm.tm_mday, &sep,
		   &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &n) != 7 || !strchr("Tt ", sep))
		return -EINVAL;
	text += n;
	if (*text == '.')
		do
			text++;
		while (isdigit((unsigned char)*text));
	if ((r = parse_zone(text, &east)))
		return r;
	if (tm.tm_mon < 1 || tm.tm_mon > 12 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 ||
	    tm.tm_min > 59 || tm.tm_sec > 60)
		return -EINVAL;
	tm.tm_year -= 1900;
	tm.tm_mon -= 1;
	*ret_seconds = (int64_t)timegm(&tm) - east;
	return 0;
}
