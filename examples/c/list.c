/*
 * Lists the generations of a store, and writes the archive of one:
 *
 *	list STORE
 *	list STORE REV FILE
 */
#include <genstore.h>

#include <stdio.h>
#include <string.h>

static int complain(const struct genstore *st, int r)
{
	const char *words = genstore_errmsg(st);

	fprintf(stderr, "list: %s\n", *words ? words : strerror(-r));
	return 1;
}

static int list(struct genstore *st)
{
	struct genstore_generation g = { 0 };
	int64_t last = 0;
	int r;

	while ((r = genstore_generation_next(st, last, &g)) > 0) {
		printf("%s  %s/%lld  %s  %lld bytes\n", g.request_id, g.app_name, (long long)g.generation_number, g.status,
		       (long long)g.archive_size);
		last = g.id;
	}
	genstore_generation_release(&g);
	return r < 0 ? complain(st, r) : 0;
}

static int copy(struct genstore *st, const struct genstore_object *archive, FILE *out)
{
	static char bytes[1 << 20];
	int64_t offset = 0;
	ssize_t n;

	while ((n = genstore_object_read(st, archive, offset, sizeof(bytes), bytes)) > 0) {
		if (fwrite(bytes, 1, (size_t)n, out) != (size_t)n)
			break;
		offset += n;
	}
	if (n < 0)
		return complain(st, (int)n);
	if (fflush(out) || ferror(out)) {
		perror("list: cannot write the archive");
		return 1;
	}
	return 0;
}

static int get(struct genstore *st, const char *rev, const char *path)
{
	struct genstore_object *archive;
	FILE *out;
	int r = genstore_archive_open(st, rev, &archive);

	if (r)
		return complain(st, r);
	out = fopen(path, "wb");
	if (!out) {
		perror(path);
		r = 1;
	} else {
		r = copy(st, archive, out);
		fclose(out);
	}
	genstore_object_free(archive);
	return r;
}

int main(int argc, char **argv)
{
	struct genstore *st;
	int r;

	if (argc != 2 && argc != 4) {
		fprintf(stderr, "usage: list STORE [REV FILE]\n");
		return 2;
	}
	st = genstore_new();
	if (!st) {
		fprintf(stderr, "list: no memory\n");
		return 1;
	}
	r = genstore_open(st, argv[1], GENSTORE_READ_ONLY);
	if (r)
		r = complain(st, r);
	else
		r = argc == 2 ? list(st) : get(st, argv[2], argv[3]);
	genstore_free(st);
	return r;
}
