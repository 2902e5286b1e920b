#include "src/serve/api.h"

struct api *request_api(const struct request *q)
{
	return request_app(q);
}

int api_borrow(struct request *q, struct pool *pool, struct loan *l)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r;

	l->pool = pool;
	if (!(r = loan_begin(l, &why)))
		return 0;
	r = reply_error(q, r == -EBUSY ? 503 : 500, buf_str(&why), NULL, false);
	return r ? r : 1;
}

int api_name(struct request *q, size_t i, struct buf *out)
{
	int r = url_decode(q->match.names[i].text, q->match.names[i].n, false, out);

	if (r != -EINVAL)
		return r;
	r = reply_error(q, 400, "the address has a '%' that is no escape", NULL, false);
	return r ? r : 1;
}
