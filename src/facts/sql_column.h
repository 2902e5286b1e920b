/* Definitions of columns, out of tokens: {"type": ..., "not null": true, "default": ..., "rest": ...}, of which each can change alone. */
#ifndef GENSTORE_FACTS_SQL_COLUMN_H
#define GENSTORE_FACTS_SQL_COLUMN_H

#include "src/facts/json_help.h"
#include "src/facts/sql_lex.h"
#include "store/base/buf.h"

/* The tokens of one statement, and how far they were read. */
struct sql_tokens {
	struct buf list; /* of struct sql_token */
	size_t at;
};

/* SQL_END behind the last. */
struct sql_token sql_peek(const struct sql_tokens *t, size_t ahead);
/* Goes past the word if it is next. */
bool sql_take_word(struct sql_tokens *t, const char *word);
bool sql_take(struct sql_tokens *t, char c);
/* Goes to the ',' or ')' that ends what stands there, or to the end. */
void sql_skip_item(struct sql_tokens *t);
/* Bytes of the tokens from that one up to where it stands. */
size_t sql_text_since(const struct sql_tokens *t, size_t begin);

/* "a.b" -> text, unquoted parts in lower case, the schemas everybody has left out. false: there is no name. */
bool sql_name(struct sql_tokens *t, struct buf *out);
/* The definition that stands there, up to the ',' or ')' behind it. NULL: no memory. */
json_t *sql_definition(struct sql_tokens *t);
/* As one text: "varchar(20) not null default 'x' unique". */
void sql_definition_text(const json_t *definition, struct buf *out);

#endif
