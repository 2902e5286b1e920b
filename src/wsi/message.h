/*
 * WSI v2.1, the messages between the orchestrator (this program) and a generator, whatever carries them. One table in
 * message.c says of each type which fields it must have, how serious it is, and how it reads as a line.
 *
 * Unknown types and fields are harmless: they are kept. An optional field of the wrong type, or null, counts as absent.
 */
#ifndef GENSTORE_WSI_MESSAGE_H
#define GENSTORE_WSI_MESSAGE_H

#include "store/base/json.h"

#include <jansson.h>

enum { WSI_MESSAGE_MAX = 16 << 20, WSI_VALUES_MAX = 100000 };

enum wsi_kind {
	WSI_UNKNOWN,
	WSI_READY, WSI_LOG, WSI_CONVERSATION_LOG, WSI_PROGRESS, WSI_DECISION_PROMPT, WSI_DECISION_FOLLOW_UP,
	WSI_SESSION_LOADED, WSI_SESSION_SAVED, WSI_SESSION_CLEARED, WSI_CONTEXT_DISPLAY, WSI_ITERATION_COMPLETE,
	WSI_ALL_WORK_COMPLETE, WSI_TASK_INTERRUPTED, WSI_ERROR, WSI_SCREENSHOT, WSI_SUMMARY_UPDATE, WSI_PROCESS_MONITOR,
	WSI_FRIENDLY_LOG, WSI_SHUTDOWN_READY, WSI_SHUTDOWN_FAILED,
	WSI_KINDS
};

struct wsi_message {
	enum wsi_kind kind;
	const char *type; /* as it came; borrowed from json */
	json_t *json;     /* an object */
};

/*
 * 1: a message, also of an unknown type, to be released. 0: the text is no JSON object with a string `type`: a line of log.
 * -EBADMSG: a known type without what it requires, words in why; -EFBIG: over WSI_MESSAGE_MAX bytes or WSI_VALUES_MAX values.
 */
int wsi_parse(const char *text, size_t n, struct wsi_message *ret_m, struct buf *why);
void wsi_release(struct wsi_message *m);

/* Fields; what is absent or of another type is NULL, or the default. Text is borrowed. */
const char *wsi_text(const struct wsi_message *m, const char *field);
int64_t wsi_int(const struct wsi_message *m, const char *field, int64_t otherwise);
double wsi_real(const struct wsi_message *m, const char *field, double otherwise);
/* What is counted (tokens, milliseconds; USD): from 0 to WSI_COUNT_MAX, so that sums stay numbers whatever a generator claims. */
#define WSI_COUNT_MAX ((int64_t)1 << 40)
int64_t wsi_count(const struct wsi_message *m, const char *field, int64_t otherwise);
double wsi_cost(const struct wsi_message *m, const char *field, double otherwise);
bool wsi_bool(const struct wsi_message *m, const char *field, bool otherwise);
/* An object or array, borrowed. */
json_t *wsi_tree(const struct wsi_message *m, const char *field);

/* debug, info, warn or error. */
const char *wsi_level(const struct wsi_message *m);
enum { WSI_FIELD_MAX = 66 << 10 }; /* bytes of a field in the line: more than any reader keeps of it */
/* The message as a line for people; control characters are the reader's business. */
int wsi_line(const struct wsi_message *m, struct buf *out);
/*
 * The message as JSON to be kept, without what has no place in a log: values of credentials, bytes of a screenshot.
 * Beyond max bytes, or absurdly deep, only its type and size.
 */
int wsi_data(const struct wsi_message *m, size_t max, struct buf *out);

/* What the orchestrator says. Each appends one JSON object without a newline; NULL fields are left out. */
struct wsi_start {
	const char *prompt, *mode, *app_name, *user_id, *app_id;
	const char *app_path, *resume_session_id; /* to resume */
	const char *output_dir, *github_clone_url;
	const json_t *enable_subagents, *attachments; /* a boolean; [{name, storagePath, size, mimeType}]; borrowed, or NULL */
	int64_t max_iterations;
	/* Says that a control_command `resume` follows each iteration_complete but the last, once its tree is kept. Only to those who asked in `ready`. */
	bool acknowledge;
};
int wsi_start_generation(struct buf *out, const struct wsi_start *s);
/* command: pause, resume, cancel, stop_request, prepare_shutdown. */
int wsi_control(struct buf *out, const char *command, const char *reason);
int wsi_user_input(struct buf *out, const char *content);
/* parent_id: of the prompt that a follow-up belongs to; input: what was typed with the choice. */
int wsi_decision_response(struct buf *out, const char *id, const char *choice, const char *parent_id, const char *input);

#endif
