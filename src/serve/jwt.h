/* JSON Web Tokens (RFC 7519) signed with HS256 (RFC 7515), as Supabase issues them. Nothing else is taken: no other algorithm, no "none". */
#ifndef GENSTORE_SERVE_JWT_H
#define GENSTORE_SERVE_JWT_H

#include "store/base/id.h"

enum { JWT_MAX = 8 << 10, JWT_SECRET_MIN = 32 }; /* bytes; RFC 7518 section 3.2 */

/* Who it is for. "": not said. */
struct jwt_claims { char user_id[ID_UUID], organization_id[ID_UUID]; };

/*
 * 0, or -EKEYREJECTED: not signed with this secret, no exp or it is over (exp), not good yet (nbf), no `sub` that is a UUID, an `org_id` that is none.
 * now: seconds since the epoch.
 */
int jwt_verify(const char *text, const uint8_t *secret, size_t n, int64_t now, struct jwt_claims *ret_claims);

#endif
