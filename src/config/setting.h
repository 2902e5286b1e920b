/*
 * The settings of the program. One table (table.c) says what each is called, what it can be, what it is where nobody says anything, and
 * who else can say it; everything else, the command, the manual's list and the completion, comes from that table.
 */
#ifndef GENSTORE_CONFIG_SETTING_H
#define GENSTORE_CONFIG_SETTING_H

#include "store/base/buf.h"

#define SETTING_NOWHERE "none" /* generate.to */
enum { SETTING_TEXT_MAX = 1024, SETTING_SECRET_MAX = 8 << 10 }; /* bytes of a value */

enum setting_type {
	SETTING_STRING,
	SETTING_INTEGER,
	SETTING_SIZE,     /* bytes: 16M */
	SETTING_DURATION, /* milliseconds: 30m */
	SETTING_BOOLEAN,  /* yes or no */
	SETTING_CHOICE,
	SETTING_URL,
	SETTING_SECRET,   /* sealed, never shown unless that is asked for in so many words */
};
const char *setting_type_name(enum setting_type type);

enum { SETTING_VARIABLES = 3, SETTING_CHOICES = 4 };

struct setting {
	const char *key;
	enum setting_type type;
	const char *preset;    /* its value where nothing is said; NULL: none */
	const char *otherwise; /* in words, what holds then; NULL: nothing does */
	const char *what;      /* one line for people */
	const char *form;      /* in words, what `valid` takes; NULL: what the type takes */
	bool (*valid)(const char *text);
	int64_t min, max;      /* of numbers, sizes and durations */
	const char *choices[SETTING_CHOICES + 1];
	const char *variables[SETTING_VARIABLES + 1]; /* of the environment, the first that is set counts */
	const char *flag;      /* "generate --timeout", or NULL */
};

extern const struct setting settings_known[]; /* ended by a NULL key */
/* NULL: there is none. */
const struct setting *setting_find(const char *key);
/* The one whose key, or variable, is written most like the word; NULL where none is near. */
const struct setting *setting_nearest(const char *word);

/* What it takes, in words: "yes or no", "a time from 1s to 1h, like 30m". */
void setting_takes(const struct setting *s, struct buf *out);
bool setting_valid(const struct setting *s, const char *text);
/* Its value in the one form that is stored and compared, the caller's. -EINVAL: it cannot be that. */
int setting_parse(const struct setting *s, const char *text, char **ret_text);
/* -EINVAL, with one line: `name`, which is its key or a variable, cannot be that, and what it takes. A password in an address is not repeated. */
int setting_refuse(const struct setting *s, const char *name, const char *text, struct buf *why);
/* Of a choice, the table's own text for it; NULL: it is none. */
const char *setting_choice(const struct setting *s, const char *text);
/* Of what setting_parse() made: the number, bytes, milliseconds, or whether it is yes. */
int64_t setting_number(const struct setting *s, const char *text);

#endif
