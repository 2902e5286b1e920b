/*
 * What is counted of requests, for /metrics. The sets of labels are closed: methods and classes of status, nothing that comes from outside.
 * Every function may be called from any thread.
 */
#ifndef GENSTORE_SERVE_METER_H
#define GENSTORE_SERVE_METER_H

#include "src/serve/server.h"

struct meter;
/* NULL: no memory. */
struct meter *meter_new(void);
void meter_free(struct meter *m);
/* A request is over. */
void meter_take(struct meter *m, const struct request *q, int64_t ms);
/* Appends the families of OpenMetrics 1.0, without the `# EOF`. */
void meter_write(const struct meter *m, struct buf *out);

#endif
