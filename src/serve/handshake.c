#include "src/serve/handshake.h"
#include "store/base/buf.h"

#include <openssl/evp.h>
#include <strings.h>

enum { KEY_TEXT = 24, KEY_BYTES = 16, SHA1_BYTES = 20 };

bool header_has_word(const char *list, const char *word)
{
	size_t len = strlen(word);

	while (list && *list) {
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && strncasecmp(list, word, n) == 0)
			return true;
		list += n;
	}
	return false;
}

/* base64 of 16 bytes: 22 characters and two signs of equality. */
static bool is_key(const char *key)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

	return key && strlen(key) == KEY_TEXT && strspn(key, letters) == KEY_TEXT - 2 && strcmp(key + KEY_TEXT - 2, "==") == 0;
}

int handshake_check(const struct handshake *h, const char **ret_why)
{
	const struct { bool is; int status; const char *why; } rules[] = {
		{ strcmp(h->version, "HTTP/1.1") != 0, 400, "a WebSocket begins with HTTP/1.1" },
		{ !header_has_word(h->upgrade, "websocket") || !header_has_word(h->connection, "upgrade"), 426,
		  "this is a WebSocket: connect with 'Upgrade: websocket' and 'Connection: Upgrade'" },
		{ !h->ws_version || strcmp(h->ws_version, "13") != 0, 426, "'Sec-WebSocket-Version' must be 13" },
		{ !is_key(h->key), 400, "'Sec-WebSocket-Key' must be 16 bytes in base64" },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (rules[i].is) {
			*ret_why = rules[i].why;
			return rules[i].status;
		}
	return 0;
}

int handshake_accept(const char *key, char out[HANDSHAKE_ACCEPT])
{
	static const char magic[] = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"; /* section 1.3 */
	char text[KEY_TEXT + sizeof(magic)];
	uint8_t hash[SHA1_BYTES];

	snprintf(text, sizeof(text), "%.*s%s", KEY_TEXT, key, magic);
	if (!EVP_Digest(text, strlen(text), hash, NULL, EVP_sha1(), NULL))
		return -ENOMEM;
	EVP_EncodeBlock((uint8_t *)out, hash, sizeof(hash));
	return 0;
}
