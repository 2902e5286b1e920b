/* Answers. */
#include "src/serve/server.h"
#include "store/base/json.h"

static int error_body(const char *words, struct buf *out)
{
	struct jw j;

	jw_begin(&j, out, 0);
	jw_object(&j, NULL);
	jw_str(&j, "error", words);
	jw_end(&j);
	return buf_addc(out, '\n');
}

int reply_error(struct request *q, int status, const char *words, const struct reply_field *more, bool close)
{
	AUTO(buf_release) struct buf body = BUF_INIT;
	struct MHD_Response *response;
	int r = error_body(words, &body);

	if (r)
		return r;
	response = MHD_create_response_from_buffer(body.len, body.data, MHD_RESPMEM_MUST_COPY);
	if (!response)
		return -ENOMEM;
	MHD_add_response_header(response, "Content-Type", "application/json");
	for (; more && more->name; more++)
		MHD_add_response_header(response, more->name, more->value);
	if (close)
		MHD_add_response_header(response, "Connection", "close");
	r = MHD_queue_response(q->connection, (unsigned)status, response) == MHD_YES ? 0 : -EIO;
	MHD_destroy_response(response);
	q->answered = true;
	return r;
}
