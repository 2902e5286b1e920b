#include "src/example/recipe.h"
#include "store/base/hash.h"
#include "store/base/utf8.h"

enum { TITLE_MAX = 200, SLUG_MAX = 40 };

/* Valid UTF-8 without control characters but \n; what is none becomes U+FFFD, \r and \t a space or line. */
static void add_clean(struct buf *out, const char *s, size_t n, bool one_line)
{
	const uint8_t *p = (const uint8_t *)s;

	for (size_t i = 0; i < n;) {
		size_t len = utf8_char(p + i, n - i);
		bool c1 = len == 2 && p[i] == 0xc2 && p[i + 1] < 0xa0;

		if (p[i] == '\r' && i + 1 < n && p[i + 1] == '\n')
			;
		else if (p[i] == '\r' || p[i] == '\n')
			buf_addc(out, one_line ? ' ' : '\n');
		else if (p[i] == '\t')
			buf_addc(out, ' ');
		else if (!len || p[i] < 0x20 || p[i] == 0x7f || c1)
			buf_adds(out, "\xef\xbf\xbd");
		else
			buf_add(out, p + i, len);
		i += len ? len : 1;
	}
}

static int make_title(const char *name, size_t n, char **ret_title)
{
	AUTO(buf_release) struct buf b = BUF_INIT;
	size_t keep = 0;

	while (n && (name[0] == ' ' || name[0] == '\n'))
		name++, n--;
	add_clean(&b, name, n, true);
	while (keep < b.len && keep < TITLE_MAX)
		keep += utf8_char(b.data + keep, b.len - keep);
	while (keep && b.data[keep - 1] == ' ')
		keep--;
	if (b.data)
		b.data[b.len = keep] = '\0';
	if (!keep)
		buf_adds(&b, "Untitled app");
	*ret_title = buf_steal(&b);
	return *ret_title ? 0 : -ENOMEM;
}

static int make_slug(const char *title, char **ret_slug)
{
	AUTO(buf_release) struct buf b = BUF_INIT;

	for (const char *p = title; *p && b.len < SLUG_MAX; p++) {
		char lower = *p >= 'A' && *p <= 'Z' ? (char)(*p + 'a' - 'A') : *p;
		bool plain = (lower >= 'a' && lower <= 'z') || (lower >= '0' && lower <= '9');

		if (plain)
			buf_addc(&b, (uint8_t)lower);
		else if (b.len && b.data[b.len - 1] != '-')
			buf_addc(&b, '-');
	}
	while (b.len && b.data[b.len - 1] == '-')
		b.data[--b.len] = '\0';
	if (!b.len)
		buf_addf(&b, "app-%06x", (unsigned)xxh3_64(title, strlen(title), 0) & 0xffffff);
	*ret_slug = buf_steal(&b);
	return *ret_slug ? 0 : -ENOMEM;
}

int recipe_init(struct recipe *rc, const char *name, size_t name_len, const char *prompt, size_t prompt_len)
{
	AUTO(recipe_release) struct recipe made = { 0 };
	AUTO(buf_release) struct buf text = BUF_INIT;
	int r;

	if ((r = make_title(name, name_len, &made.title)) < 0 || (r = make_slug(made.title, &made.slug)) < 0)
		return r;
	add_clean(&text, prompt, prompt_len, false);
	made.prompt = buf_steal(&text);
	if (!made.prompt)
		return -ENOMEM;
	made.hue = (unsigned)((uint64_t)xxh3_64(prompt, prompt_len, 0) % 360);
	*rc = made;
	made = (struct recipe){ 0 };
	return 0;
}

void recipe_release(struct recipe *rc)
{
	free(rc->title);
	free(rc->prompt);
	free(rc->slug);
	*rc = (struct recipe){ 0 };
}

int level_theme(struct buf *out, int level)
{
	static const char *const first[] = {
		"Quiet",  "Amber", "Northern", "Velvet", "Paper",  "Copper", "Misty",  "Golden", "Silver", "Early", "Distant",
		"Mellow", "Bright", "Salty",   "Wild",   "Gentle", "Frosty", "Sunny",  "Dusty",  "Deep",   "Pale",  "Warm",
		"Crisp",  "Hidden", "Open",    "Late",   "Slow",   "Clear",  "Mossy",  "Rosy",   "Smoky",  "Plain",
	};
	static const char *const second[] = {
		"Harbour", "Meadow", "Lantern", "Orchard", "Canyon", "Lagoon", "Summit", "Garden", "Prairie", "Glacier", "Dune",
		"Forest",  "Island", "Valley",  "Comet",   "Studio", "Library", "Market", "Bridge", "Tower",  "Cellar", "Terrace",
		"Window",  "Morning", "Evening", "Winter", "Summer", "Autumn", "Spring", "River",  "Marsh",  "Field",
	};
	/* A pair for each level up to 1024: its remainder, then its quotient moved along. */
	size_t n = (size_t)level, width = ARRAY_LEN(first);

	return buf_addf(out, "%s %s", first[n % width], second[(n + n / width) % ARRAY_LEN(second)]);
}

int level_summary(struct buf *out, int level)
{
	static const char *const steps[] = {
		NULL,
		"A todo list with a JSON API, kept in a file",
		"Filters, editing in place and keyboard shortcuts",
		"Export, import, dark mode and files to deploy with",
		"Tags and due dates",
		"A page of statistics",
		"German and French, and a style for printing",
		"Search",
		"Undo for deleted todos",
		"Installable, and opens without a network",
	};

	if ((size_t)level < ARRAY_LEN(steps))
		return buf_adds(out, steps[level]);
	buf_adds(out, "A theme called ");
	return level_theme(out, level);
}

/* Steps of the golden angle: neighbours differ as much as they can. */
unsigned level_hue(const struct recipe *rc, int level)
{
	return (rc->hue + (unsigned)level * 137u) % 360u;
}
