/*
 * SQL as tokens, of PostgreSQL, SQLite, MySQL and SQL Server alike: comments, string literals (also E'' and, where identifiers are in
 * backticks, MySQL's backslashes), "x" `x` [x] identifiers, dollar quoting, and the data of COPY ... FROM stdin.
 */
#ifndef GENSTORE_FACTS_SQL_LEX_H
#define GENSTORE_FACTS_SQL_LEX_H

#include "src/facts/span.h"

enum sql_kind { SQL_END, SQL_WORD, SQL_QUOTED, SQL_STRING, SQL_NUMBER, SQL_PUNCT };

struct sql_token {
	enum sql_kind kind;
	struct span text; /* of SQL_QUOTED without its quotes, doubled ones as they are; of others as it stands */
};

struct sql_lexer {
	const char *p, *begin, *end;
	bool backslashes;  /* in string literals they escape */
	bool is_down;      /* a migration tool's mark was passed behind which stands how to undo it */
};

struct sql_lexer sql_lexer_of(struct span text);
/* SQL_END for ever at the end, and at what a tool marks as the way back (goose, dbmate, sql-migrate). Linear in the text. */
struct sql_token sql_next(struct sql_lexer *l);
/* Behind COPY ... FROM stdin; : past its data. */
void sql_skip_copy(struct sql_lexer *l);

static inline bool sql_is(const struct sql_token *t, char c)
{
	return t->kind == SQL_PUNCT && *t->text.p == c;
}

static inline bool sql_is_word(const struct sql_token *t, const char *word)
{
	return t->kind == SQL_WORD && span_is_nocase(t->text, word);
}

#endif
