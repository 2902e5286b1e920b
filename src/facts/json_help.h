/* jansson, for readers whose files are JSON or become it. */
#ifndef GENSTORE_FACTS_JSON_HELP_H
#define GENSTORE_FACTS_JSON_HELP_H

#include "src/facts/span.h"
#include "store/base/json_read.h"

/* object[a][b]..., NULL where there is none; the names end with NULL. */
static inline json_t *json_at(json_t *v, const char *const *names)
{
	for (; v && *names; names++)
		v = json_object_get(v, *names);
	return v;
}

/* "" for what is no string. */
static inline struct span json_span(const json_t *v)
{
	return json_is_string(v) ? (struct span){ json_string_value(v), json_string_length(v) } : span_of("");
}

#endif
