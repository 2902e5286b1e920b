/* Placeholders and the escaping that each place wants. */
#include "src/example/recipe.h"
#include "store/base/json.h"

struct field {
	const char *name;
	void (*add)(struct buf *out, const struct recipe *rc, int level);
};

static void add_html(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("&<>\"'", *s))
			buf_addf(out, "&#%d;", *s);
		else
			buf_addc(out, (uint8_t)*s);
	}
}

/* A JSON string; as its escapes are TOML's and JavaScript's too, it is good for these. */
static void add_json(struct buf *out, const char *s)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_str(&j, NULL, s);
}

/* One line of Markdown text (CommonMark 2.4: a backslash takes the meaning from punctuation). */
static void add_markdown(struct buf *out, const char *s)
{
	for (; *s; s++) {
		if (strchr("\\`*_[]<>#&!|~", *s))
			buf_addc(out, '\\');
		buf_addc(out, (uint8_t)*s);
	}
}

/* An indented code block: nothing in it has a meaning. */
static void add_verbatim(struct buf *out, const char *s)
{
	while (*s) {
		size_t n = strcspn(s, "\n");

		if (n) {
			buf_adds(out, "    ");
			buf_add(out, s, n);
		}
		s += n;
		if (*s) {
			buf_addc(out, '\n');
			s++;
		}
	}
}

static void title_html(struct buf *out, const struct recipe *rc, int level UNUSED) { add_html(out, rc->title); }
static void title_json(struct buf *out, const struct recipe *rc, int level UNUSED) { add_json(out, rc->title); }
static void title_md(struct buf *out, const struct recipe *rc, int level UNUSED) { add_markdown(out, rc->title); }
static void slug_json(struct buf *out, const struct recipe *rc, int level UNUSED) { add_json(out, rc->slug); }
static void prompt_text(struct buf *out, const struct recipe *rc, int level UNUSED) { add_verbatim(out, rc->prompt); }
static void summary(struct buf *out, const struct recipe *rc UNUSED, int level) { level_summary(out, level); }
static void theme(struct buf *out, const struct recipe *rc UNUSED, int level) { level_theme(out, level); }
static void number(struct buf *out, const struct recipe *rc UNUSED, int level) { buf_addf(out, "%04d", level); }
static void plain_level(struct buf *out, const struct recipe *rc UNUSED, int level) { buf_addf(out, "%d", level); }
static void hue(struct buf *out, const struct recipe *rc, int level UNUSED) { buf_addf(out, "%u", rc->hue); }
static void own_hue(struct buf *out, const struct recipe *rc, int level) { buf_addf(out, "%u", level_hue(rc, level)); }

static void second_hue(struct buf *out, const struct recipe *rc, int level)
{
	buf_addf(out, "%u", (level_hue(rc, level) + 30u + (unsigned)level % 4u * 30u) % 360u);
}

static void corner(struct buf *out, const struct recipe *rc UNUSED, int level)
{
	buf_addf(out, "%d", 2 + level % 7 * 3);
}

static const struct field fields[] = {
	{ "title|html", title_html },
	{ "title|json", title_json },
	{ "title|md", title_md },
	{ "slug|json", slug_json },
	{ "prompt|verbatim", prompt_text },
	{ "summary", summary },
	{ "theme", theme },
	{ "number", number },
	{ "level", plain_level },
	{ "hue", hue },
	{ "level_hue", own_hue },
	{ "second_hue", second_hue },
	{ "round", corner },
};

static const struct field *find_field(const char *name, size_t n)
{
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strlen(fields[i].name) == n && !memcmp(fields[i].name, name, n))
			return &fields[i];
	return NULL;
}

int recipe_render(struct buf *out, const void *text, size_t n, const struct recipe *rc, int level)
{
	const char *p = text, *end = p + n;

	while (p < end) {
		const char *open = memmem(p, (size_t)(end - p), "{{", 2);
		const char *shut = open ? memmem(open, (size_t)(end - open), "}}", 2) : NULL;
		const struct field *f;

		if (!shut)
			break;
		f = find_field(open + 2, (size_t)(shut - open - 2));
		if (!f)
			return -EINVAL;
		buf_add(out, p, (size_t)(open - p));
		f->add(out, rc, level);
		p = shut + 2;
	}
	buf_add(out, p, (size_t)(end - p));
	return buf_error(out);
}
