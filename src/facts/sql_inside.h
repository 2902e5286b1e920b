/* What sql.c and sql_alter.c share. */
#ifndef GENSTORE_FACTS_SQL_INSIDE_H
#define GENSTORE_FACTS_SQL_INSIDE_H

#include "src/facts/sql_column.h"

struct sql_statement {
	struct sql_tokens t;
	json_t *tables;
	const char *path;
	size_t *left; /* of memory, as sql_read() has it */
};

/* NULL: there is no such table. Whatever is done to its columns then is nothing. */
json_t *sql_columns_of(const struct sql_statement *s, const char *table);
/* Whether what stands there, in a list of columns, is something else. */
bool sql_is_constraint(const struct sql_statement *s);
/* "name definition", and a list of them in parentheses where one stands there. -ENOMEM. */
int sql_put_column(struct sql_statement *s, json_t *columns);
int sql_put_columns(struct sql_statement *s, json_t *columns);
/* Past IF [NOT] EXISTS, if it stands there. */
bool sql_take_if(struct sql_statement *s, bool not);
int sql_move(json_t *object, const char *from, const char *to);

/* Behind ALTER. */
int sql_alter(struct sql_statement *s);

#endif
