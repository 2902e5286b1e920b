/* requirements.txt: https://pip.pypa.io/en/stable/reference/requirements-file-format/ */
#include "src/facts/pep508.h"
#include "src/facts/readers.h"
#include "store/base/buf.h"

/* Options that take in more, and what they are facts of. The other options concern the installer. */
static const struct {
	const char *name, *section;
} includes[] = {
	{ "-r", "include" }, { "--requirement", "include" }, { "-c", "include" }, { "--constraint", "include" },
	{ "-e", "editable" }, { "--editable", "editable" },
};

/* What is behind an option: "-r x", "-rx", "--requirement x", "--requirement=x"; p NULL when it is another one. */
static struct span argument_of(struct span line, const char *option)
{
	size_t n = strlen(option);
	bool is_long = option[1] == '-';

	if (!span_starts(line, option) || line.n == n)
		return (struct span){ 0 };
	if (is_long && line.p[n] != '=' && !span_is_blank(line.p[n]))
		return (struct span){ 0 };
	n += is_long && line.p[n] == '=';
	return span_trim((struct span){ line.p + n, line.n - n });
}

static int add_option(struct facts *f, const char *path, struct span line)
{
	for (size_t i = 0; i < ARRAY_LEN(includes); i++) {
		struct span what = argument_of(line, includes[i].name);

		if (what.n)
			return fact_add(f, FACT_DEPENDENCY, path, what, span_of(includes[i].section), span_of(""));
	}
	return 0;
}

/* A comment begins the line, or stands behind a blank: a URL can hold a '#'. */
static struct span without_comment(struct span line)
{
	for (size_t i = 0; i < line.n; i++)
		if (line.p[i] == '#' && (!i || span_is_blank(line.p[i - 1])))
			return span_trim((struct span){ line.p, i });
	return span_trim(line);
}

/* Options for one requirement: " --hash=...", " --config-settings ...". */
static struct span without_options(struct span line)
{
	const char *at = line.n ? memmem(line.p, line.n, " --", 3) : NULL;

	return at ? span_trim(span_to(line.p, at)) : line;
}

static int add_line(struct facts *f, const char *path, struct span line)
{
	line = without_comment(line);
	if (!line.n)
		return 0;
	return line.p[0] == '-' ? add_option(f, path, line) : pep508_add(f, path, without_options(line), span_of("runtime"));
}

int read_requirements(struct facts *f, const char *path, struct span text)
{
	AUTO(buf_release) struct buf whole = BUF_INIT;
	int r = 0;

	while (text.n && !r) {
		struct span line = span_cut(&text, '\n');

		if (line.n && line.p[line.n - 1] == '\r')
			line.n--;
		/* A backslash at its end: the next line belongs to it. */
		if (line.n && line.p[line.n - 1] == '\\') {
			buf_add(&whole, line.p, line.n - 1);
			continue;
		}
		buf_add(&whole, line.p, line.n);
		r = buf_error(&whole) ? -ENOMEM : add_line(f, path, (struct span){ buf_str(&whole), whole.len });
		buf_reset(&whole);
	}
	return r || !whole.len ? r : add_line(f, path, (struct span){ buf_str(&whole), whole.len });
}
