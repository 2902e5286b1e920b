#include "store/base/folders.h"

int folders_above(const char *path, mode_t mode)
{
	AUTO(free_ptr) char *dir = strdup(path);

	if (!dir)
		return -ENOMEM;
	for (char *slash = *dir ? strchr(dir + 1, '/') : NULL; slash; slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		if (mkdir(dir, mode) && errno != EEXIST)
			return -errno;
		*slash = '/';
	}
	return 0;
}
