#include "store/base/buf.h"
#include "store/stitch/tar.h"
#include "tests/unit/test.h"

#include <errno.h>
#include <sys/stat.h>

enum { MTIME = 1700000000 };

static int header_of(const char *path, size_t n, const char *link, enum tar_type type, int64_t size, struct buf *out)
{
	struct tar_entry e = {
		.path = path, .path_len = n, .link = link, .link_len = link ? strlen(link) : 0,
		.type = type, .size = size, .mtime = MTIME,
	};

	return tar_header(&e, out);
}

/* A file of a tree that GNU tar and we write down. */
struct sample {
	char path[300];
	const char *link;
	enum tar_type type;
	bool executable;
	size_t size;
};

/* Appends n characters as one part of a path. */
static void add_part(char *path, char c, size_t n)
{
	size_t len = strlen(path);

	memset(path + len, c, n);
	path[len + n] = '\0';
}

/* A path of top/, prefix bytes in all before the last slash, and a last part of name bytes. */
static struct sample long_sample(char c, size_t prefix, size_t name)
{
	struct sample s = { .path = "app/", .type = TAR_FILE, .size = 3 };

	add_part(s.path, c, prefix - 4);
	strcat(s.path, "/");
	add_part(s.path, c, name);
	return s;
}

static void make_sample(struct test_run *test, const char *root, const struct sample *s)
{
	AUTO(free_ptr) char *full = NULL, *content = calloc(1, s->size + 1);
	FILE *f;

	CHECK(asprintf(&full, "%s/%s", root, s->path) > 0 && content);
	for (char *p = full + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = '\0';
		if (mkdir(full, 0755) < 0)
			CHECK_EQ(errno, EEXIST);
	}
	if (s->type == TAR_SYMLINK) {
		CHECK_EQ(symlink(s->link, full), 0);
	} else if (s->type == TAR_FILE) {
		test_noise(content, s->size, s->size);
		f = fopen(full, "w");
		CHECK(f);
		CHECK_EQ(fwrite(content, 1, s->size, f), s->size);
		CHECK_EQ(fclose(f), 0);
		/* The mode that tar makes 0644 or 0755 of. */
		CHECK_EQ(chmod(full, s->executable ? 02710 : 0660), 0);
	}
}

static void add_sample(struct test_run *test, const struct sample *s, struct buf *out)
{
	struct tar_entry e = {
		.path = s->path, .path_len = strlen(s->path), .link = s->link, .link_len = s->link ? strlen(s->link) : 0,
		.type = s->type, .executable = s->executable, .size = (int64_t)s->size, .mtime = MTIME,
	};
	void *content;

	CHECK_EQ(tar_header(&e, out), 0);
	content = buf_reserve(out, s->size);
	CHECK(content);
	test_noise(content, s->size, s->size);
	buf_commit(out, s->size);
	buf_fill(out, 0, tar_padding(e.size));
}

static void read_all(FILE *f, struct buf *out)
{
	char chunk[4096];
	size_t n;

	while ((n = fread(chunk, 1, sizeof(chunk), f)) > 0)
		buf_add(out, chunk, n);
}

static void run_tar(struct test_run *test, const char *root, const struct sample *s, size_t n, struct buf *out)
{
	AUTO(free_ptr) char *list = NULL, *command = NULL;
	FILE *f;

	CHECK(asprintf(&list, "%s/list", root) > 0);
	f = fopen(list, "w");
	CHECK(f);
	for (size_t i = 0; i < n; i++)
		fwrite(s[i].path, 1, strlen(s[i].path) + 1, f);
	CHECK_EQ(fclose(f), 0);
	CHECK(asprintf(&command,
		       "tar --format=ustar --no-recursion --numeric-owner --owner=0 --group=0 --mtime=@%d "
		       "--mode=u+rw,go-w,go+r,a+X,a-st -b 1 --hard-dereference -C %s -c --null -T %s",
		       MTIME, root, list) > 0);
	f = popen(command, "r");
	CHECK(f);
	read_all(f, out);
	CHECK_EQ(pclose(f), 0);
}

static void remove_tree(char **root)
{
	AUTO(free_ptr) char *command = NULL;

	if (!*root || asprintf(&command, "rm -rf -- '%s'", *root) < 0)
		return;
	if (system(command))
		perror(*root);
	free(*root);
}

