/* libmicrohttpd, loaded when a server starts: it brings GnuTLS and ten others along. See src/lazy.h. */
#ifndef GENSTORE_SERVE_MHD_H
#define GENSTORE_SERVE_MHD_H

#include "src/lazy.h"

#include <microhttpd.h>

#define MHD_CALLS(X)                                                                                                          \
	X(start_daemon) X(quiesce_daemon) X(stop_daemon)                                                                      \
	X(get_connection_info) X(get_connection_values) X(lookup_connection_value)                                            \
	X(create_response_from_buffer) X(create_response_from_callback) X(create_response_for_upgrade) X(add_response_header) X(queue_response)                \
	X(destroy_response) X(upgrade_action)

/* Its functions, without `MHD_`. */
struct mhd {
#define MHD_MEMBER(name) __typeof__(MHD_##name) *name;
	MHD_CALLS(MHD_MEMBER)
#undef MHD_MEMBER
};

/* The first call loads it, from whatever thread: 0, or -ENOPKG with the reason appended to `why`. */
int mhd_load(struct buf *why);
/* For whoever runs because it was loaded. */
const struct mhd *mhd(void);

#endif
