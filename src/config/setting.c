#include "src/config/setting.h"
#include "src/config/value.h"
#include "store/base/utf8.h"

#include <ctype.h>

static int parse_answer(const char *text, int64_t *ret_n)
{
	bool yes;
	int r = value_answer(text, &yes);

	if (!r)
		*ret_n = yes;
	return r;
}

static const char *number_text(int64_t n, char out[VALUE_TEXT])
{
	snprintf(out, VALUE_TEXT, "%lld", (long long)n);
	return out;
}

static const char *answer_text(int64_t n, char out[VALUE_TEXT])
{
	snprintf(out, VALUE_TEXT, "%s", n ? "yes" : "no");
	return out;
}

/* A number of a setting from its text, and the other way round. */
static const struct {
	const char *name, *example;
	int (*parse)(const char *text, int64_t *ret_n);
	const char *(*text)(int64_t n, char out[VALUE_TEXT]);
} types[] = {
	[SETTING_STRING] = { "string", "text", NULL, NULL },
	[SETTING_INTEGER] = { "integer", "a whole number", value_number, number_text },
	[SETTING_SIZE] = { "size", "a size like 500k or 16M", value_size, value_size_text },
	[SETTING_DURATION] = { "duration", "a time like 90s, 30m or 2h", value_time, value_time_text },
	[SETTING_BOOLEAN] = { "boolean", "yes or no", parse_answer, answer_text },
	[SETTING_CHOICE] = { "choice", NULL, NULL, NULL },
	[SETTING_URL] = { "URL", "an address", NULL, NULL },
	[SETTING_SECRET] = { "secret", "text", NULL, NULL },
};

const char *setting_type_name(enum setting_type type)
{
	return types[type].name;
}

const struct setting *setting_find(const char *key)
{
	for (const struct setting *s = settings_known; s->key; s++)
		if (strcmp(s->key, key) == 0)
			return s;
	return NULL;
}

enum { WORD_MAX = 64 };

/* As if everybody wrote keys in one way: GENSTORE_S3_BUCKET, S3-Bucket and s3.bucket are one. */
static size_t fold(const char *word, char out[WORD_MAX])
{
	size_t n = 0;

	if (strncmp(word, "GENSTORE_", 9) == 0)
		word += 9;
	for (; *word && n < WORD_MAX - 1; word++)
		out[n++] = *word == '_' || *word == '-' ? '.' : (char)tolower((unsigned char)*word);
	out[n] = '\0';
	return n;
}

/* Levenshtein's, over two short words. */
static size_t distance(const char *a, size_t a_n, const char *b, size_t b_n)
{
	size_t row[WORD_MAX];

	for (size_t j = 0; j <= b_n; j++)
		row[j] = j;
	for (size_t i = 1; i <= a_n; i++) {
		size_t above_left = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b_n; j++) {
			size_t change = above_left + (a[i - 1] != b[j - 1]);
			size_t other = 1 + (row[j] < row[j - 1] ? row[j] : row[j - 1]);

			above_left = row[j];
			row[j] = change < other ? change : other;
		}
	}
	return row[b_n];
}

const struct setting *setting_nearest(const char *word)
{
	const struct setting *best = NULL;
	char given[WORD_MAX], known[WORD_MAX];
	size_t given_n = fold(word, given), least = 2 + given_n / 3;

	for (const struct setting *s = settings_known; s->key; s++)
		for (int i = -1; i < SETTING_VARIABLES; i++) {
			const char *name = i < 0 ? s->key : s->variables[i];
			size_t d = name ? distance(given, given_n, known, fold(name, known)) : SIZE_MAX;

			if (d < least) {
				least = d;
				best = s;
			}
		}
	return best;
}

static void add_choices(const struct setting *s, struct buf *out)
{
	for (int i = 0; s->choices[i]; i++)
		buf_addf(out, "%s%s", !i ? "" : s->choices[i + 1] ? ", " : " or ", s->choices[i]);
}

void setting_takes(const struct setting *s, struct buf *out)
{
	char low[VALUE_TEXT], high[VALUE_TEXT];

	if (s->choices[0]) {
		add_choices(s, out);
		return;
	}
	buf_adds(out, s->form ? s->form : types[s->type].example);
	if (s->max && s->max < INT64_MAX)
		buf_addf(out, ", from %s to %s", types[s->type].text(s->min, low), types[s->type].text(s->max, high));
	else if (s->min)
		buf_addf(out, ", at least %s", types[s->type].text(s->min, low));
}

const char *setting_choice(const struct setting *s, const char *text)
{
	for (int i = 0; s->choices[i]; i++)
		if (strcmp(s->choices[i], text) == 0)
			return s->choices[i];
	return NULL;
}

/* Nothing in it steers a terminal, ends a line of a file, or is only seen by some. */
static bool is_text(const struct setting *s, const char *text)
{
	size_t n = strlen(text), max = s->type == SETTING_SECRET ? SETTING_SECRET_MAX : SETTING_TEXT_MAX;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			return false;
	return n && n <= max && utf8_valid(text, n);
}

bool setting_valid(const struct setting *s, const char *text)
{
	int64_t n;

	if (!is_text(s, text) || (s->choices[0] && !setting_choice(s, text)) || (s->valid && !s->valid(text)))
		return false;
	return !types[s->type].parse || (!types[s->type].parse(text, &n) && n >= s->min && (!s->max || n <= s->max));
}

int setting_parse(const struct setting *s, const char *text, char **ret_text)
{
	char answer[VALUE_TEXT];

	if (!setting_valid(s, text))
		return -EINVAL;
	if (s->type == SETTING_BOOLEAN)
		text = answer_text(setting_number(s, text), answer);
	return (*ret_text = strdup(text)) ? 0 : -ENOMEM;
}

int64_t setting_number(const struct setting *s, const char *text)
{
	int64_t n = 0;

	if (types[s->type].parse)
		types[s->type].parse(text, &n);
	return n;
}

int setting_refuse(const struct setting *s, const char *name, const char *text, struct buf *why)
{
	bool hide = s->type == SETTING_SECRET || (s->type == SETTING_URL && strchr(text, '@'));
	size_t n = strlen(text);

	if (!n)
		buf_addf(why, "%s cannot be empty: it takes ", name);
	else if (hide)
		buf_addf(why, "%s cannot be that: it takes ", name);
	else
		buf_addf(why, "%s cannot be '%.200s%s': it takes ", name, text, n > 200 ? "..." : "");
	setting_takes(s, why);
	return buf_error(why) ? buf_error(why) : -EINVAL;
}
