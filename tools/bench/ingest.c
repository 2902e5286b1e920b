/*
 * How fast bytes that do not compress go in, and be on disk, without the program around it: into the store, and into files.
 *
 *	bench-ingest store|rows|file|objects|files FOLDER
 *
 * `rows` is `store` without hashing the contents: what the file's layout and the journal cost. Prints seconds and the bytes that went to the disk for it. FOLDER is empty, and on the file system that is meant.
 */
#include "store/piece.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>

enum {
	CHUNK = 1 << 20, CHUNKS = 256,       /* one large thing */
	OBJECT = 100000, OBJECTS = 2000,     /* many small ones */
	TRANSACTION = 8 << 20,               /* as a stage writes */
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static long long written(void)
{
	char line[128];
	long long n = -1;
	FILE *io = fopen("/proc/self/io", "r");

	while (io && fgets(line, sizeof(line), io))
		sscanf(line, "write_bytes: %lld", &n);
	if (io)
		fclose(io);
	return n;
}

/* Another content each time: equal ones would be found and not written. */
static void next_content(uint8_t *data, size_t n)
{
	static uint64_t state = 88172645463325252u;

	for (size_t i = 0; i + 8 <= n; i += 4096) {
		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(data + i, &state, 8);
	}
}

static int group(struct genstore *st, uint8_t *data, size_t size, bool hash, int *left)
{
	struct piece p = { .codec = PIECE_RAW };
	struct leaf leaf;
	TXN t = txn_begin(&st->db);
	int r;

	if ((r = t.error) || (r = piece_leaf_load(st, &leaf)))
		return r;
	for (size_t done = 0; done < TRANSACTION && *left && !r; done += size, (*left)--) {
		next_content(data, size);
		if (hash || !p.size)
			piece_describe(&p, data, size);
		r = piece_append(st, &leaf, &p, data, size);
	}
	if (r || (r = piece_leaf_save(st, &leaf)))
		return r;
	return txn_commit(&t);
}

static int into_store(const char *folder, uint8_t *data, size_t size, bool hash, int count)
{
	AUTO(free_ptr) char *path = NULL;
	struct genstore *st = genstore_new();
	int r = st && asprintf(&path, "%s/bench.genstore", folder) >= 0 ? genstore_create(st, path) : -ENOMEM;

	while (!r && count)
		r = group(st, data, size, hash, &count);
	if (r && st)
		fprintf(stderr, "%s\n", genstore_errmsg(st));
	genstore_free(st);
	return r;
}

static int into_file(const char *folder, uint8_t *data, size_t size, int count, int number)
{
	AUTO(free_ptr) char *path = NULL;
	AUTO(close_fd) int fd = asprintf(&path, "%s/%d", folder, number) < 0 ? -1 :
				open(path, O_CREAT | O_EXCL | O_WRONLY | O_CLOEXEC, 0600);

	for (; fd >= 0 && count; count--) {
		next_content(data, size);
		if (write(fd, data, size) != (ssize_t)size)
			return -EIO;
	}
	return fd < 0 || fsync(fd) ? -errno : 0;
}

static int into_files(const char *folder, uint8_t *data)
{
	int r = 0;

	for (int i = 0; i < OBJECTS && !r; i++)
		r = into_file(folder, data, OBJECT, 1, i);
	return r;
}

static int run(const char *what, const char *folder, uint8_t *data)
{
	if (strcmp(what, "store") == 0)
		return into_store(folder, data, CHUNK, true, CHUNKS);
	if (strcmp(what, "rows") == 0)
		return into_store(folder, data, CHUNK, false, CHUNKS);
	if (strcmp(what, "file") == 0)
		return into_file(folder, data, CHUNK, CHUNKS, 0);
	if (strcmp(what, "objects") == 0)
		return into_store(folder, data, OBJECT, true, OBJECTS);
	return strcmp(what, "files") == 0 ? into_files(folder, data) : -EINVAL;
}

int main(int argc, char **argv)
{
	AUTO(free_ptr) uint8_t *data = malloc(CHUNK);
	long long before = written();
	double start;
	int r;

	if (argc != 3 || !data)
		return 2;
	memset(data, 'x', CHUNK);
	start = now();
	if ((r = run(argv[1], argv[2], data))) {
		fprintf(stderr, "bench-ingest: %s: %s\n", argv[1], strerror(-r));
		return 1;
	}
	printf("%.6f %lld\n", now() - start, written() - before);
	return 0;
}
