/*
 * Screenshots that a generator hands over: typed artifacts (`screenshot`) of the session that is called like the request, in the
 * organization that is called like its user. A log has no place for them.
 */
#ifndef GENSTORE_FLOW_SCREENSHOT_H
#define GENSTORE_FLOW_SCREENSHOT_H

#include "src/flow/state.h"

enum {
	SCREENSHOT_BYTES_MAX = WSI_MESSAGE_MAX / 4 * 3, /* of one: what a message can hold */
	SCREENSHOTS_MAX = 1000,                         /* of a generation */
	SCREENSHOT_TEXT_MAX = 4000,                     /* bytes of each of a generator's words about one */
};
#define SCREENSHOTS_BYTES_MAX ((int64_t)512 << 20) /* of a generation */

struct screenshot {
	json_t *owner;        /* of the bytes */
	const uint8_t *bytes;
	size_t n;
	const char *why;      /* it cannot be kept; NULL: it can */
};
void screenshot_release(struct screenshot *s);

/* Takes the picture (a data URI, or base64 alone) out of the message; null stands in its place. Its bytes are decoded where they are. */
void screenshot_take(struct wsi_message *m, struct screenshot *ret_s);
/* Keeps it. What cannot be kept is said in the log, and the generation goes on; what the store refuses is returned. */
int screenshot_keep(struct flow *f, const struct wsi_message *m, const struct screenshot *s);

#endif
