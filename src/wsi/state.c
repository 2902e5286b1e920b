#include "src/wsi/state.h"

/* What a step leads to, plus one: 0 is no step. */
#define TO(state) ((state) + 1)

static const struct {
	const char *name;
	int next[WSI_EVENTS];
} states[WSI_STATES] = {
	[WSI_CONNECTING] = { "connecting", {
		[WSI_ANYTHING] = TO(WSI_CONNECTING), [WSI_SAYS_READY] = TO(WSI_IS_READY),
		[WSI_BREAKS] = TO(WSI_FAILED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	[WSI_IS_READY] = { "ready", {
		[WSI_ANYTHING] = TO(WSI_IS_READY), [WSI_SAYS_READY] = TO(WSI_IS_READY), [WSI_ORDERED] = TO(WSI_ACTIVE),
		[WSI_BREAKS] = TO(WSI_FAILED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	/* ready again: it has come back, and has its orders. */
	[WSI_ACTIVE] = { "active", {
		[WSI_ANYTHING] = TO(WSI_ACTIVE), [WSI_SAYS_READY] = TO(WSI_ACTIVE), [WSI_WORKS] = TO(WSI_ACTIVE),
		[WSI_ASKS] = TO(WSI_PROMPTING), [WSI_ANSWERED] = TO(WSI_ACTIVE), [WSI_COMPLETES] = TO(WSI_COMPLETED),
		[WSI_BREAKS] = TO(WSI_FAILED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	[WSI_PROMPTING] = { "prompting", {
		[WSI_ANYTHING] = TO(WSI_PROMPTING), [WSI_SAYS_READY] = TO(WSI_PROMPTING), [WSI_WORKS] = TO(WSI_PROMPTING),
		[WSI_ASKS] = TO(WSI_PROMPTING), [WSI_ANSWERED] = TO(WSI_ACTIVE), [WSI_COMPLETES] = TO(WSI_COMPLETED),
		[WSI_BREAKS] = TO(WSI_FAILED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	[WSI_COMPLETED] = { "completed", {
		[WSI_ANYTHING] = TO(WSI_COMPLETED), [WSI_SAYS_READY] = TO(WSI_IS_READY), [WSI_BREAKS] = TO(WSI_FAILED),
		[WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	[WSI_DISCONNECTED] = { "disconnected", { [WSI_ANYTHING] = TO(WSI_DISCONNECTED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
	[WSI_FAILED] = { "error", { [WSI_ANYTHING] = TO(WSI_FAILED), [WSI_DROPS] = TO(WSI_DISCONNECTED) } },
};

enum wsi_event wsi_event_of(const struct wsi_message *m)
{
	static const enum wsi_event events[WSI_KINDS] = {
		[WSI_READY] = WSI_SAYS_READY, [WSI_DECISION_PROMPT] = WSI_ASKS, [WSI_DECISION_FOLLOW_UP] = WSI_ASKS,
		[WSI_ITERATION_COMPLETE] = WSI_WORKS, [WSI_TASK_INTERRUPTED] = WSI_WORKS,
		[WSI_ALL_WORK_COMPLETE] = WSI_COMPLETES, [WSI_ERROR] = WSI_BREAKS,
	};

	if (m->kind == WSI_ERROR && !wsi_bool(m, "fatal", true))
		return WSI_ANYTHING;
	return events[m->kind];
}

bool wsi_link_take(struct wsi_link *l, enum wsi_event event)
{
	int next = states[l->state].next[event];

	if (!next)
		return false;
	if (event == WSI_DROPS && l->state != WSI_DISCONNECTED)
		l->before = l->state;
	l->state = (enum wsi_state)(next - 1);
	return true;
}

void wsi_link_resume(struct wsi_link *l)
{
	if (l->state == WSI_DISCONNECTED)
		l->state = l->before;
}

const char *wsi_state_name(enum wsi_state state)
{
	return states[state].name;
}
