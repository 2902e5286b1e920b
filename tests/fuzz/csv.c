/* CSV of anybody's: what is read, written as PostgreSQL writes it, is read as the same. */
#include "src/tables/csv.h"
#include "tests/fuzz/fuzz.h"

#include <sys/mman.h>

static struct csv *csv_of(const void *data, size_t n)
{
	struct csv *c = malloc(sizeof(*c));
	int fd = memfd_create("csv", MFD_CLOEXEC);

	MUST(c && fd >= 0 && write(fd, data, n) == (ssize_t)n && lseek(fd, 0, SEEK_SET) == 0);
	csv_init(c, fd);
	return c;
}

static void csv_free(struct csv *c)
{
	csv_release(c);
	free(c);
}

static void write_field(struct buf *out, const struct csv_field *f)
{
	if (!f->text)
		return;
	buf_addc(out, '"');
	for (size_t i = 0; i < f->n; i++) {
		if (f->text[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, (uint8_t)f->text[i]);
	}
	buf_addc(out, '"');
}

static void write_record(struct buf *out, const struct csv *c)
{
	for (int i = 0; i < c->fields; i++) {
		if (i)
			buf_addc(out, ',');
		write_field(out, &c->field[i]);
	}
	buf_addc(out, '\n');
}

/* How it ends: 0, or the error. */
static int read_all(const void *data, size_t n, struct buf *out)
{
	struct csv *c = csv_of(data, n);
	int64_t line = 0;
	int r;

	while ((r = csv_next(c)) > 0) {
		MUST(c->fields > 0 && c->fields <= CSV_FIELDS_MAX && c->line > line);
		line = c->line;
		for (int i = 0; i < c->fields; i++)
			MUST(!c->field[i].text || strlen(c->field[i].text) == c->field[i].n);
		write_record(out, c);
	}
	MUST(!r || (r == -EINVAL && c->why));
	csv_free(c);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	AUTO(buf_release) struct buf once = BUF_INIT, again = BUF_INIT;

	read_all(data, n, &once);
	MUST(read_all(once.data ? (const void *)once.data : "", once.len, &again) == 0);
	MUST(once.len == again.len && (!once.len || !memcmp(once.data, again.data, once.len)));
	return 0;
}
