/* Where a bucket is: endpoints, regions, and the addresses of keys. */
#include "src/sync/s3_inside.h"

#include "store/base/clock.h"

#include <strings.h>

static int replace(char **slot, const char *from, size_t n)
{
	char *copy = strndup(from, n);

	if (!copy)
		return -ENOMEM;
	free(*slot);
	*slot = copy;
	return 0;
}

static size_t scheme_length(const char *url)
{
	return !strncasecmp(url, "http://", 7) ? 7 : !strncasecmp(url, "https://", 8) ? 8 : 0;
}

int s3_endpoint_set(struct s3 *s, const char *url)
{
	size_t n = scheme_length(url), host = strcspn(url + n, "/?#"), base = strlen(url + n + host);
	int r;

	while (base && url[n + host + base - 1] == '/')
		base--;
	/* A user's name and password would be sent along. */
	if (!n || !host || memchr(url + n, '@', host) || strcspn(url, "?# \t\r\n") != strlen(url))
		return -EINVAL;
	if ((r = replace(&s->scheme, n == 7 ? "http" : "https", n - 3)) || (r = replace(&s->host, url + n, host)))
		return r;
	/* A default port is not part of the Host header. */
	host = strlen(s->host);
	if (n == 7 && host > 3 && !strcmp(s->host + host - 3, ":80"))
		s->host[host - 3] = '\0';
	if (n == 8 && host > 4 && !strcmp(s->host + host - 4, ":443"))
		s->host[host - 4] = '\0';
	return replace(&s->base, url + n + strcspn(url + n, "/?#"), base);
}

int s3_endpoint_amazon(struct s3 *s)
{
	AUTO(buf_release) struct buf url = BUF_INIT;
	bool china = !strncmp(s->region, "cn-", 3);

	buf_addf(&url, "https://s3.%s.amazonaws.com%s", s->region, china ? ".cn" : "");
	return buf_error(&url) ? -ENOMEM : s3_endpoint_set(s, buf_str(&url));
}

/* A host in a URL, with the bucket's name in front of it or not: without it. */
static int set_location(struct s3 *s, const char *location)
{
	AUTO(buf_release) struct buf url = BUF_INIT;
	size_t scheme = scheme_length(location), bucket = strlen(s->bucket);
	const char *host = location + scheme;

	/* What was secret on the way stays so. */
	if (scheme == 7 && !s->insecure_ok)
		return -EINVAL;
	if (!strncmp(host, s->bucket, bucket) && host[bucket] == '.')
		host += bucket + 1;
	buf_addf(&url, "%s://%.*s", scheme == 7 ? "http" : scheme ? "https" : s->scheme, (int)strcspn(host, "/?#"), host);
	return s3_endpoint_set(s, buf_str(&url));
}

bool s3_moves(struct s3 *s, const char *region, const char *location)
{
	AUTO(free_ptr) char *before = strdup(s->host), *scheme = strdup(s->scheme);
	bool moved = region && *region && strspn(region, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(region) && strcmp(region, s->region);

	if (moved && replace(&s->region, region, strlen(region)))
		return false;
	if (moved && s->amazon)
		return !s3_endpoint_amazon(s);
	if (!location || !*location || set_location(s, location))
		return moved;
	return moved || !before || !scheme || strcmp(before, s->host) || strcmp(scheme, s->scheme);
}

int s3_host_of(const struct s3 *s, struct buf *out)
{
	return buf_addf(out, "%s%s%s", s->virtual_host ? s->bucket : "", s->virtual_host ? "." : "", s->host);
}

int s3_path_of(const struct s3 *s, const char *key, struct buf *out)
{
	if (s->virtual_host)
		return buf_addf(out, "%s/%s", s->base, key);
	return buf_addf(out, "%s/%s%s%s", s->base, s->bucket, *key ? "/" : "", key);
}

int s3_address(const struct s3 *s, const char *key, struct buf *out)
{
	AUTO(buf_release) struct buf path = BUF_INIT;
	int r = s3_path_of(s, key, &path);

	buf_addf(out, "%s://", s->scheme);
	s3_host_of(s, out);
	return r ? r : sigv4_path(out, buf_str(&path));
}

int s3_presign(const struct s3 *s, const char *key, int64_t expires, struct buf *out)
{
	AUTO(buf_release) struct buf path = BUF_INIT, host = BUF_INIT, query = BUF_INIT;
	const struct sigv4_key k = { s->access_key, s->secret_key, s->session_token };
	struct sigv4_pair header = { "host", NULL };
	struct sigv4_request req = {
		.method = "GET", .headers = &header, .header_count = 1, .payload = SIGV4_UNSIGNED, .region = s->region, .service = "s3",
		.now = clock_now(&(struct clock){ 0 }),
	};
	int r;

	if ((r = s3_path_of(s, key, &path)) || (r = s3_host_of(s, &host)))
		return r;
	header.value = buf_str(&host);
	req.path = buf_str(&path);
	if ((r = sigv4_presign(&req, &k, expires, &query)) || (r = s3_address(s, key, out)))
		return r;
	return buf_addf(out, "?%s", buf_str(&query));
}
