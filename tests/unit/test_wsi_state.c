#include "src/wsi/state.h"
#include "tests/unit/test.h"

/* Takes the events one after the other; how many were taken. */
static size_t walk(struct wsi_link *l, const enum wsi_event *events, size_t n)
{
	size_t taken = 0;

	for (size_t i = 0; i < n; i++)
		taken += wsi_link_take(l, events[i]);
	return taken;
}

TEST(a_conversation_goes_through_the_states_of_the_contract)
{
	static const struct { enum wsi_event event; const char *state; } steps[] = {
		{ WSI_SAYS_READY, "ready" }, { WSI_ORDERED, "active" }, { WSI_WORKS, "active" }, { WSI_ASKS, "prompting" },
		{ WSI_ANSWERED, "active" }, { WSI_COMPLETES, "completed" }, { WSI_SAYS_READY, "ready" }, { WSI_ORDERED, "active" },
		{ WSI_BREAKS, "error" }, { WSI_DROPS, "disconnected" },
	};
	struct wsi_link l = { .state = WSI_CONNECTING };

	for (size_t i = 0; i < ARRAY_LEN(steps); i++) {
		CHECK(wsi_link_take(&l, steps[i].event));
		CHECK_STR(wsi_state_name(l.state), steps[i].state);
	}
}

TEST(who_has_no_orders_completes_nothing)
{
	static const enum wsi_event early[] = { WSI_WORKS, WSI_ASKS, WSI_COMPLETES };
	struct wsi_link l = { .state = WSI_CONNECTING };

	CHECK_EQ(walk(&l, early, ARRAY_LEN(early)), 0);
	CHECK_EQ(l.state, WSI_CONNECTING);
	wsi_link_take(&l, WSI_SAYS_READY);
	CHECK_EQ(walk(&l, early, ARRAY_LEN(early)), 0);
	CHECK_EQ(l.state, WSI_IS_READY);
}

TEST(who_comes_back_goes_on_where_it_was)
{
	static const enum wsi_event asked[] = { WSI_SAYS_READY, WSI_ORDERED, WSI_ASKS, WSI_DROPS, WSI_DROPS };
	struct wsi_link l = { .state = WSI_CONNECTING };

	CHECK_EQ(walk(&l, asked, ARRAY_LEN(asked)), ARRAY_LEN(asked));
	CHECK_EQ(l.state, WSI_DISCONNECTED);
	wsi_link_resume(&l);
	CHECK_EQ(l.state, WSI_PROMPTING);
	CHECK(wsi_link_take(&l, WSI_SAYS_READY));
	CHECK_EQ(l.state, WSI_PROMPTING);
}

TEST(an_error_that_is_not_fatal_changes_nothing)
{
	static const struct { const char *text; enum wsi_event event; } table[] = {
		{ "{\"type\":\"error\",\"message\":\"m\"}", WSI_BREAKS },
		{ "{\"type\":\"error\",\"message\":\"m\",\"fatal\":false}", WSI_ANYTHING },
		{ "{\"type\":\"log\",\"line\":\"l\"}", WSI_ANYTHING },
		{ "{\"type\":\"telepathy\"}", WSI_ANYTHING },
		{ "{\"type\":\"ready\"}", WSI_SAYS_READY },
	};

	for (size_t i = 0; i < ARRAY_LEN(table); i++) {
		AUTO(wsi_release) struct wsi_message m = { 0 };
		AUTO(buf_release) struct buf why = BUF_INIT;

		CHECK_EQ(wsi_parse(table[i].text, strlen(table[i].text), &m, &why), 1);
		CHECK_EQ(wsi_event_of(&m), table[i].event);
	}
}
