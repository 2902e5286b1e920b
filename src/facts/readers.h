/*
 * Which files hold facts, and who reads them. Readers are pure: bytes in, facts out. They take nothing for granted, run in
 * time proportional to the file, and read what they were made for, not the whole of a language.
 */
#ifndef GENSTORE_FACTS_READERS_H
#define GENSTORE_FACTS_READERS_H

#include "src/facts/facts.h"

#include <jansson.h>

enum { FACTS_FILE_MAX = 1 << 20 }; /* bytes of one file; larger ones are not read */

/* Whether any reader wants this path. */
bool facts_wants(const char *path);
/*
 * All that want it. text is followed by a NUL that it does not count. -EBADMSG: the file is not what its name says; f has
 * what was found before that.
 */
int facts_read(struct facts *f, const char *path, struct span text);

/* The reader of Drizzle files alone: paths it wants, and texts in which there is anything for it. */
bool drizzle_wants(const char *path);
bool drizzle_may(struct span text);

/* Each reads one file, text as above. */
typedef int fact_reader(struct facts *f, const char *path, struct span text);
fact_reader read_package_json, read_requirements, read_pyproject, read_go_mod, read_cargo;
fact_reader read_drizzle, read_routes_js, read_routes_next, read_routes_py;

/*
 * SQL files make a schema only together: each changes what those before it left. `tables` is a JSON object of the reader's own,
 * empty at first, which goes from file to file; sql_facts() says what there is in the end. *left is the memory, in about bytes, that the tables
 * may still take, of all such objects together: -EFBIG beyond.
 */
bool sql_wants(const char *path);
/* What of a path names the folder whose SQL files belong together: the one called migrations (or so), else that of the file. */
struct span sql_folder(const char *path);
enum { SQL_MEMORY = 128 << 20 }; /* enough to begin with */
int sql_read(json_t *tables, const char *path, struct span text, size_t *left);
int sql_facts(json_t *tables, struct facts *f);

#endif
