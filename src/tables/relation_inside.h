/* What relation_list.c is put together from. */
#ifndef GENSTORE_TABLES_RELATION_INSIDE_H
#define GENSTORE_TABLES_RELATION_INSIDE_H

#include "src/tables/relation.h"

extern const char
	ddl_users[], ddl_organizations[], ddl_memberships[], ddl_apps[], ddl_generation_requests[], ddl_iteration_snapshots[],
	ddl_generation_costs[], ddl_generation_events[], ddl_sessions[], ddl_conversations[], ddl_artifacts[],
	ddl_deployment_config[], ddl_user_secrets[], ddl_tokens[], ddl_access_keys[], ddl_audit_log[];

/* A generation begins as queued, whoever writes it: from there to the status that it had, and the times that it had. */
int generation_arrives(struct genstore *st, const struct cell *row);

#endif
