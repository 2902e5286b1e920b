#include "src/cmd/program.h"

#include <sys/stat.h>

/* A file that can be run; 0, or why not. */
static int runnable(const char *path)
{
	struct stat sb;

	if (stat(path, &sb))
		return -errno;
	if (S_ISDIR(sb.st_mode))
		return -EISDIR;
	return access(path, X_OK) ? -errno : 0;
}

int program_find(const char *name, char out[PATH_MAX])
{
	const char *path = getenv("PATH");
	int r = -ENOENT;

	if (strchr(name, '/')) {
		AUTO(free_ptr) char *here = *name == '/' ? strdup("") : getcwd(NULL, 0);

		if (!here || snprintf(out, PATH_MAX, "%s%s%s", here, *name == '/' ? "" : "/", name) >= PATH_MAX)
			return -ENAMETOOLONG;
		return runnable(out);
	}
	for (const char *p = path ? path : "/usr/bin:/bin"; *name; p++) {
		int n = (int)strcspn(p, ":");

		if (n && *p == '/' && snprintf(out, PATH_MAX, "%.*s/%s", n, p, name) < PATH_MAX) {
			int found = runnable(out);

			if (!found)
				return 0;
			if (found == -EACCES)
				r = found;
		}
		p += n;
		if (!*p)
			break;
	}
	return r;
}
