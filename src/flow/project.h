/* Which Supabase project a generator took for its app: its reference, which stands in the address that everybody sees. No secret. */
#ifndef GENSTORE_FLOW_PROJECT_H
#define GENSTORE_FLOW_PROJECT_H

#include "src/flow/state.h"

enum { PROJECT_REF_MAX = 64 };

/*
 * As a message tells it: in a field supabase_project_ref, or by credentials: SUPABASE_PROJECT_REF (or _ID), or SUPABASE_URL,
 * https://REF.supabase.co, also with something before these names (NEXT_PUBLIC_, VITE_). False: it does not.
 */
bool project_of(const struct wsi_message *m, char ret_ref[PROJECT_REF_MAX + 1]);
/* Into the generation's row. */
int project_keep(struct flow *f, const struct wsi_message *m);

#endif
