#include "fs/process.h"

#include <dirent.h>
#include <fcntl.h>

enum { EXITING = 4 /* PF_EXITING of the kernel */, FLAGS = 9, EXIT_CODE = 52 /* fields, see proc(5) */ };

/* Up to n - 1 bytes, with a NUL; 0 when there is nothing to read. */
static size_t read_file(const char *path, char *out, size_t n)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t got = fd < 0 ? -1 : read(fd, out, n - 1);

	if (got <= 0)
		return 0;
	out[got] = '\0';
	return (size_t)got;
}

/* The number behind a word of a file of lines. */
static bool number_behind(const char *path, const char *word, uint64_t *ret_n)
{
	char text[4096];
	const char *at = read_file(path, text, sizeof(text)) ? strstr(text, word) : NULL;

	if (!at)
		return false;
	*ret_n = strtoull(at + strlen(word), NULL, 10);
	return true;
}

pid_t process_of(pid_t thread)
{
	char path[64];
	uint64_t n;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)thread);
	return thread > 0 && number_behind(path, "\nTgid:", &n) ? (pid_t)n : 0;
}

bool process_killed(pid_t thread)
{
	unsigned long flags = 0, code = 0;
	char path[64], text[4096];
	char *field;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)thread);
	/* The name may hold anything, and ends with the last parenthesis. */
	if (thread <= 0 || !read_file(path, text, sizeof(text)) || !(field = strrchr(text, ')')))
		return false;
	for (int i = 2; (field = strchr(field, ' ')); field++) {
		if (++i == FLAGS)
			flags = strtoul(field, NULL, 10);
		if (i == EXIT_CODE)
			code = strtoul(field, NULL, 10);
	}
	return flags & EXITING && code & 0x7f;
}

bool process_holds(pid_t process, uint64_t ino)
{
	char path[sizeof("/proc//fdinfo/") + 16 + 256];
	struct dirent *e;
	uint64_t other;
	bool holds = false;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fdinfo", (int)process);
	if (!process || !(dir = opendir(path)))
		return !process || errno != ENOENT;
	while (!holds && (e = readdir(dir))) {
		if (*e->d_name == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/fdinfo/%s", (int)process, e->d_name);
		holds = number_behind(path, "\nino:", &other) && other == ino;
	}
	closedir(dir);
	return holds;
}
