#include "store/mime.h"

#include <ctype.h>
#include <fcntl.h>
#include <strings.h>

enum { GLOBS_MAX = 4 << 20 };

static const struct { const char *suffix, *type; } of_the_design[] = {
	{ ".yaml", "application/x-yaml" }, { ".yml", "application/x-yaml" }, { ".json", "application/json" },
	{ ".tf", "text/plain" },           { ".py", "text/x-python" },       { ".js", "text/javascript" },
	{ ".png", "image/png" },           { ".svg", "image/svg+xml" },      { ".pdf", "application/pdf" },
	{ ".md", "text/markdown" },        { ".csv", "text/csv" },
};

void mime_release(struct mime *m)
{
	buf_release(&m->globs);
}

static int load_file(const char *path, struct buf *out)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? 0 : 1;

	while (n > 0 && out->len < GLOBS_MAX) {
		void *to = buf_reserve(out, 64 << 10);

		n = to ? read(fd, to, 64 << 10) : 0;
		buf_commit(out, n > 0 ? (size_t)n : 0);
	}
	return buf_error(out);
}

int mime_load(struct mime *ret_m)
{
	static const char *const paths[] = { "/usr/local/share/mime/globs2", "/usr/share/mime/globs2" };
	struct mime m = { .globs = BUF_INIT };
	int r = 0;

	for (size_t i = 0; i < ARRAY_LEN(paths) && !r; i++)
		r = load_file(paths[i], &m.globs);
	if (r) {
		mime_release(&m);
		return r;
	}
	*ret_m = m;
	return 0;
}

/* What Python's Path(name).suffix is: of ".py" and "a." it is nothing. */
static const char *suffix_of(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot && dot != name && dot[1] ? dot : "";
}

/* A line of globs2, in pieces that are borrowed from it. */
struct glob {
	long weight;
	const char *type, *pattern;
	size_t type_len, pattern_len;
	bool exact_case;
};

static bool parse(const char *line, size_t n, struct glob *g)
{
	const char *end = line + n, *type = memchr(line, ':', n);
	const char *pattern = type ? memchr(type + 1, ':', (size_t)(end - type - 1)) : NULL;
	const char *flags;

	if (!n || *line == '#' || !pattern)
		return false;
	flags = memchr(pattern + 1, ':', (size_t)(end - pattern - 1));
	*g = (struct glob){
		.weight = strtol(line, NULL, 10), .type = type + 1, .type_len = (size_t)(pattern - type - 1), .pattern = pattern + 1,
		.pattern_len = (size_t)((flags ? flags : end) - pattern - 1),
		.exact_case = flags && end - flags >= 3 && !memcmp(flags + 1, "cs", 2),
	};
	return g->type_len && g->type_len <= MIME_TYPE_MAX && g->pattern_len;
}

/* A whole name or "*end": nearly all there are. Others, like "*.t[0-9]", are left out. */
static bool matches(const struct glob *g, const char *name, size_t n)
{
	bool ends = g->pattern[0] == '*';
	const char *text = g->pattern + ends;
	size_t len = g->pattern_len - ends;

	if (len > n || (!ends && len != n) || memchr(text, '*', len) || memchr(text, '[', len) || memchr(text, '?', len))
		return false;
	name += n - len;
	return g->exact_case ? !memcmp(name, text, len) : !strncasecmp(name, text, len);
}

/* The specification: the greatest weight, then the longest pattern; what is left are equals, of which the first is taken. */
static bool is_better(const struct glob *g, const struct glob *than)
{
	return !than->type || g->weight > than->weight || (g->weight == than->weight && g->pattern_len > than->pattern_len);
}

static struct glob find(const struct buf *globs, const char *name)
{
	const char *line = buf_str(globs), *end = line + globs->len;
	struct glob best = { .type = NULL }, g;
	size_t n = strlen(name);

	while (line < end) {
		const char *next = memchr(line, '\n', (size_t)(end - line));

		next = next ? next : end;
		if (parse(line, (size_t)(next - line), &g) && matches(&g, name, n) && is_better(&g, &best))
			best = g;
		line = next + 1;
	}
	return best;
}

int mime_of(const struct mime *m, const char *name, struct buf *out)
{
	const char *slash = strrchr(name, '/');
	const char *base = slash ? slash + 1 : name, *suffix = suffix_of(base);
	struct glob g;

	buf_reset(out);
	for (size_t i = 0; i < ARRAY_LEN(of_the_design); i++)
		if (!strcasecmp(suffix, of_the_design[i].suffix))
			return buf_adds(out, of_the_design[i].type);
	g = find(&m->globs, base);
	return g.type ? buf_add(out, g.type, g.type_len) : buf_adds(out, "application/octet-stream");
}
