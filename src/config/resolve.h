/*
 * What a setting is here and now: the environment says it, else the store, else the table's default. Flags of a command go before all of
 * these, and are the command's; --set, which goes before them too, is put into the environment, so that processes of this one have it.
 */
#ifndef GENSTORE_CONFIG_RESOLVE_H
#define GENSTORE_CONFIG_RESOLVE_H

#include "src/config/setting.h"
#include "store/envelope.h"
#include "store/store.h"

enum setting_source { FROM_DEFAULT, FROM_STORE, FROM_ENVIRONMENT, FROM_FLAG, SETTING_SOURCES };
const char *setting_source_name(enum setting_source source);

struct setting_value {
	enum setting_source source;
	char *text;           /* as it was written; NULL: not set, or a secret */
	const char *variable; /* FROM_ENVIRONMENT: which */
	bool sealed;          /* in the store */
	bool valid;           /* false: what stands there cannot be it */
};
void setting_value_release(struct setting_value *v);
/* Where it comes from and what is written there, whatever that is. -errno with the store's words. */
int setting_look(struct genstore *st, const struct setting *s, struct setting_value *ret_v);
/* The variable that sets it in this process, or NULL. *ret_text is borrowed. */
const char *setting_variable(const struct setting *s, const char **ret_text);

/*
 * These are for who uses it. key: of the table. NULL: it is not set, and has no default. -EINVAL: what is written cannot be it; -EKEYREJECTED: it is sealed and should
 * not be. Words go to why.
 */
int setting_get(struct genstore *st, const char *key, char **ret_value, struct buf *why);
/* Of numbers, sizes, durations (ms) and answers (0, 1), which all have a default. *ret_source, where not NULL, says where it is from. */
int setting_get_number(struct genstore *st, const char *key, int64_t *ret_n, enum setting_source *ret_source, struct buf *why);

enum { SECRET_NONE, SECRET_GIVEN, SECRET_SEALED };
/*
 * A secret: SECRET_GIVEN by the environment, which is in ret_value then, or SECRET_SEALED in the store. -EINVAL with words, which do not have it.
 * A value in the clear, that another program left in the store, is refused.
 */
int setting_get_secret(struct genstore *st, const char *key, struct secret_bytes *ret_value, struct buf *why);

/* What generations are held to where nothing else is said: settings generate.*. */
struct limits {
	int64_t iterations, silence_ms, decision_ms, max_bytes, max_log;
	bool decision_is_set;
	const char *to; /* remotes, of the table; NULL: none */
};
int limits_load(struct genstore *st, struct limits *ret_l, struct buf *why);

#endif
