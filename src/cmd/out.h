/*
 * Data on stdout: tables for people, objects for programs. And the progress bar on stderr.
 */
#ifndef GENSTORE_OUT_H
#define GENSTORE_OUT_H

#include "src/cmd/cmd.h"

/*
 * One JSON object on a line of stdout:
 *	struct jw j;
 *	AUTO(buf_release) struct buf line = BUF_INIT;
 *	out_object(&j, &line, "generation");
 *	jw_str(&j, "request_id", id);
 *	out_object_end(&j);
 */
void out_object(struct jw *j, struct buf *line, const char *message_type);
void out_object_end(struct jw *j);
/* An address that works for so many seconds, of what `key` names; with --json with the time of its end. */
void out_url(const struct cli *cli, const char *key, const char *id, const char *url, int64_t seconds);
/* The same where many come at once: they are written together. */
void out_object_more(struct jw *j);
/* A value that is JSON already, as a column holds it: NULL is null, and line breaks between its tokens become spaces. */
void out_json(struct jw *j, const char *key, const char *text);
/* The columns of a generation under their schema names, into an open object. */
void out_generation(struct jw *j, const struct generation *g);

/* The columns of a question likewise. */
struct question;
void out_question(struct jw *j, const struct question *q);

/* A table: all cells first, columns as wide as they need. Numbers are given as text. */
struct table {
	struct buf cells; /* NUL-terminated texts, row by row */
	const char *const *titles;
	size_t columns;
	const char *align; /* 'l' or 'r' for each column */
	bool untitled;     /* goes on where another one ended */
};
void table_begin(struct table *t, const char *const *titles, size_t columns, const char *align);
void table_cell(struct table *t, const char *text);
void table_cellf(struct table *t, const char *fmt, ...) PRINTF(2, 3);
/* Prints and releases. Rows only, with no title line, when there are no rows prints nothing. */
void table_end(struct table *t);

/* "12.3 MB" (powers of 1000), into a buffer of the caller's. */
enum { HUMAN_SIZE = 32 };
const char *human_bytes(int64_t n, char out[HUMAN_SIZE]);
const char *human_ms(int64_t ms, char out[HUMAN_SIZE]);

/* Bytes to stdout: 0, or an exit code with the error told. When their reader has left, EXIT_DONE and ferror(stdout). */
int out_bytes(struct cli *cli, const void *data, size_t n);
/* All of stdout made it out: call before exiting 0. -errno when not (a full disk). */
int out_flush(void);
/* Tells why stdout could not be written, errno's words; a reader that left (`| head`) has what it wanted: EXIT_DONE. */
int out_failed(struct cli *cli);

/*
 * A bar on stderr while it is a terminal and neither -q nor --json is given; with --json `progress` objects, at most five a second.
 * total 0: unknown. For bytes it also says how many a second, and the time that is left.
 */
struct progress {
	const struct cli *cli;
	const char *what;
	int64_t total, last_ms, began_ms;
	bool shown;
};
void progress_begin(struct progress *p, const struct cli *cli, const char *what, int64_t total);
void progress_update(struct progress *p, int64_t done, const char *unit);
void progress_end(struct progress *p);

#endif