TEST(the_bytes_are_those_of_gnu_tar)
{
	static const char link_100[] = "../0123456789012345678901234567890123456789012345678901234567890123456789"
				       "012345678901234567890123456";
	struct sample samples[] = {
		{ .path = "app/", .type = TAR_DIR },
		{ .path = "app/empty", .type = TAR_FILE },
		{ .path = "app/one block", .type = TAR_FILE, .size = 512 },
		{ .path = "app/one more", .type = TAR_FILE, .size = 513 },
		{ .path = "app/big", .type = TAR_FILE, .size = 100000 },
		{ .path = "app/run.sh", .type = TAR_FILE, .executable = true, .size = 20 },
		{ .path = "app/caf\xc3\xa9 \xe6\x97\xa5\xe6\x9c\xac", .type = TAR_FILE, .size = 7 },
		{ .path = "app/not utf-8 \xff", .type = TAR_FILE, .size = 7 },
		{ .path = "app/line\nbreak", .type = TAR_FILE, .size = 7 },
		{ .path = "app/src/", .type = TAR_DIR },
		{ .path = "app/src/here", .type = TAR_SYMLINK, .link = "../big" },
		{ .path = "app/src/far", .type = TAR_SYMLINK, .link = link_100 },
		long_sample('a', 50, 49),   /* exactly 100 */
		long_sample('b', 50, 50),   /* 101: the shortest that is split */
		long_sample('c', 4 + 151, 100), /* 155 + 1 + 100: the longest there is */
		long_sample('d', 4 + 150, 1),
		{ .path = "app/e/", .type = TAR_DIR },
		{ .path = "app/e/", .type = TAR_DIR },
		{ .path = "app/", .type = TAR_FILE, .size = 1 },
	};
	struct sample *dir_100 = &samples[16], *dir_101 = &samples[17], *nested = &samples[18];
	AUTO(remove_tree) char *root = strdup("/tmp/genstore-tar-XXXXXX");
	AUTO(buf_release) struct buf theirs = BUF_INIT, ours = BUF_INIT;

	CHECK_EQ(strlen(link_100), 100);
	strcpy(dir_100->path, "app/e/");
	add_part(dir_100->path, 'e', 93);
	strcat(dir_100->path, "/"); /* 100 with its slash */
	strcpy(dir_101->path, "app/e/");
	add_part(dir_101->path, 'f', 94);
	strcat(dir_101->path, "/");
	for (int i = 0; i < 20; i++)
		strcat(nested->path, "nested-10/");
	strcat(nested->path, "x.js"); /* many slashes to choose from */
	if (!root || !mkdtemp(root))
		SKIP("no directory under /tmp can be made");
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		make_sample(test, root, &samples[i]);
	for (size_t i = 0; i < ARRAY_LEN(samples); i++)
		add_sample(test, &samples[i], &ours);
	buf_fill(&ours, 0, TAR_END);
	run_tar(test, root, samples, ARRAY_LEN(samples), &theirs);
	CHECK_EQ(ours.len, theirs.len);
	CHECK_MEM(ours.data, theirs.data, ours.len);
}

TEST(a_path_that_fits_needs_no_pax_header)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct sample s = long_sample('a', 155, 100);

	CHECK_EQ(header_of(s.path, strlen(s.path), NULL, TAR_FILE, 0, &out), 0);
	CHECK_EQ(out.len, TAR_BLOCK);
	CHECK_EQ(out.data[345 + 154], 'a');
	CHECK_EQ(out.data[99], 'a');
}

TEST(a_path_that_does_not_fit_has_a_pax_header)
{
	AUTO(buf_release) struct buf out = BUF_INIT, record = BUF_INIT;
	struct sample s = long_sample('a', 155, 101);

	CHECK_EQ(header_of(s.path, strlen(s.path), NULL, TAR_FILE, 5, &out), 0);
	CHECK_EQ(out.len, 3 * TAR_BLOCK);
	CHECK_EQ(out.data[156], 'x');
	CHECK_MEM(out.data, "app/PaxHeaders/aaaa", 19);
	buf_addf(&record, "%d path=%s\n", 257 + 10, s.path);
	CHECK_EQ(record.len, 257 + 10);
	CHECK_MEM(out.data + TAR_BLOCK, record.data, record.len);
	CHECK_EQ(out.data[TAR_BLOCK + record.len], 0);
	CHECK_STR((char *)out.data + 124, "00000000413"); /* 267 */
	CHECK_EQ(out.data[2 * TAR_BLOCK + 156], '0');
	CHECK_MEM(out.data + 2 * TAR_BLOCK, s.path, 100);
	CHECK_EQ(out.data[2 * TAR_BLOCK + 345], 0);
}

TEST(the_length_of_a_record_counts_its_own_digits)
{
	/* From 999 bytes on, one byte more takes two more: no record is 1,000 long. */
	static const struct { size_t link; const char *start; } cases[] = {
		{ 101, "115 linkpath=" }, { 999 - 14, "999 linkpath=" }, { 1000 - 14, "1001 linkpath=" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		AUTO(buf_release) struct buf out = BUF_INIT, link = BUF_INIT;

		buf_fill(&link, 'k', cases[i].link);
		CHECK_EQ(header_of("app/l", 5, buf_str(&link), TAR_SYMLINK, 0, &out), 0);
		CHECK_MEM(out.data + TAR_BLOCK, cases[i].start, strlen(cases[i].start));
		CHECK_EQ(out.len % TAR_BLOCK, 0);
		CHECK_MEM(out.data, "app/PaxHeaders/l", 17);
	}
}

TEST(eight_gibibytes_go_into_a_pax_header)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	int64_t limit = (int64_t)8 << 30;

	CHECK_EQ(header_of("app/f", 5, NULL, TAR_FILE, limit - 1, &out), 0);
	CHECK_EQ(out.len, TAR_BLOCK);
	CHECK_STR((char *)out.data + 124, "77777777777");
	buf_reset(&out);
	CHECK_EQ(header_of("app/f", 5, NULL, TAR_FILE, limit, &out), 0);
	CHECK_EQ(out.len, 3 * TAR_BLOCK);
	CHECK_STR((char *)out.data + TAR_BLOCK, "19 size=8589934592\n");
	CHECK_STR((char *)out.data + 2 * TAR_BLOCK + 124, "00000000000");
}

