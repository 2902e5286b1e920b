#include "src/config/forms.h"
#include "src/git/url.h"
#include "src/serve/jwt.h"

#include <arpa/inet.h>
#include <ctype.h>

enum { BUCKET_MIN = 3, BUCKET_MAX = 63, PREFIX_MAX = 512, ORGANIZATION_MAX = 39, PORT_DIGITS = 5 };

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS "0123456789"

/* https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html, and what old buckets and other servers have. */
bool is_bucket(const char *s)
{
	size_t n = strlen(s);

	return n >= BUCKET_MIN && n <= BUCKET_MAX && isalnum((unsigned char)*s) && strspn(s, LETTERS DIGITS ".-_") == n && !strstr(s, "..");
}

bool is_prefix(const char *s)
{
	return *s && strlen(s) <= PREFIX_MAX && *s != '/' && !strstr(s, "//") && strcspn(s, "\t\r\n?#*\\") == strlen(s);
}

bool is_endpoint(const char *s)
{
	return (!strncmp(s, "http://", 7) || !strncmp(s, "https://", 8)) && strcspn(s, " \t\r\n?#@") == strlen(s);
}

bool is_word(const char *s)
{
	return *s && strcspn(s, " \t\r\n/") == strlen(s);
}

bool is_account(const char *s)
{
	return strlen(s) == 12 && strspn(s, DIGITS) == 12;
}

bool is_template(const char *s)
{
	AUTO(free_ptr) char *text = NULL;
	AUTO(git_url_release) struct git_url u = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	return !git_url_fill(s, "req_x", &text) && !git_url_parse(text, &u, &why);
}

/* https://docs.github.com/en/enterprise-cloud@latest/admin/managing-iam/iam-configuration-reference/username-considerations-for-external-authentication */
bool is_organization(const char *s)
{
	size_t n = strlen(s);

	return n && n <= ORGANIZATION_MAX && *s != '-' && s[n - 1] != '-' && strspn(s, LETTERS DIGITS "-_") == n;
}

/* An address that repositories stand below, as a git host's is. */
bool is_api(const char *s)
{
	AUTO(free_ptr) char *text = NULL;
	AUTO(git_url_release) struct git_url u = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;

	return asprintf(&text, "%s/x", s) >= 0 && !git_url_parse(text, &u, &why) && !u.user;
}

int listen_parse(const char *text, uint32_t *ret_address, uint16_t *ret_port)
{
	const char *colon = strrchr(text, ':'), *port = colon ? colon + 1 : text;
	struct in_addr address = { .s_addr = htonl(INADDR_LOOPBACK) };
	size_t n = strlen(port);
	char host[INET_ADDRSTRLEN] = "localhost";

	if (!n || n > PORT_DIGITS || strspn(port, DIGITS) != n || strtol(port, NULL, 10) > UINT16_MAX)
		return -EINVAL;
	if (colon && (size_t)(colon - text) >= sizeof(host))
		return -EINVAL;
	if (colon)
		snprintf(host, sizeof(host), "%.*s", (int)(colon - text), text);
	if (strcmp(host, "localhost") != 0 && inet_pton(AF_INET, host, &address) != 1)
		return -EINVAL;
	*ret_address = ntohl(address.s_addr);
	*ret_port = (uint16_t)strtol(port, NULL, 10);
	return 0;
}

bool is_listen(const char *s)
{
	uint32_t address;
	uint16_t port;

	return !listen_parse(s, &address, &port);
}

bool is_jwt_secret(const char *s)
{
	return strlen(s) >= JWT_SECRET_MIN;
}
