#include "src/s3d/error.h"
#include "src/sync/xml.h"

static const struct s3_error table[] = {
#define S3_ROW(code, status, words) [S3_##code] = { #code, status, words },
	S3_ERRORS(S3_ROW)
#undef S3_ROW
};

const struct s3_error *s3_error(enum s3_code code)
{
	return &table[code];
}

void xml_element(struct buf *out, const char *name, const char *text)
{
	AUTO(buf_release) struct buf clean = BUF_INIT;

	for (const char *c = text; *c; c++)
		buf_addc(&clean, (unsigned char)*c < ' ' && !strchr("\t\n", *c) ? '?' : (uint8_t)*c);
	buf_addf(out, "<%s>", name);
	xml_escape(out, buf_str(&clean));
	buf_addf(out, "</%s>", name);
}

void xml_number(struct buf *out, const char *name, int64_t n)
{
	buf_addf(out, "<%s>%lld</%s>", name, (long long)n, name);
}

void xml_time(struct buf *out, const char *name, const char *time)
{
	buf_addf(out, "<%s>%.19s.000Z</%s>", name, time, name);
}

int s3_error_xml(const struct s3_error *e, const char *words, const char *resource, const char *id, struct buf *out)
{
	buf_adds(out, S3_XML "<Error>");
	xml_element(out, "Code", e->code);
	xml_element(out, "Message", words && *words ? words : e->words);
	xml_element(out, "Resource", resource);
	xml_element(out, "RequestId", id);
	buf_adds(out, "</Error>\n");
	return buf_error(out);
}
