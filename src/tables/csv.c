#include "src/tables/csv.h"
#include "store/base/utf8.h"

enum { END = -1 };

void csv_init(struct csv *c, int fd)
{
	*c = (struct csv){ .fd = fd, .at_line = 1 };
}

void csv_release(struct csv *c)
{
	close_fd(&c->fd);
	buf_release(&c->record);
}

/* Makes sure of a byte: 0, or END, or a negative errno in *error. */
static int fill(struct csv *c, int *error)
{
	ssize_t n;

	if (c->from < c->to)
		return 0;
	do {
		n = read(c->fd, c->in, sizeof(c->in));
	} while (n < 0 && errno == EINTR);
	if (n < 0)
		*error = -errno;
	if (n <= 0)
		return END;
	c->from = 0;
	c->to = (size_t)n;
	return 0;
}

static int peek(struct csv *c, int *error)
{
	return fill(c, error) ? END : c->in[c->from];
}

static int take(struct csv *c, int *error)
{
	int byte = peek(c, error);

	if (byte != END)
		c->from++;
	c->at_line += byte == '\n';
	return byte;
}

static int bad(struct csv *c, const char *why)
{
	c->why = why;
	return -EINVAL;
}

/* Behind the opening quote, up to and with the closing one. Runs of plain bytes are copied at once. */
static int quoted(struct csv *c, int *error)
{
	while (!fill(c, error)) {
		size_t start = c->from;

		while (c->from < c->to && c->in[c->from] != '"')
			c->at_line += c->in[c->from++] == '\n';
		if (buf_add(&c->record, c->in + start, c->from - start))
			return buf_error(&c->record);
		if (c->from == c->to)
			continue;
		take(c, error);
		if (peek(c, error) != '"')
			return *error;
		buf_addc(&c->record, (uint8_t)take(c, error));
	}
	return *error ? *error : bad(c, "it ends within quotes");
}

static int plain(struct csv *c, int *error)
{
	for (int byte = peek(c, error); byte != END && byte != ',' && byte != '\n' && byte != '\r'; byte = peek(c, error)) {
		if (byte == '"')
			return bad(c, "a quote stands within a value that is not in quotes");
		buf_addc(&c->record, (uint8_t)take(c, error));
	}
	return *error ? *error : buf_error(&c->record);
}

/* 1: another field follows, 0: the record is over. */
static int field(struct csv *c)
{
	int error = 0, r, byte;

	if (c->fields == CSV_FIELDS_MAX)
		return bad(c, "it has too many columns");
	c->starts[c->fields] = c->record.len;
	c->quoted[c->fields] = peek(c, &error) == '"';
	if (c->quoted[c->fields])
		take(c, &error);
	if (error || (r = c->quoted[c->fields] ? quoted(c, &error) : plain(c, &error)))
		return error ? error : r;
	c->fields++;
	if (buf_addc(&c->record, 0))
		return buf_error(&c->record);
	byte = take(c, &error);
	if (byte == '\r')
		byte = take(c, &error);
	if (error)
		return error;
	if (byte != ',' && byte != '\n' && byte != END)
		return bad(c, "something stands between the closing quote and the comma");
	return byte == ',';
}

static int point(struct csv *c)
{
	for (int i = 0; i < c->fields; i++) {
		const char *text = buf_str(&c->record) + c->starts[i];
		size_t end = i + 1 < c->fields ? c->starts[i + 1] : c->record.len;
		size_t n = end - c->starts[i] - 1;

		if (memchr(text, 0, n))
			return bad(c, "a value has a NUL");
		if (!utf8_valid(text, n))
			return bad(c, "a value is not UTF-8; \\encoding UTF8 before \\copy makes it so");
		c->field[i] = (struct csv_field){ n || c->quoted[i] ? text : NULL, n };
	}
	return 1;
}

int csv_next(struct csv *c)
{
	static const uint8_t mark[] = { 0xef, 0xbb, 0xbf };
	int error = 0, r;

	if (c->record.cap > 8 << 20)
		buf_release(&c->record);
	buf_reset(&c->record);
	c->fields = 0;
	c->line = c->at_line;
	if (peek(c, &error) == END)
		return error;
	if (c->line == 1 && !c->from && c->to >= sizeof(mark) && !memcmp(c->in, mark, sizeof(mark)))
		c->from = sizeof(mark);
	while ((r = field(c)) > 0)
		;
	return r ? r : point(c);
}
