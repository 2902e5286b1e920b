/*
 * Where the conversation with a generator stands, whatever carries it: the connection states of WSI v2.1 as one table.
 *
 *   connecting -> ready -> active <-> prompting -> completed -> disconnected;  any -> error -> disconnected;  completed -> ready
 */
#ifndef GENSTORE_WSI_STATE_H
#define GENSTORE_WSI_STATE_H

#include "src/wsi/message.h"

enum wsi_state {
	WSI_CONNECTING, /* nothing was said that counts */
	WSI_IS_READY,
	WSI_ACTIVE,     /* it has its orders */
	WSI_PROMPTING,  /* it has asked, and waits */
	WSI_COMPLETED,
	WSI_DISCONNECTED,
	WSI_FAILED,
	WSI_STATES
};

enum wsi_event {
	WSI_ANYTHING,   /* a message that changes nothing */
	WSI_SAYS_READY,
	WSI_ORDERED,    /* start_generation was sent */
	WSI_WORKS,      /* what only who has orders can say */
	WSI_ASKS,
	WSI_ANSWERED,
	WSI_COMPLETES,
	WSI_BREAKS,
	WSI_DROPS,      /* the connection is gone */
	WSI_EVENTS
};

struct wsi_link {
	enum wsi_state state, before; /* before: what a new connection goes on with */
};

/* The event that a message is. An `error` that is not fatal is none. */
enum wsi_event wsi_event_of(const struct wsi_message *m);
/* Moves on. False, and nothing moves, where the table has no such step: then the message has no effect. */
bool wsi_link_take(struct wsi_link *l, enum wsi_event event);
/* The same generator is connected again: it goes on where it was. */
void wsi_link_resume(struct wsi_link *l);
/* "connecting", ... as the contract calls them. */
const char *wsi_state_name(enum wsi_state state);

#endif
