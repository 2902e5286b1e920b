#include "src/example/build.h"
#include "src/example/example.h"
#include "src/example/icon.h"
#include "store/base/folders.h"

#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <sys/stat.h>

enum how { WHOLE = 0, APPENDED = '+', SYMLINK = '@' };

/* A template's path taken apart for one level. */
struct place {
	enum how how;
	char path[256];
};

static const char *split_levels(const char *path, int *ret_from, bool *ret_on)
{
	char *end;

	*ret_from = (int)strtol(path, &end, 10);
	*ret_on = *end == '+';
	return end + (*ret_on ? 2 : 1);
}

/* False when the template is not for this level. */
static bool place_of(const struct embedded_file *f, int level, struct place *ret_place)
{
	int from;
	bool on;
	const char *path = split_levels(f->path, &from, &on);
	char *base, *number, *to = ret_place->path;
	size_t n;

	if (level < from || (level > from && !on))
		return false;
	snprintf(to, sizeof(ret_place->path), "%s", path);
	n = strlen(to);
	number = strstr(to, "NNNN");
	ret_place->how = to[n - 1] == '+' ? APPENDED : to[n - 1] == '@' ? SYMLINK : WHOLE;
	if (ret_place->how)
		to[n - 1] = '\0';
	if (number) {
		char digits[12];

		snprintf(digits, sizeof(digits), "%04d", level);
		memcpy(number, digits, 4);
	}
	base = strrchr(to, '/') ? strrchr(to, '/') + 1 : to;
	if (!strncmp(base, "dot-", 4)) {
		*base = '.';
		memmove(base + 1, base + 4, strlen(base + 4) + 1);
	}
	return true;
}

/* Adds what one level has for a path, whole first; counts the parts. */
static int add_parts(struct buf *out, const struct recipe *rc, const char *path, int level, enum how how, int *parts)
{
	struct place at;
	int r;

	for (const struct embedded_file *f = example_files; f->path; f++) {
		if (!place_of(f, level, &at) || at.how != how || strcmp(at.path, path) != 0)
			continue;
		if ((r = recipe_render(out, f->data, f->size, rc, level)) < 0)
			return r;
		++*parts;
	}
	return 0;
}

/* From the last level that has the file whole, on to this one. */
static int compose(struct buf *out, const struct recipe *rc, const char *path, int level)
{
	int base = level, parts = 0, r;

	for (; base > 0 && !parts; base--)
		if ((r = add_parts(out, rc, path, base, WHOLE, &parts)) < 0)
			return r;
	for (int l = base + 1; l <= level; l++)
		if ((r = add_parts(out, rc, path, l, APPENDED, &parts)) < 0)
			return r;
	return 0;
}

/* Puts a file or link in its place in one step: who reads meanwhile sees the old or the new. */
static int put(const char *path, enum how how, const struct buf *content)
{
	AUTO(buf_release) struct buf tmp = BUF_INIT;
	mode_t mode = strncmp(path, "bin/", 4) ? 0666 : 0777;
	int r = folders_above(path, 0777);

	if (r < 0)
		return r;
	if (buf_addf(&tmp, "%s.part", path) < 0)
		return -ENOMEM;
	unlink(buf_str(&tmp));
	if (how == SYMLINK) {
		if (symlink(buf_str(content), buf_str(&tmp)) < 0)
			return -errno;
	} else {
		AUTO(close_fd) int fd = open(buf_str(&tmp), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);

		if (fd < 0)
			return -errno;
		if ((r = fd_write(fd, content->data, content->len)) < 0)
			return r;
	}
	return rename(buf_str(&tmp), path) < 0 ? -errno : 0;
}

static int build_file(const struct recipe *rc, const struct embedded_file *f, const struct place *at, int level,
		      struct built *built)
{
	AUTO(buf_release) struct buf content = BUF_INIT;
	int r;

	if (at->how == SYMLINK)
		r = recipe_render(&content, f->data, f->size, rc, level);
	else
		r = compose(&content, rc, at->path, level);
	if (r < 0 || (r = buf_error(&content)) < 0 || (r = put(at->path, at->how, &content)) < 0)
		return r;
	built->files++;
	built->bytes += (int64_t)content.len;
	return 0;
}

static int build_icon(const struct recipe *rc, struct built *built)
{
	AUTO(buf_release) struct buf png = BUF_INIT;
	int r;

	if ((r = icon_png(&png, rc->hue)) < 0 || (r = put("public/icon.png", WHOLE, &png)) < 0)
		return r;
	built->files++;
	built->bytes += (int64_t)png.len;
	return 0;
}

int build_level(const struct recipe *rc, int level, struct built *ret_built)
{
	static const char last[] = "package.json";
	struct built built = { 0 };
	int r;

	if (level == 1 && (r = build_icon(rc, &built)) < 0)
		return r;
	/* package.json says which level this is, so it comes when all the rest is there. */
	for (int pass = 0; pass < 2; pass++) {
		for (const struct embedded_file *f = example_files; f->path; f++) {
			struct place at;

			if (!place_of(f, level, &at) || (pass == 1) != !strcmp(at.path, last))
				continue;
			if ((r = build_file(rc, f, &at, level, &built)) < 0)
				return r;
		}
	}
	*ret_built = built;
	return 0;
}

int build_level_here(int *ret_level)
{
	json_t *package, *level;
	json_int_t n;

	if (access("package.json", F_OK) < 0) {
		*ret_level = 0;
		return errno == ENOENT ? 0 : -errno;
	}
	package = json_load_file("package.json", 0, NULL);
	level = json_object_get(json_object_get(package, "config"), "exampleLevel");
	n = json_integer_value(level);
	json_decref(package);
	if (n < 1 || n > LEVEL_MAX)
		return -EPERM;
	*ret_level = (int)n;
	return 0;
}
