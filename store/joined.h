/* Objects one after the other, as one. */
#ifndef GENSTORE_JOINED_H
#define GENSTORE_JOINED_H

#include "store/object.h"

struct joined;
/* Room for so many; joined_add() takes a reference. */
int joined_new(size_t most, struct joined **ret_j);
void joined_free(struct joined *j);
void joined_freep(struct joined **j);
void joined_add(struct joined *j, struct object *part);
int64_t joined_size(const struct joined *j);
/* It is an object from now on, with one reference; nothing is added any more. */
struct object *joined_object(struct joined *j);

#endif
