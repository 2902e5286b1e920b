/* jansson, which reads JSON here: base/json.h writes it. */
#ifndef GENSTORE_JSON_READ_H
#define GENSTORE_JSON_READ_H

#include <jansson.h>

/* For AUTO(). */
static inline void json_unref(json_t **v)
{
	json_decref(*v);
}

#endif
