#include "src/serve/api.h"
#include "src/serve/auth.h"

struct api *request_api(const struct request *q)
{
	return request_app(q);
}

static int borrow(struct request *q, struct loan *l)
{
	AUTO(buf_release) struct buf why = BUF_INIT;
	int r;

	if (!(r = loan_begin(l, &why)))
		return 0;
	r = reply_error(q, r == -EBUSY ? 503 : 500, buf_str(&why), NULL, false);
	return r ? r : 1;
}

int api_borrow_any(struct request *q, enum api_use use, struct loan *l)
{
	l->pool = request_api(q)->pools[use];
	return borrow(q, l);
}

int api_borrow(struct request *q, enum api_use use, struct loan *l)
{
	struct access_subject who;
	int r = auth_subject(q, &who);

	if (r)
		return r;
	l->subject = who;
	l->pool = (*who.user_id ? request_api(q)->limited : request_api(q)->pools)[use];
	return borrow(q, l);
}

int api_name(struct request *q, size_t i, struct buf *out)
{
	int r = url_decode(q->match.names[i].text, q->match.names[i].n, false, out);

	if (r != -EINVAL)
		return r;
	r = reply_error(q, 400, "the address has a '%' that is no escape", NULL, false);
	return r ? r : 1;
}
