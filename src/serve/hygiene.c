#include "src/serve/hygiene.h"

#include <strings.h>

/* RFC 9110 section 5.6.2. A name with a blank before its ':' is the classic one: not the field that it looks like, to some. */
static bool is_token(const char *name)
{
	static const char letters[] = "!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";

	return *name && !name[strspn(name, letters)];
}

void hygiene_take(struct hygiene *h, const char *name, const char *value)
{
	const struct { const char *name; int *count; const char **value; } fields[] = {
		{ "Host", &h->hosts, &h->host }, { "Content-Length", &h->lengths, &h->length },
		{ "Transfer-Encoding", &h->encodings, &h->encoding }, { "Origin", &h->origins, &h->origin },
	};

	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		if (strcasecmp(name, fields[i].name) == 0) {
			*fields[i].count += 1;
			*fields[i].value = value ? value : "";
		}
	h->is_malformed |= !is_token(name) || (value && strchr(value, '\r'));
}

/* Ours: a name of loopback, with our port (without one: only when it is 80). */
static bool is_ours(const char *authority, uint16_t port)
{
	static const char *const names[] = { "127.0.0.1", "localhost", "[::1]" };
	char suffix[8];

	snprintf(suffix, sizeof(suffix), ":%u", (unsigned)port);
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(names[i]);

		if (strncasecmp(authority, names[i], n) == 0 && (strcmp(authority + n, suffix) == 0 || (port == 80 && !authority[n])))
			return true;
	}
	return false;
}

/* Browsers send one with each WebSocket; programs have no reason to. Off loopback there can be TLS in front. */
static bool is_our_origin(const struct hygiene *h, uint16_t port)
{
	const char *authority = strstr(h->origin, "://");

	if (port)
		return strncasecmp(h->origin, "http://", 7) == 0 && is_ours(h->origin + 7, port);
	return authority && h->hosts == 1 && strncasecmp(h->origin, "http", 4) == 0 && strcasecmp(authority + 3, h->host) == 0;
}

static bool is_number(const char *text)
{
	return *text && strspn(text, "0123456789") == strlen(text);
}

int hygiene_check(const struct hygiene *h, uint16_t port, const char **ret_why)
{
	const struct { bool is; int status; const char *why; } rules[] = {
		{ h->is_malformed, 400, "a header field that is malformed" },
		{ h->hosts != 1, 400, "there must be one 'Host'" },
		{ h->lengths > 1, 400, "more than one 'Content-Length'" },
		{ h->lengths && h->encodings, 400, "'Content-Length' beside 'Transfer-Encoding'" },
		{ h->encodings > 1, 400, "more than one 'Transfer-Encoding'" },
		{ h->encodings && strcasecmp(h->encoding, "chunked") != 0, 501, "the only 'Transfer-Encoding' here is chunked" },
		{ h->lengths && !is_number(h->length), 400, "'Content-Length' is no number" },
		{ port && h->hosts == 1 && !is_ours(h->host, port), 421, "this 'Host' is not served here" },
		{ h->origins && (h->origins > 1 || !is_our_origin(h, port)), 403, "requests of other web sites are refused" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].is) {
			*ret_why = rules[i].why;
			return rules[i].status;
		}
	return 0;
}
