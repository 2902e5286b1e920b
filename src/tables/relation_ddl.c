/* The tables as PostgreSQL has them: in the types of the schema document and the artifact management design. */
#include "src/tables/relation_inside.h"

const char relations_types[] =
	"CREATE TYPE generation_status AS ENUM ('queued', 'generating', 'completed', 'failed', 'paused', 'cancelled');\n"
	"CREATE TYPE generation_mode AS ENUM ('single-shot', 'autonomous', 'confirm_first');\n"
	"CREATE TYPE generation_type AS ENUM ('new', 'resume');\n"
	"CREATE TYPE snapshot_type AS ENUM ('automatic', 'manual', 'checkpoint');\n";

const char ddl_users[] =
	"CREATE TABLE users (\n"
	"    id uuid PRIMARY KEY,\n"
	"    name text NOT NULL UNIQUE,\n"
	"    email text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP\n"
	");\n";

const char ddl_organizations[] =
	"CREATE TABLE organizations (\n"
	"    organization_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    name text NOT NULL UNIQUE,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP\n"
	");\n";

const char ddl_memberships[] =
	"CREATE TABLE memberships (\n"
	"    organization_id uuid NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	"    role text NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'member', 'viewer')),\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    PRIMARY KEY (organization_id, user_id)\n"
	");\n"
	"CREATE INDEX memberships_by_user ON memberships(user_id);\n";

const char ddl_apps[] =
	"CREATE TABLE apps (\n"
	"    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    user_id uuid NOT NULL REFERENCES users(id),\n"
	"    app_name text NOT NULL,\n"
	"    last_generation_number int NOT NULL DEFAULT 0,\n"
	"    legacy_app_id text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    UNIQUE (user_id, app_name)\n"
	");\n"
	"CREATE INDEX apps_by_name ON apps(app_name);\n";

const char ddl_generation_requests[] =
	"CREATE TABLE generation_requests (\n"
	"    id serial PRIMARY KEY,\n"
	"    uuid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),\n"
	"    request_id text NOT NULL UNIQUE,\n"
	"    parent_request_id text,\n"
	"    app_id uuid NOT NULL REFERENCES apps(id),\n"
	"    user_id uuid NOT NULL REFERENCES users(id),\n"
	"    app_name text NOT NULL,\n"
	"    generation_number int NOT NULL CHECK (generation_number > 0),\n"
	"    prompt text,\n"
	"    initial_prompt text,\n"
	"    status generation_status NOT NULL DEFAULT 'queued',\n"
	"    generation_type generation_type NOT NULL DEFAULT 'new',\n"
	"    mode generation_mode NOT NULL DEFAULT 'single-shot',\n"
	"    github_url text,\n"
	"    github_commit text,\n"
	"    artifacts_github_url text,\n"
	"    deployment_url text,\n"
	"    error_message text,\n"
	"    max_iterations int,\n"
	"    current_iteration int NOT NULL DEFAULT 0,\n"
	"    last_session_id text,\n"
	"    s3_path text,\n"
	"    schema_snapshot text,\n"
	"    supabase_project_ref text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    completed_at timestamptz,\n"
	"    UNIQUE (app_id, generation_number)\n"
	");\n"
	"CREATE INDEX generation_requests_by_user ON generation_requests(user_id);\n"
	"CREATE INDEX generation_requests_alive ON generation_requests(status) WHERE status IN ('queued', 'generating', 'paused');\n";

const char ddl_iteration_snapshots[] =
	"CREATE TABLE iteration_snapshots (\n"
	"    id serial PRIMARY KEY,\n"
	"    generation_request_id int NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,\n"
	"    iteration_number int NOT NULL,\n"
	"    snapshot_type snapshot_type NOT NULL DEFAULT 'automatic',\n"
	"    files_snapshot text,\n"
	"    prompt_used text,\n"
	"    \"timestamp\" timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    metadata jsonb\n"
	");\n"
	"CREATE INDEX iteration_snapshots_by_generation ON iteration_snapshots(generation_request_id, iteration_number);\n";

const char ddl_generation_costs[] =
	"CREATE TABLE generation_costs (\n"
	"    id serial PRIMARY KEY,\n"
	"    generation_request_id int NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,\n"
	"    iteration_number int NOT NULL DEFAULT 0,\n"
	"    input_tokens bigint NOT NULL DEFAULT 0,\n"
	"    output_tokens bigint NOT NULL DEFAULT 0,\n"
	"    duration_ms bigint NOT NULL DEFAULT 0,\n"
	"    cost_usd double precision NOT NULL DEFAULT 0,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP\n"
	");\n"
	"CREATE INDEX generation_costs_by_generation ON generation_costs(generation_request_id, iteration_number);\n";

