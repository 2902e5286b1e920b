/* Files that are part of the program: tools/embed makes the tables. */
#ifndef GENSTORE_EMBEDDED_H
#define GENSTORE_EMBEDDED_H

#include "store/base/base.h"

struct embedded_file {
	const char *path; /* below the folder that was embedded; NULL ends the list */
	const unsigned char *data;
	size_t size;
};

#endif
