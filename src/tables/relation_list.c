/* Which tables there are, and how rows of them are read and written. Their form in PostgreSQL is relation_ddl.c's. */
#include "src/tables/relation_inside.h"

#define END { NULL, COLUMN_TEXT, 0, NULL }
#define COLUMN(name, type, flags) { #name, COLUMN_##type, flags, NULL }
/* NOT NULL in the store: what stands there where a file has no such column. */
#define OR(name, type, otherwise) { #name, COLUMN_##type, 0, otherwise }
#define NOW RELATION_NOW

static const struct column users[] = {
	COLUMN(id, UUID, COLUMN_NEEDED),
	COLUMN(name, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	COLUMN(email, TEXT, 0),
	OR(created_at, TIME, NOW),
	END
};

static const struct column organizations[] = {
	COLUMN(organization_id, UUID, COLUMN_NEEDED),
	COLUMN(name, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	OR(created_at, TIME, NOW),
	END
};

static const struct column memberships[] = {
	COLUMN(organization_id, UUID, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	OR(role, TEXT, "member"),
	OR(created_at, TIME, NOW),
	END
};

static const struct column apps[] = {
	COLUMN(id, UUID, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	COLUMN(app_name, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	OR(last_generation_number, INT, "0"),
	COLUMN(legacy_app_id, TEXT, 0),
	OR(created_at, TIME, NOW),
	END
};

static const struct column generation_requests[] = {
	COLUMN(id, INT, COLUMN_NEEDED),
	COLUMN(uuid, UUID, COLUMN_NEEDED),
	COLUMN(request_id, TEXT, COLUMN_NEEDED),
	COLUMN(parent_request_id, TEXT, 0),
	COLUMN(app_id, UUID, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	COLUMN(app_name, TEXT, COLUMN_NEEDED),
	COLUMN(generation_number, INT, COLUMN_NEEDED),
	COLUMN(prompt, TEXT, 0),
	COLUMN(initial_prompt, TEXT, 0),
	COLUMN(status, TEXT, COLUMN_NEEDED),
	OR(generation_type, TEXT, "new"),
	OR(mode, TEXT, "single-shot"),
	COLUMN(github_url, TEXT, 0),
	COLUMN(github_commit, TEXT, 0),
	COLUMN(artifacts_github_url, TEXT, 0),
	COLUMN(deployment_url, TEXT, 0),
	COLUMN(error_message, TEXT, 0),
	COLUMN(max_iterations, INT, 0),
	OR(current_iteration, INT, "0"),
	COLUMN(last_session_id, TEXT, 0),
	COLUMN(s3_path, TEXT, 0),
	COLUMN(schema_snapshot, TEXT, 0),
	COLUMN(supabase_project_ref, TEXT, 0),
	OR(created_at, TIME, NOW),
	OR(updated_at, TIME, NOW),
	COLUMN(completed_at, TIME, 0),
	END
};

static const struct column iteration_snapshots[] = {
	COLUMN(id, INT, COLUMN_NEEDED),
	COLUMN(generation_request_id, INT, COLUMN_NEEDED),
	COLUMN(iteration_number, INT, COLUMN_NEEDED),
	OR(snapshot_type, TEXT, "automatic"),
	COLUMN(files_snapshot, TREE, 0),
	COLUMN(prompt_used, TEXT, 0),
	OR(timestamp, TIME, NOW),
	COLUMN(metadata, JSON, 0),
	END
};

static const struct column generation_costs[] = {
	COLUMN(id, INT, COLUMN_NEEDED),
	COLUMN(generation_request_id, INT, COLUMN_NEEDED),
	OR(iteration_number, INT, "0"),
	OR(input_tokens, BIGINT, "0"),
	OR(output_tokens, BIGINT, "0"),
	OR(duration_ms, BIGINT, "0"),
	OR(cost_usd, REAL, "0"),
	OR(created_at, TIME, NOW),
	END
};

static const struct column generation_events[] = {
	COLUMN(id, INT, COLUMN_NEEDED),
	COLUMN(generation_request_id, INT, COLUMN_NEEDED),
	COLUMN(position, BIGINT, COLUMN_NEEDED),
	COLUMN(at, TIME, COLUMN_NEEDED),
	COLUMN(type, TEXT, COLUMN_NEEDED),
	COLUMN(level, TEXT, COLUMN_NEEDED),
	COLUMN(line, TEXT, COLUMN_NEEDED),
	COLUMN(data, JSON, 0),
	END
};

static const struct column sessions[] = {
	COLUMN(session_id, UUID, COLUMN_NEEDED),
	COLUMN(organization_id, UUID, COLUMN_NEEDED),
	COLUMN(name, TEXT, COLUMN_INDEXED),
	OR(created_at, TIME, NOW),
	END
};

static const struct column conversations[] = {
	COLUMN(conversation_id, UUID, COLUMN_NEEDED),
	COLUMN(organization_id, UUID, COLUMN_NEEDED),
	COLUMN(name, TEXT, COLUMN_INDEXED),
	OR(created_at, TIME, NOW),
	END
};

static const struct column artifacts[] = {
	COLUMN(artifact_id, UUID, COLUMN_NEEDED),
	COLUMN(session_id, UUID, 0),
	COLUMN(conversation_id, UUID, 0),
	COLUMN(organization_id, UUID, COLUMN_NEEDED),
	COLUMN(artifact_type, TEXT, COLUMN_NEEDED),
	COLUMN(artifact_name, TEXT, COLUMN_NEEDED),
	COLUMN(storage_path, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	COLUMN(file_size, BIGINT, COLUMN_NEEDED),
	COLUMN(mime_type, TEXT, 0),
	COLUMN(metadata, JSON, 0),
	COLUMN(created_at, TIME, 0),
	END
};

static const struct column deployment_config[] = {
	COLUMN(key, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	COLUMN(value, TEXT, 0),
	OR(encrypted, BOOL, "0"),
	COLUMN(description, TEXT, 0),
	OR(updated_at, TIME, NOW),
	END
};

static const struct column user_secrets[] = {
	COLUMN(id, UUID, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	COLUMN(provider, TEXT, COLUMN_NEEDED | COLUMN_INDEXED),
	COLUMN(encrypted_token, TEXT, COLUMN_SECRET),
	COLUMN(expires_at, TIME, 0),
	OR(created_at, TIME, NOW),
	OR(updated_at, TIME, NOW),
	END
};

static const struct column tokens[] = {
	COLUMN(id, UUID, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	COLUMN(organization_id, UUID, 0),
	COLUMN(token_hash, HASH, COLUMN_SECRET),
	COLUMN(description, TEXT, 0),
	OR(created_at, TIME, NOW),
	COLUMN(expires_at, TIME, 0),
	COLUMN(last_used_at, TIME, 0),
	END
};

static const struct column access_keys[] = {
	COLUMN(access_key_id, TEXT, COLUMN_NEEDED),
	COLUMN(user_id, UUID, COLUMN_NEEDED),
	COLUMN(organization_id, UUID, 0),
	COLUMN(encrypted_secret, TEXT, COLUMN_SECRET),
	COLUMN(description, TEXT, 0),
	COLUMN(created_at, TIME, COLUMN_NEEDED),
	COLUMN(expires_at, TIME, 0),
	COLUMN(last_used_at, TIME, 0),
	END
};

static const struct column audit_log[] = {
	COLUMN(id, INT, COLUMN_NEEDED),
	OR(created_at, TIME, NOW),
	COLUMN(user_id, TEXT, 0),
	COLUMN(action, TEXT, COLUMN_NEEDED),
	COLUMN(subject, TEXT, COLUMN_NEEDED),
	COLUMN(details, JSON, 0),
	END
};

static const struct column archives[] = {
	COLUMN(generation_request_id, INT, 0),
	COLUMN(sealed_at, TIME, 0),
	COLUMN(size, BIGINT, 0),
	COLUMN(sha256, TEXT, 0),
	END
};

static const struct column artifact_bytes[] = {
	COLUMN(artifact_id, UUID, 0),
	COLUMN(size, BIGINT, 0),
	COLUMN(sha256, TEXT, 0),
	COLUMN(stored_at, TIME, 0),
	END
};

static const struct column outbox[] = {
	COLUMN(id, INT, 0),
	COLUMN(generation_request_id, INT, 0),
	COLUMN(remote, TEXT, 0),
	COLUMN(state, TEXT, 0),
	COLUMN(attempts, INT, 0),
	COLUMN(error, TEXT, 0),
	COLUMN(retry_at, TIME, 0),
	COLUMN(url, TEXT, 0),
	COLUMN(sent, BIGINT, 0),
	COLUMN(queued_at, TIME, 0),
	COLUMN(updated_at, TIME, 0),
	END
};

static const struct column remote_objects[] = {
	COLUMN(id, INT, 0),
	COLUMN(outbox_id, INT, 0),
	COLUMN(name, TEXT, 0),
	COLUMN(bucket, TEXT, 0),
	COLUMN(key, TEXT, 0),
	COLUMN(size, BIGINT, 0),
	COLUMN(sha256, TEXT, 0),
	COLUMN(etag, TEXT, 0),
	COLUMN(confirmed_at, TIME, 0),
	END
};

static const struct column generation_runs[] = {
	COLUMN(generation_request_id, INT, 0),
	COLUMN(command, JSON, 0),
	COLUMN(env, JSON, 0),
	COLUMN(silence_ms, BIGINT, 0),
	COLUMN(max_bytes, BIGINT, 0),
	COLUMN(decision_ms, BIGINT, 0),
	COLUMN(parent_iteration, INT, 0),
	END
};

static const struct column generation_questions[] = {
	COLUMN(generation_request_id, INT, 0),
	COLUMN(decision_id, TEXT, 0),
	COLUMN(parent_id, TEXT, 0),
	COLUMN(action, TEXT, 0),
	COLUMN(prompt, TEXT, 0),
	COLUMN(suggested_task, TEXT, 0),
	COLUMN(options, JSON, 0),
	COLUMN(allow_editor, BOOL, 0),
	COLUMN(asked_at, TIME, 0),
	COLUMN(until, TIME, 0),
	END
};

/* The columns above, in their order. */
#define USERS "id, name, email, created_at"
#define ORGANIZATIONS "organization_id, name, created_at"
#define MEMBERSHIPS "organization_id, user_id, role, created_at"
#define APPS "id, user_id, app_name, last_generation_number, legacy_app_id, created_at"
#define GENERATION_REQUESTS "id, uuid, request_id, parent_request_id, app_id, user_id, app_name, generation_number, prompt, " \
	"initial_prompt, status, generation_type, mode, github_url, github_commit, artifacts_github_url, " \
	"deployment_url, error_message, max_iterations, current_iteration, last_session_id, s3_path, schema_snapshot, " \
	"supabase_project_ref, created_at, updated_at, completed_at"
#define ITERATION_SNAPSHOTS "id, generation_request_id, iteration_number, snapshot_type, files_snapshot, prompt_used, timestamp, metadata"
#define GENERATION_COSTS "id, generation_request_id, iteration_number, input_tokens, output_tokens, duration_ms, cost_usd, created_at"
#define GENERATION_EVENTS "id, generation_request_id, position, at, type, level, line, data"
#define SESSIONS "session_id, organization_id, name, created_at"
#define CONVERSATIONS "conversation_id, organization_id, name, created_at"
#define ARTIFACTS "artifact_id, session_id, conversation_id, organization_id, artifact_type, artifact_name, storage_path, " \
	"file_size, mime_type, metadata, created_at"
#define DEPLOYMENT_CONFIG "key, value, encrypted, description, updated_at"
#define USER_SECRETS "id, user_id, provider, encrypted_token, expires_at, created_at, updated_at"
#define TOKENS "id, user_id, organization_id, token_hash, description, created_at, expires_at, last_used_at"
#define ACCESS_KEYS "access_key_id, user_id, organization_id, encrypted_secret, description, created_at, expires_at, last_used_at"
#define AUDIT_LOG "id, created_at, user_id, action, subject, details"
#define OUTBOX "id, generation_request_id, remote, state, attempts, error, retry_at, url, sent, queued_at, updated_at"
#define GENERATION_RUNS "generation_request_id, command, env, silence_ms, max_bytes, decision_ms, parent_iteration"
#define GENERATION_QUESTIONS "generation_request_id, decision_id, parent_id, action, prompt, suggested_task, options, allow_editor, " \
	"asked_at, until"

const struct relation relations[] = {
	{
		.name = "users", .columns = users, .keys = 1,
		.ddl = ddl_users,
		.select = "SELECT " USERS " FROM users ORDER BY id",
		.find = "SELECT " USERS " FROM users WHERE id = ?",
		.insert = "INSERT INTO main.users (" USERS ") VALUES (?, ?, ?, ?)",
	},
	{
		.name = "organizations", .columns = organizations, .keys = 1,
		.ddl = ddl_organizations,
		.select = "SELECT " ORGANIZATIONS " FROM organizations ORDER BY organization_id",
		.find = "SELECT " ORGANIZATIONS " FROM organizations WHERE organization_id = ?",
		.insert = "INSERT INTO main.organizations (" ORGANIZATIONS ") VALUES (?, ?, ?)",
	},
	{
		.name = "memberships", .columns = memberships, .keys = 2,
		.ddl = ddl_memberships,
		.select = "SELECT " MEMBERSHIPS " FROM memberships ORDER BY organization_id, user_id",
		.find = "SELECT " MEMBERSHIPS " FROM memberships WHERE organization_id = ? AND user_id = ?",
		.insert = "INSERT INTO main.memberships (" MEMBERSHIPS ") VALUES (?, ?, ?, ?)",
	},
	{
		.name = "apps", .columns = apps, .keys = 1,
		.ddl = ddl_apps,
		.select = "SELECT " APPS " FROM apps ORDER BY id",
		.find = "SELECT " APPS " FROM apps WHERE id = ?",
		.insert = "INSERT INTO main.apps (" APPS ") VALUES (?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "generation_requests", .columns = generation_requests, .keys = 1,
		.ddl = ddl_generation_requests,
		.sequence = "SELECT max(coalesce((SELECT max(id) FROM generation_requests), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'generation_requests'), 0))",
		.select = "SELECT " GENERATION_REQUESTS " FROM generation_requests ORDER BY id",
		.find = "SELECT " GENERATION_REQUESTS " FROM generation_requests WHERE id = ?",
		.insert = "INSERT INTO main.generation_requests (" GENERATION_REQUESTS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
		.arrive = generation_arrives,
	},
	{
		.name = "iteration_snapshots", .columns = iteration_snapshots, .keys = 1,
		.ddl = ddl_iteration_snapshots,
		.sequence = "SELECT max(coalesce((SELECT max(id) FROM iteration_snapshots), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'iteration_snapshots'), 0))",
		.select = "SELECT " ITERATION_SNAPSHOTS " FROM iteration_snapshots ORDER BY id",
		.find = "SELECT " ITERATION_SNAPSHOTS " FROM iteration_snapshots WHERE id = ?",
		.insert = "INSERT INTO main.iteration_snapshots (" ITERATION_SNAPSHOTS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "generation_costs", .columns = generation_costs, .keys = 1,
		.ddl = ddl_generation_costs,
		.sequence = "SELECT max(coalesce((SELECT max(id) FROM generation_costs), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'generation_costs'), 0))",
		.select = "SELECT " GENERATION_COSTS " FROM generation_costs ORDER BY id",
		.find = "SELECT " GENERATION_COSTS " FROM generation_costs WHERE id = ?",
		.insert = "INSERT INTO main.generation_costs (" GENERATION_COSTS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "generation_events", .columns = generation_events, .keys = 1,
		.ddl = ddl_generation_events,
		.sequence = "SELECT max(coalesce((SELECT max(id) FROM generation_events), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'generation_events'), 0))",
		.select = "SELECT " GENERATION_EVENTS " FROM generation_events ORDER BY id",
		.find = "SELECT " GENERATION_EVENTS " FROM generation_events WHERE id = ?",
		.insert = "INSERT INTO main.generation_events (" GENERATION_EVENTS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "sessions", .columns = sessions, .keys = 1,
		.ddl = ddl_sessions,
		.select = "SELECT " SESSIONS " FROM sessions ORDER BY session_id",
		.find = "SELECT " SESSIONS " FROM sessions WHERE session_id = ?",
		.insert = "INSERT INTO main.sessions (" SESSIONS ") VALUES (?, ?, ?, ?)",
	},
	{
		.name = "conversations", .columns = conversations, .keys = 1,
		.ddl = ddl_conversations,
		.select = "SELECT " CONVERSATIONS " FROM conversations ORDER BY conversation_id",
		.find = "SELECT " CONVERSATIONS " FROM conversations WHERE conversation_id = ?",
		.insert = "INSERT INTO main.conversations (" CONVERSATIONS ") VALUES (?, ?, ?, ?)",
	},
	{
		.name = "artifacts", .columns = artifacts, .keys = 1,
		.ddl = ddl_artifacts,
		.select = "SELECT " ARTIFACTS " FROM artifacts ORDER BY artifact_id",
		.find = "SELECT " ARTIFACTS " FROM artifacts WHERE artifact_id = ?",
		.insert = "INSERT INTO main.artifacts (" ARTIFACTS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "deployment_config", .columns = deployment_config, .keys = 1,
		.ddl = ddl_deployment_config,
		.select = "SELECT " DEPLOYMENT_CONFIG " FROM deployment_config ORDER BY key",
		.find = "SELECT " DEPLOYMENT_CONFIG " FROM deployment_config WHERE key = ?",
		.insert = "INSERT INTO main.deployment_config (" DEPLOYMENT_CONFIG ") VALUES (?, ?, ?, ?, ?)",
	},
	{
		.name = "user_secrets", .columns = user_secrets, .keys = 1,
		.ddl = ddl_user_secrets,
		.select = "SELECT " USER_SECRETS " FROM user_secrets ORDER BY id",
		.find = "SELECT " USER_SECRETS " FROM user_secrets WHERE id = ?",
		.insert = "INSERT INTO main.user_secrets (" USER_SECRETS ") VALUES (?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "tokens", .columns = tokens, .keys = 1,
		.ddl = ddl_tokens,
		.select = "SELECT " TOKENS " FROM tokens ORDER BY id",
		.find = "SELECT " TOKENS " FROM tokens WHERE id = ?",
		.insert = "INSERT INTO main.tokens (" TOKENS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "access_keys", .columns = access_keys, .keys = 1,
		.ddl = ddl_access_keys,
		.select = "SELECT " ACCESS_KEYS " FROM access_keys ORDER BY access_key_id",
		.find = "SELECT " ACCESS_KEYS " FROM access_keys WHERE access_key_id = ?",
		.insert = "INSERT INTO main.access_keys (" ACCESS_KEYS ") VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "audit_log", .columns = audit_log, .keys = 1,
		.ddl = ddl_audit_log,
		.sequence = "SELECT max(coalesce((SELECT max(id) FROM audit_log), 0), coalesce((SELECT seq FROM sqlite_sequence WHERE name = 'audit_log'), 0))",
		.select = "SELECT " AUDIT_LOG " FROM audit_log ORDER BY id",
		.find = "SELECT " AUDIT_LOG " FROM audit_log WHERE id = ?",
		.insert = "INSERT INTO main.audit_log (" AUDIT_LOG ") VALUES (?, ?, ?, ?, ?, ?)",
	},
	{
		.name = "archives", .columns = archives, .keys = 1,
		.select = "SELECT a.generation_request_id, a.sealed_at, coalesce(s.size, c.size), lower(hex(coalesce(s.sha256, c.sha256))) FROM archive AS a LEFT JOIN seal AS s ON s.id = a.seal_id"
			" LEFT JOIN content AS c ON c.id = a.content_id ORDER BY a.generation_request_id",
	},
	{
		.name = "artifact_bytes", .columns = artifact_bytes, .keys = 1,
		.select = "SELECT a.artifact_id, c.size, lower(hex(c.sha256)), a.stored_at FROM artifact_content AS a JOIN content AS c ON c.id = a.content_id ORDER BY a.artifact_id",
	},
	{
		.name = "outbox", .columns = outbox, .keys = 1,
		.select = "SELECT " OUTBOX " FROM outbox ORDER BY id",
	},
	{
		.name = "remote_objects", .columns = remote_objects, .keys = 1,
		.select = "SELECT id, outbox_id, name, bucket, key, size, lower(hex(sha256)), etag, confirmed_at FROM remote_objects ORDER BY id",
	},
	{
		.name = "generation_runs", .columns = generation_runs, .keys = 1,
		.select = "SELECT " GENERATION_RUNS " FROM generation_runs ORDER BY generation_request_id",
	},
	{
		.name = "generation_questions", .columns = generation_questions, .keys = 1,
		.select = "SELECT " GENERATION_QUESTIONS " FROM generation_questions ORDER BY generation_request_id",
	},
	{ 0 }
};
