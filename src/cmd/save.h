/* An object into a file that appears whole or not at all, or to standard output. */
#ifndef GENSTORE_SAVE_H
#define GENSTORE_SAVE_H

#include "src/cmd/cmd.h"
#include "store/object.h"

struct save {
	const char *file;    /* "-": standard output */
	bool force;          /* replaces file */
	const char *what;    /* for people: "the archive of 'req_x'" */
	const uint8_t *sha256; /* what it has to be, before the file gets its name; NULL: not known */
};

/* 0, or an exit code with the error told. Where the reader of standard output has left it is 0, too. */
int save_object(struct cli *cli, const struct object *o, const struct save *how, uint8_t ret_sha256[SHA256_SIZE]);

#endif