TEST(the_pax_header_of_a_top_level_path_has_no_folder)
{
	AUTO(buf_release) struct buf out = BUF_INIT, path = BUF_INIT;

	buf_fill(&path, 'p', 120);
	buf_addc(&path, '/');
	CHECK_EQ(header_of(buf_str(&path), path.len, NULL, TAR_DIR, 0, &out), 0);
	CHECK_MEM(out.data, "PaxHeaders/ppp", 14);
	CHECK_EQ(out.data[99], 'p');
	CHECK_EQ(out.data[2 * TAR_BLOCK + 156], '5');
}

TEST(other_tars_read_the_pax_headers_back)
{
	AUTO(remove_tree) char *root = strdup("/tmp/genstore-pax-XXXXXX");
	AUTO(buf_release) struct buf out = BUF_INIT, path = BUF_INIT, listing = BUF_INIT;
	AUTO(free_ptr) char *file = NULL, *command = NULL;
	FILE *f;

	if (!root || !mkdtemp(root))
		SKIP("no directory under /tmp can be made");
	buf_adds(&path, "app/");
	buf_fill(&path, 'z', 250);
	CHECK_EQ(header_of(buf_str(&path), path.len, NULL, TAR_FILE, 0, &out), 0);
	CHECK_EQ(header_of("app/l", 5, buf_str(&path), TAR_SYMLINK, 0, &out), 0);
	buf_fill(&out, 0, TAR_END);
	CHECK(asprintf(&file, "%s/f.tar", root) > 0 && asprintf(&command, "tar -tvf %s --utc --numeric-owner", file) > 0);
	f = fopen(file, "w");
	CHECK(f);
	CHECK_EQ(fwrite(out.data, 1, out.len, f), out.len);
	CHECK_EQ(fclose(f), 0);
	f = popen(command, "r");
	CHECK(f);
	read_all(f, &listing);
	CHECK_EQ(pclose(f), 0);
	buf_reset(&out);
	buf_addf(&out, "-rw-r--r-- 0/0               0 2023-11-14 22:13 %s\n"
		       "lrwxr-xr-x 0/0               0 2023-11-14 22:13 app/l -> %s\n", buf_str(&path), buf_str(&path));
	CHECK_STR(buf_str(&listing), buf_str(&out));
}

TEST(a_time_outside_the_field_is_clamped)
{
	AUTO(buf_release) struct buf out = BUF_INIT;
	struct tar_entry e = { .path = "a", .path_len = 1, .mtime = -5 };

	CHECK_EQ(tar_header(&e, &out), 0);
	CHECK_STR((char *)out.data + 136, "00000000000");
	buf_reset(&out);
	e.mtime = INT64_MAX;
	CHECK_EQ(tar_header(&e, &out), 0);
	CHECK_STR((char *)out.data + 136, "77777777777");
}

TEST(an_entry_that_is_no_entry_is_refused_and_leaves_nothing)
{
	AUTO(buf_release) struct buf out = BUF_INIT;

	CHECK_EQ(header_of("", 0, NULL, TAR_FILE, 0, &out), -EINVAL);
	CHECK_EQ(header_of("a\0b", 3, NULL, TAR_FILE, 0, &out), -EINVAL);
	CHECK_EQ(header_of("a", 1, NULL, TAR_SYMLINK, 0, &out), -EINVAL);
	CHECK_EQ(header_of("a", 1, "", TAR_SYMLINK, 0, &out), -EINVAL);
	CHECK_EQ(header_of("a", 1, "b", TAR_FILE, 0, &out), -EINVAL);
	CHECK_EQ(header_of("a/", 2, NULL, TAR_DIR, 1, &out), -EINVAL);
	CHECK_EQ(header_of("a", 1, NULL, TAR_FILE, -1, &out), -EINVAL);
	CHECK_EQ(out.len, 0);
}

TEST(a_header_that_finds_no_room_leaves_nothing)
{
	AUTO(buf_release) struct buf out = { .max = 2 * TAR_BLOCK };
	struct sample s = long_sample('a', 155, 101);

	CHECK_EQ(header_of(s.path, strlen(s.path), NULL, TAR_FILE, 5, &out), -EFBIG);
	CHECK_EQ(out.len, 0);
}

TEST(padding_fills_the_last_block)
{
	CHECK_EQ(tar_padding(0), 0);
	CHECK_EQ(tar_padding(1), 511);
	CHECK_EQ(tar_padding(511), 1);
	CHECK_EQ(tar_padding(512), 0);
	CHECK_EQ(tar_padding(((int64_t)8 << 30) + 3), 509);
}
