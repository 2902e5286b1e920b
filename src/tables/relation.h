/*
 * The tables that a store shows to others, as data: columns with their types in PostgreSQL, the statements that read and write rows, the order in
 * which references are whole. export and import walk over these; what is not listed here (pieces, contents, manifests, seals, keys, sums) is how
 * bytes are kept, and leaves the store as archives and trees.
 */
#ifndef GENSTORE_TABLES_RELATION_H
#define GENSTORE_TABLES_RELATION_H

#include "store/base/utf8.h"
#include "store/store.h"

enum column_type {
	COLUMN_TEXT,
	COLUMN_INT,    /* PostgreSQL's int4 */
	COLUMN_BIGINT,
	COLUMN_REAL,
	COLUMN_BOOL,   /* 0 and 1 in the store */
	COLUMN_UUID,
	COLUMN_TIME,   /* RFC 3339 text in the store, timestamptz there */
	COLUMN_JSON,   /* text in the store, jsonb there */
	COLUMN_TREE,   /* files_snapshot: a manifest in the store, the JSON of all files elsewhere */
	COLUMN_HASH,   /* a blob in the store, bytea there */
};

enum column_flag {
	COLUMN_SECRET = 1,  /* NULL in whatever is to hold no secrets */
	COLUMN_INDEXED = 2, /* text in an index there, which holds less than 2,700 bytes of it */
	COLUMN_NEEDED = 4,  /* NOT NULL without a default */
};

struct column {
	const char *name; /* NULL ends a table's columns */
	enum column_type type;
	unsigned flags;
	const char *otherwise; /* NOT NULL in the store: what stands there where a file has no such column; NULL: NULL */
};

/* As such: the time of the import. */
#define RELATION_NOW "now"

enum { RELATIONS_MAX = 32, COLUMNS_MAX = 32, RELATION_KEY_MAX = 100 };

enum cell_kind { CELL_NULL, CELL_INT, CELL_REAL, CELL_TEXT, CELL_BYTES };

/* A value, in the form of the store. Text and bytes are borrowed. */
struct cell {
	enum cell_kind kind;
	bool assumed; /* where it came from there is no such column */
	int64_t number;
	double real;
	const char *text;
	size_t n;
};

struct relation {
	const char *name;
	const struct column *columns;
	int keys;             /* the first so many columns are the primary key */
	const char *ddl;      /* for PostgreSQL: the table, then its indices; NULL: it goes into JSON only */
	const char *sequence; /* of a serial key: says the highest id ever given; NULL: the key is none */
	const char *select;   /* all rows by their key */
	const char *find;     /* one row by its key */
	const char *insert;
	/* Beyond the insert, for rows that came in: NULL for nothing. */
	int (*arrive)(struct genstore *st, const struct cell *row);
};

/* In an order in which no row refers to a later table; ended by a NULL name. */
extern const struct relation relations[];

int relation_width(const struct relation *t);
const struct relation *relation_named(const char *name);
/* A column's place, -1 when there is none. */
int relation_column(const struct relation *t, const char *name);

/* The row that a statement of the table stands at, its cells borrowed until the next step. */
void relation_row(const struct relation *t, const struct stmt *q, struct cell row[COLUMNS_MAX]);
/* A real number in the fewest digits that give it back; "Infinity", "-Infinity". */
enum { REAL_TEXT = 32 };
void real_text(double v, char out[REAL_TEXT]);
void relation_bind(struct stmt *q, const struct cell *cell);
/* Whether a row of deployment_config has a secret for its value: one that is sealed, or that should be. */
bool relation_is_secret_setting(const struct relation *t, const struct cell *row);
/* A row's key for people: "12", "a uuid, another". */
void relation_key(const struct relation *t, const struct cell *row, struct buf *out);

/* The types and the view that the tables' DDL needs, before and behind it. */
extern const char relations_types[], relations_view[];

#endif