const char ddl_generation_events[] =
	"CREATE TABLE generation_events (\n"
	"    id serial PRIMARY KEY,\n"
	"    generation_request_id int NOT NULL REFERENCES generation_requests(id) ON DELETE CASCADE,\n"
	"    position bigint NOT NULL,\n"
	"    at timestamptz NOT NULL,\n"
	"    type text NOT NULL,\n"
	"    level text NOT NULL CHECK (level IN ('debug', 'info', 'warn', 'error')),\n"
	"    line text NOT NULL,\n"
	"    data jsonb\n"
	");\n"
	"CREATE UNIQUE INDEX generation_events_by_position ON generation_events(generation_request_id, position);\n";

const char ddl_sessions[] =
	"CREATE TABLE sessions (\n"
	"    session_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    organization_id uuid NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    name text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    UNIQUE (organization_id, name)\n"
	");\n"
	"CREATE INDEX sessions_by_name ON sessions(name);\n";

const char ddl_conversations[] =
	"CREATE TABLE conversations (\n"
	"    conversation_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    organization_id uuid NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    name text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    UNIQUE (organization_id, name)\n"
	");\n"
	"CREATE INDEX conversations_by_name ON conversations(name);\n";

const char ddl_artifacts[] =
	"CREATE TABLE artifacts (\n"
	"    artifact_id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    session_id uuid REFERENCES sessions(session_id) ON DELETE CASCADE,\n"
	"    conversation_id uuid REFERENCES conversations(conversation_id) ON DELETE SET NULL,\n"
	"    organization_id uuid NOT NULL REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    artifact_type varchar(50) NOT NULL,\n"
	"    artifact_name varchar(255) NOT NULL,\n"
	"    storage_path varchar(500) NOT NULL,\n"
	"    file_size bigint NOT NULL CHECK (file_size >= 0),\n"
	"    mime_type varchar(100),\n"
	"    metadata jsonb,\n"
	"    created_at timestamptz DEFAULT CURRENT_TIMESTAMP\n"
	");\n"
	"CREATE INDEX idx_artifacts_session_id ON artifacts(session_id);\n"
	"CREATE INDEX idx_artifacts_conversation_id ON artifacts(conversation_id);\n"
	"CREATE INDEX idx_artifacts_org_id ON artifacts(organization_id);\n"
	"CREATE INDEX idx_artifacts_type ON artifacts(artifact_type);\n"
	"CREATE UNIQUE INDEX artifacts_by_storage_path ON artifacts(storage_path);\n";

const char ddl_deployment_config[] =
	"CREATE TABLE deployment_config (\n"
	"    key text PRIMARY KEY,\n"
	"    value text,\n"
	"    encrypted boolean NOT NULL DEFAULT false,\n"
	"    description text,\n"
	"    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP\n"
	");\n";

const char ddl_user_secrets[] =
	"CREATE TABLE user_secrets (\n"
	"    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	"    provider text NOT NULL,\n"
	"    encrypted_token text, -- NULL where it was left out\n"
	"    expires_at timestamptz,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    updated_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    UNIQUE (user_id, provider)\n"
	");\n";

const char ddl_tokens[] =
	"CREATE TABLE tokens (\n"
	"    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),\n"
	"    user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	"    organization_id uuid REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    token_hash bytea UNIQUE, -- NULL where it was left out\n"
	"    description text,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    expires_at timestamptz,\n"
	"    last_used_at timestamptz\n"
	");\n"
	"CREATE INDEX tokens_by_user ON tokens(user_id);\n";

const char ddl_access_keys[] =
	"CREATE TABLE access_keys (\n"
	"    access_key_id text PRIMARY KEY,\n"
	"    user_id uuid NOT NULL REFERENCES users(id) ON DELETE CASCADE,\n"
	"    organization_id uuid REFERENCES organizations(organization_id) ON DELETE CASCADE,\n"
	"    encrypted_secret text, -- NULL where it was left out\n"
	"    description text,\n"
	"    created_at timestamptz NOT NULL,\n"
	"    expires_at timestamptz,\n"
	"    last_used_at timestamptz\n"
	");\n"
	"CREATE INDEX access_keys_by_user ON access_keys(user_id);\n";

const char ddl_audit_log[] =
	"CREATE TABLE audit_log (\n"
	"    id serial PRIMARY KEY,\n"
	"    created_at timestamptz NOT NULL DEFAULT CURRENT_TIMESTAMP,\n"
	"    user_id text,\n"
	"    action text NOT NULL,\n"
	"    subject text NOT NULL,\n"
	"    details jsonb\n"
	");\n";

const char relations_view[] =
	"CREATE VIEW generations AS\n"
	"SELECT uuid AS id, request_id, user_id, app_id, app_name, prompt, s3_path,\n"
	"    CASE WHEN github_url IS NOT NULL THEN 'leo-generated/' || request_id END AS github_repo, status, created_at\n"
	"FROM generation_requests;\n";
