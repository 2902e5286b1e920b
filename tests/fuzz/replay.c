/* Runs a fuzzer once over each file of the folders that are named, without libFuzzer. */
#include "store/base/buf.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>

static void replay(int dir, const char *name)
{
	enum { STEP = 65536 };
	AUTO(close_fd) int fd = openat(dir, name, O_RDONLY | O_CLOEXEC);
	AUTO(buf_release) struct buf bytes = BUF_INIT;
	AUTO(free_ptr) uint8_t *exact = NULL;
	ssize_t n = 1;

	MUST(fd >= 0);
	while (n > 0) {
		void *to = buf_reserve(&bytes, STEP);

		MUST(to && (n = read(fd, to, STEP)) >= 0);
		buf_commit(&bytes, (size_t)n);
	}
	MUST((exact = malloc(bytes.len + !bytes.len)));
	memcpy(exact, bytes.data, bytes.len);
	LLVMFuzzerTestOneInput(exact, bytes.len);
}

int main(int argc, char **argv)
{
	int count = 0;

	for (int i = 1; i < argc; i++) {
		DIR *dir = opendir(argv[i]);
		const struct dirent *e;

		MUST(dir);
		while ((e = readdir(dir)))
			if (e->d_name[0] != '.') {
				replay(dirfd(dir), e->d_name);
				count++;
			}
		closedir(dir);
	}
	LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
	/* A corpus that is not found is not one that was passed. */
	MUST(count);
	return 0;
}
