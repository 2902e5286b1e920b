/* genstore artifact: the group, and what its commands share */
#include "src/cmd/artifact.h"
#include "src/serve/url.h"

int artifact_session(struct cli *cli, const char *organization, const char *session, struct session *ret_s)
{
	char id[ID_UUID];
	int r;

	if (!session)
		return cli_usage(cli, "'%s' needs --session", cli->command->name);
	if ((organization && (r = organization_find(cli->st, organization, id))) ||
	    (r = session_find(cli->st, organization ? id : NULL, session, ret_s)))
		return cli_fail(cli, r);
	return 0;
}

void artifact_fields(struct jw *j, const struct artifact *a)
{
	AUTO(buf_release) struct buf url = BUF_INIT;

	buf_addf(&url, "/api/artifacts/download/%s/", a->session_id ? a->session_id : "");
	url_encode_path(&url, artifact_path(a->storage_path));
	jw_str(j, "artifact_id", a->artifact_id);
	jw_str(j, "type", a->artifact_type);
	jw_str(j, "name", a->artifact_name);
	jw_int(j, "size", a->file_size);
	jw_str(j, "mime_type", a->mime_type);
	jw_str(j, "download_url", buf_str(&url));
	jw_str(j, "created_at", a->created_at);
}

bool artifact_is_folder(const char *path)
{
	return *path && path[strlen(path) - 1] == '/';
}

static const struct command *const group[] = {
	&command_artifact_put, &command_artifact_get, &command_artifact_list, &command_artifact_rm, &command_artifact_bundle,
	&command_artifact_sync, &command_artifact_url, NULL,
};

const struct command command_artifact = {
	.name = "artifact", .arguments = "COMMAND", .summary = "typed artifacts of sessions: put, get, list, rm, bundle, sync, url",
	.commands = group,
};
