#include "src/serve/auth.h"
#include "src/serve/api.h"
#include "src/serve/jwt.h"
#include "store/member.h"
#include "store/token.h"

#include <openssl/evp.h>

enum { TOKEN_TEXT_MAX = 8192 }; /* a JSON Web Token has some hundred bytes */

/* RFC 6750 section 3. The words are the same, whatever is wrong with it. */
static int refuse(struct request *q, bool given)
{
	/* Browsers ask for a password where they see Basic: it is offered to git alone. */
	const char *git = strncmp(q->path, GIT_FOLDER, strlen(GIT_FOLDER)) ? NULL : "Basic realm=\"genstore\", charset=\"UTF-8\"";
	const struct reply_field how[] = { { "WWW-Authenticate", git ? git : given ? "Bearer error=\"invalid_token\"" : "Bearer" }, { 0 } };
	int r = reply_error(q, 401, given ? "the token is not one of this store, or not good any more" : "a token is needed: Authorization: Bearer", how, false);

	return r ? r : 1;
}

static int fail(struct request *q, int r, const struct genstore *st)
{
	r = reply_store(q, r, st);
	return r ? r : 1;
}

static int with_writer(struct request *q, int (*what)(struct genstore *st, const char *text), const char *text)
{
	AUTO(loan_end) struct loan l = { 0 };
	int r = api_borrow_any(q, API_WRITE, &l);

	if (r)
		return r;
	r = what(l.st, text);
	return r ? fail(q, r, l.st) : 0;
}

static int mark_used(struct genstore *st, const char *text)
{
	token_used(st, text);
	return 0;
}

/* Nobody is told on the spot that a token was used: where the store is locked just then it is written the next time. */
static int take_token(struct request *q, const char *text, struct access_subject *ret_subject)
{
	bool is_old;
	int r;

	{
		AUTO(loan_end) struct loan l = { 0 };

		if ((r = api_borrow_any(q, API_READ, &l)))
			return r;
		if ((r = token_find(l.st, text, ret_subject)))
			return r == -EKEYREJECTED ? refuse(q, true) : fail(q, r, l.st);
		is_old = token_use_is_old(l.st, text);
	}
	return is_old ? with_writer(q, mark_used, text) : 0;
}

static int take_jwt(struct request *q, const char *text, struct access_subject *ret_subject)
{
	const struct api *api = request_api(q);
	struct jwt_claims c;
	bool known;
	int r;

	if (!api->jwt_secret || jwt_verify(text, api->jwt_secret, api->jwt_secret_n, clock_now(&(struct clock){ 0 }), &c))
		return refuse(q, true);
	{
		AUTO(loan_end) struct loan l = { 0 };

		if ((r = api_borrow_any(q, API_READ, &l)))
			return r;
		if ((r = user_is_known(l.st, c.user_id, &known)))
			return fail(q, r, l.st);
	}
	/* Who issues the tokens says who there is. */
	if (!known && (r = with_writer(q, user_meet, c.user_id)))
		return r;
	memcpy(ret_subject->user_id, c.user_id, ID_UUID);
	memcpy(ret_subject->organization_id, c.organization_id, ID_UUID);
	return 0;
}

/* "user:token", of which the token is wanted: into out, which has room for all of it. */
static bool take_password(const char *given, char *out, size_t room)
{
	size_t n = strlen(given);
	char *colon;
	int got;

	if (n % 4 || n / 4 * 3 >= room || (got = EVP_DecodeBlock((uint8_t *)out, (const uint8_t *)given, (int)n)) < 0)
		return false;
	out[got] = '\0';
	if (!(colon = strchr(out, ':')))
		return false;
	memmove(out, colon + 1, strlen(colon));
	return true;
}

int auth_subject(struct request *q, struct access_subject *ret_subject)
{
	const char *given = request_header(q, "Authorization"), *text;
	char password[TOKEN_TEXT_MAX];

	*ret_subject = (struct access_subject){ 0 };
	if (!given)
		return request_api(q)->needs_token ? refuse(q, false) : 0;
	if (strncasecmp(given, "Bearer ", 7) != 0 && strncasecmp(given, "Basic ", 6) != 0)
		return refuse(q, false);
	text = strchr(given, ' ');
	text += strspn(text, " ");
	if (strncasecmp(given, "Basic ", 6) == 0) {
		if (!take_password(text, password, sizeof(password)))
			return refuse(q, true);
		text = password;
	}
	return strchr(text, '.') && strchr(strchr(text, '.') + 1, '.') ? take_jwt(q, text, ret_subject) : take_token(q, text, ret_subject);
}
