/* What a browser or a generated client is given as it is: the files below src/serve/web. */
#ifndef GENSTORE_SERVE_WEB_H
#define GENSTORE_SERVE_WEB_H

#include "src/embedded.h"

extern const struct embedded_file web_files[];

#endif
