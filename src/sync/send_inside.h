/* The states of a send, and what its two files share. */
#ifndef GENSTORE_SYNC_SEND_INSIDE_H
#define GENSTORE_SYNC_SEND_INSIDE_H

#include "src/sync/send.h"

enum send_state {
	SEND_LOADING,  /* whole: waits for memory */
	SEND_WHOLE,    /* its PUT goes on */
	SEND_LOOKING,  /* something is at the key: its HEAD goes on */
	SEND_READING,  /* ... and only its bytes can tell whether it is ours */
	SEND_OPENING,  /* parts: taken up again, or begun */
	SEND_OPENED,
	SEND_SENDING,  /* parts go on */
	SEND_CLOSING,
	SEND_LISTING,  /* other uploads to the same key are given up: what they were for is there */
	SEND_ABORTING,
	SEND_OVER,
};

void send_fail(struct send *x, int r, const char *words);
/* What is at the key is looked at. */
void send_look(struct send *x);
bool send_is_large(const struct send *x);
/* Memory for a body, or NULL: there is none now, and send_fail() where there never will be. */
uint8_t *send_take(struct send *x, int64_t n);
void send_give(struct send *x, uint8_t *body, int64_t n);
/* Reads our bytes. */
int send_read(struct send *x, int64_t at, int64_t n, uint8_t *out);

/* The states of parts, in send_parts.c. */
void send_opening(struct send *x);
void send_opened(struct send *x);
void send_sending(struct send *x);
void send_closing(struct send *x);
void send_listing(struct send *x);
void send_aborting(struct send *x);
/* It is there: the rest is tidied up, then it is over. */
void send_tidy(struct send *x);
/* Our own upload is given up; then it is over with r. */
void send_give_up(struct send *x);
void send_slots_release(struct send *x);

#endif
