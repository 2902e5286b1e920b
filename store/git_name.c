#include "store/git_tree.h"

#include <strings.h>

/*
 * The rules of git's verify_path(), with core.protectHFS and core.protectNTFS, as hosts have them: what some file system takes for
 * `.git` is no name in a tree. (git's path.c: is_ntfs_dotgit(); utf8.c: is_hfs_dotgit().)
 */

/* `.git` or `git~1`, then what Windows does not see: spaces and dots, or a stream's name. */
static bool is_ntfs_dotgit(const char *name)
{
	const char *end;

	if (strncasecmp(name, ".git", 4) == 0)
		end = name + 4;
	else if (strncasecmp(name, "git~1", 5) == 0)
		end = name + 5;
	else
		return false;
	end += strspn(end, " .");
	return !*end || *end == '\\' || *end == ':';
}

/* The code points that HFS+ does not see, as UTF-8: U+200C to 200F, 202A to 202E, 206A to 206F, FEFF. */
static size_t unseen(const char *s)
{
	const uint8_t *p = (const uint8_t *)s;

	if (p[0] == 0xe2 && p[1] == 0x80 && ((p[2] >= 0x8c && p[2] <= 0x8f) || (p[2] >= 0xaa && p[2] <= 0xae)))
		return 3;
	if (p[0] == 0xe2 && p[1] == 0x81 && p[2] >= 0xaa && p[2] <= 0xaf)
		return 3;
	return p[0] == 0xef && p[1] == 0xbb && p[2] == 0xbf ? 3 : 0;
}

static bool is_hfs_dotgit(const char *name)
{
	for (const char *want = ".git"; ; want++) {
		size_t n;

		while ((n = unseen(name)))
			name += n;
		if (!*want)
			return !*name;
		if ((*name >= 'A' && *name <= 'Z' ? *name | 0x20 : *name) != *want)
			return false;
		name++;
	}
}

bool git_can_name(const char *name)
{
	return !is_ntfs_dotgit(name) && !is_hfs_dotgit(name);
}
