#include "src/example/icon.h"
#include "store/base/hash.h"

#include <math.h>

enum { SIDE = 64, RADIUS = 14 };
enum pixel { CLEAR, BACK, TICK };

static void add_u32be(struct buf *b, uint32_t v)
{
	uint8_t bytes[4] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

	buf_add(b, bytes, 4);
}

static void add_chunk(struct buf *out, const char *type, const struct buf *content)
{
	uint32_t crc = crc32_update(0, type, 4);

	add_u32be(out, (uint32_t)content->len);
	buf_add(out, type, 4);
	buf_add(out, content->data, content->len);
	add_u32be(out, content->len ? crc32_update(crc, content->data, content->len) : crc);
}

static double distance_to_line(double x, double y, const double from[2], const double to[2])
{
	double dx = to[0] - from[0], dy = to[1] - from[1];
	double along = ((x - from[0]) * dx + (y - from[1]) * dy) / (dx * dx + dy * dy);

	along = fmin(1, fmax(0, along));
	return hypot(x - from[0] - along * dx, y - from[1] - along * dy);
}

static enum pixel pixel_at(int x, int y)
{
	static const double tick[3][2] = { { 17, 33 }, { 28, 44 }, { 47, 21 } };
	double inner = SIDE / 2.0 - RADIUS, dx = fabs(x + .5 - SIDE / 2.0) - inner, dy = fabs(y + .5 - SIDE / 2.0) - inner;

	if (dx > 0 && dy > 0 && hypot(dx, dy) > RADIUS)
		return CLEAR;
	for (int i = 0; i < 2; i++)
		if (distance_to_line(x + .5, y + .5, tick[i], tick[i + 1]) < 4)
			return TICK;
	return BACK;
}

/* One channel of hsl(hue 62% 38%); offset 0 red, 8 green, 4 blue (CSS Color 4, section 7.1). */
static uint8_t channel(unsigned hue, double offset)
{
	double saturation = .62, light = .38, k = fmod(offset + hue / 30.0, 12);
	double level = light - saturation * fmin(light, 1 - light) * fmax(-1, fmin(fmin(k - 3, 9 - k), 1));

	return (uint8_t)lround(level * 255);
}

/* A zlib stream of one stored block (RFC 1950, RFC 1951 section 3.2.4). */
static void add_stored(struct buf *out, const struct buf *raw)
{
	buf_add(out, "\x78\x01\x01", 3);
	buf_add_u16le(out, (uint16_t)raw->len);
	buf_add_u16le(out, (uint16_t)~raw->len);
	buf_add(out, raw->data, raw->len);
	add_u32be(out, adler32_update(1, raw->data, raw->len));
}

int icon_png(struct buf *out, unsigned hue)
{
	AUTO(buf_release) struct buf raw = BUF_INIT, chunk = BUF_INIT;
	const uint8_t colours[] = { 0, 0, 0, channel(hue, 0), channel(hue, 8), channel(hue, 4), 255, 255, 255 };

	for (int y = 0; y < SIDE; y++) {
		buf_addc(&raw, 0);
		for (int x = 0; x < SIDE; x++)
			buf_addc(&raw, (uint8_t)pixel_at(x, y));
	}
	if (buf_error(&raw))
		return buf_error(&raw);
	buf_add(out, "\x89PNG\r\n\x1a\n", 8);
	add_u32be(&chunk, SIDE);
	add_u32be(&chunk, SIDE);
	buf_add(&chunk, "\x08\x03\0\0\0", 5); /* 8 bits of a palette */
	add_chunk(out, "IHDR", &chunk);
	buf_reset(&chunk);
	buf_add(&chunk, colours, sizeof(colours));
	add_chunk(out, "PLTE", &chunk);
	buf_reset(&chunk);
	buf_addc(&chunk, 0); /* the first colour is transparent */
	add_chunk(out, "tRNS", &chunk);
	buf_reset(&chunk);
	add_stored(&chunk, &raw);
	add_chunk(out, "IDAT", &chunk);
	buf_reset(&chunk);
	add_chunk(out, "IEND", &chunk);
	return buf_error(&chunk) ? buf_error(&chunk) : buf_error(out);
}
