/* Facts as text, one a line: "D name | part | value", T for tables, R for routes; in the order of names. */
#ifndef GENSTORE_FACTS_FIXTURE_H
#define GENSTORE_FACTS_FIXTURE_H

#include "src/facts/readers.h"
#include "store/base/buf.h"

#define FACTS AUTO(facts_release) struct facts

void facts_text(struct facts *f, struct buf *out);
/* What is in a file of that path, or "-EBADMSG" and so on. The text is copied to the end of a block, where sanitizers see who reads on. */
const char *facts_of(const char *path, const char *text, struct buf *out);
/* What SQL files leave: path, text, path, text, ..., NULL. */
const char *schema_of(struct buf *out, ...);

#endif
