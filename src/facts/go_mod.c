/* go.mod: https://go.dev/ref/mod#go-mod-file */
#include "src/facts/readers.h"
#include "store/base/buf.h"

enum { WORDS = 6 };

/* One line's words; "// comment" apart. */
struct line {
	struct span words[WORDS];
	size_t count;
	bool indirect;
};

static void take_word(struct span *rest, struct line *l)
{
	char quote = *rest->p == '"' || *rest->p == '`' ? *rest->p : 0;
	size_t n = quote ? 1 : 0;

	while (n < rest->n && (quote ? rest->p[n] != quote : !span_is_blank(rest->p[n]) && rest->p[n] != '(' && rest->p[n] != ')'))
		n++;
	/* A parenthesis is a word of its own. */
	n += n == 0;
	if (l->count < WORDS)
		l->words[l->count++] = (struct span){ rest->p + (quote != 0), n - (quote != 0) };
	n += quote && n < rest->n;
	*rest = span_trim((struct span){ rest->p + n, rest->n - n });
}

static struct line split(struct span text)
{
	const char *comment = text.n ? memmem(text.p, text.n, "//", 2) : NULL;
	struct line l = { 0 };
	struct span rest = span_trim(comment ? span_to(text.p, comment) : text);

	while (rest.n)
		take_word(&rest, &l);
	if (comment) {
		struct span said = span_trim((struct span){ comment + 2, text.n - (size_t)(comment + 2 - text.p) });

		l.indirect = span_starts(said, "indirect");
	}
	return l;
}

static int add_require(struct facts *f, const char *path, const struct line *l, const struct span *w, size_t n)
{
	if (n < 2)
		return -EBADMSG;
	return fact_add(f, FACT_DEPENDENCY, path, w[0], span_of(l->indirect ? "indirect" : "runtime"), w[1]);
}

/* "old [version] => new [version]" */
static int add_replace(struct facts *f, const char *path, const struct line *l UNUSED, const struct span *w, size_t n)
{
	AUTO(buf_release) struct buf section = BUF_INIT, value = BUF_INIT;
	size_t arrow = n > 1 && span_is(w[1], "=>") ? 1 : 2;

	if (n < arrow + 2 || !span_is(w[arrow], "=>"))
		return -EBADMSG;
	buf_adds(&section, "replace");
	if (arrow == 2)
		buf_addf(&section, ":%.*s", (int)w[1].n, w[1].p);
	buf_add(&value, w[arrow + 1].p, w[arrow + 1].n);
	if (n > arrow + 2)
		buf_addf(&value, " %.*s", (int)w[arrow + 2].n, w[arrow + 2].p);
	if (buf_error(&section) || buf_error(&value))
		return -ENOMEM;
	return fact_add(f, FACT_DEPENDENCY, path, w[0], span_of(buf_str(&section)), span_of(buf_str(&value)));
}

static const struct verb {
	const char *name;
	int (*add)(struct facts *f, const char *path, const struct line *l, const struct span *w, size_t n);
} verbs[] = { { "require", add_require }, { "replace", add_replace } };

static const struct verb *find_verb(struct span word)
{
	for (size_t i = 0; i < ARRAY_LEN(verbs); i++)
		if (span_is(word, verbs[i].name))
			return &verbs[i];
	return NULL;
}

/* A line by itself, or in a block of which *block is the verb; NULL in one that is not looked at. */
static int read_line(struct facts *f, const char *path, const struct line *l, bool *in_block, const struct verb **block)
{
	const struct verb *verb;

	if (!l->count)
		return 0;
	if (*in_block) {
		*in_block = !span_is(l->words[0], ")");
		return *in_block && *block ? (*block)->add(f, path, l, l->words, l->count) : 0;
	}
	verb = find_verb(l->words[0]);
	if (l->count == 2 && span_is(l->words[1], "(")) {
		*in_block = true;
		*block = verb;
		return 0;
	}
	return verb ? verb->add(f, path, l, l->words + 1, l->count - 1) : 0;
}

int read_go_mod(struct facts *f, const char *path, struct span text)
{
	const struct verb *block = NULL;
	bool in_block = false;
	int r = 0;

	while (text.n && !r) {
		struct line l = split(span_cut(&text, '\n'));

		r = read_line(f, path, &l, &in_block, &block);
	}
	return r;
}
