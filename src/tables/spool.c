#include "src/tables/spool.h"

#include <fcntl.h>

enum { ROOM_KEPT = 8 << 20 };

/* A record is its length, 0 behind the last of a table, then the cells and their bytes. */
struct head { uint64_t n; };

int spool_temporary(void)
{
	const char *folder = getenv("TMPDIR");
	int fd = open(folder && *folder ? folder : "/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);

	return fd < 0 ? -errno : fd;
}

int spool_open(struct spool *s)
{
	int fd = spool_temporary();

	*s = (struct spool){ .file = fd < 0 ? NULL : fdopen(fd, "w+") };
	if (fd >= 0 && !s->file) {
		close(fd);
		return -ENOMEM;
	}
	return fd < 0 ? fd : 0;
}

void spool_release(struct spool *s)
{
	if (s->file)
		fclose(s->file);
	buf_release(&s->row);
	s->file = NULL;
}

static int put(struct spool *s, const void *data, size_t n)
{
	return !n || fwrite(data, n, 1, s->file) == 1 ? 0 : -(errno ? errno : EIO);
}

static size_t bytes_of(const struct cell *cell)
{
	return cell->kind == CELL_TEXT || cell->kind == CELL_BYTES ? cell->n : 0;
}

int spool_put(struct spool *s, const struct cell *row, int width)
{
	struct head h = { .n = (size_t)width * sizeof(*row) };
	int r;

	for (int i = 0; i < width; i++)
		h.n += bytes_of(&row[i]) + 1;
	if (h.n > BUF_MAX)
		return -EFBIG;
	if ((r = put(s, &h, sizeof(h))) || (r = put(s, row, (size_t)width * sizeof(*row))))
		return r;
	for (int i = 0; i < width && !r; i++)
		if (!(r = put(s, row[i].text, bytes_of(&row[i]))))
			r = put(s, "", 1);
	return r;
}

int spool_end(struct spool *s)
{
	return put(s, &(struct head){ 0 }, sizeof(struct head));
}

int spool_rewind(struct spool *s)
{
	return fflush(s->file) || fseeko(s->file, 0, SEEK_SET) ? -errno : 0;
}

int spool_next(struct spool *s, struct cell *row, int width)
{
	struct head h;
	const char *at;
	void *to;

	if (s->row.cap > ROOM_KEPT)
		buf_release(&s->row);
	buf_reset(&s->row);
	if (fread(&h, sizeof(h), 1, s->file) != 1)
		return -EIO;
	if (!h.n)
		return 0;
	if (!(to = buf_reserve(&s->row, h.n)))
		return buf_error(&s->row);
	if (fread(to, h.n, 1, s->file) != 1)
		return -EIO;
	buf_commit(&s->row, h.n);
	memcpy(row, to, (size_t)width * sizeof(*row));
	at = (const char *)to + (size_t)width * sizeof(*row);
	for (int i = 0; i < width; i++) {
		row[i].text = at;
		at += bytes_of(&row[i]) + 1;
	}
	return 1;
}
