#include "src/cmd/remote.h"

void remote_release(struct remote *r)
{
	s3_free(r->s3);
	settings_release(&r->set);
	*r = (struct remote){ 0 };
}

int remote_open(struct cli *cli, const char *bucket, const char *prefix, struct remote *ret_r)
{
	AUTO(remote_release) struct remote remote = { 0 };
	AUTO(buf_release) struct buf why = BUF_INIT;
	struct s3_options o;
	int r = settings_load(cli->st, bucket, prefix, &remote.set, &why);

	if (!r) {
		o = settings_options(&remote.set);
		r = s3_new(&o, &remote.s3, &why);
	}
	if (r)
		return cli_error(cli, cli_exit_code(r), "%s", *buf_str(&why) ? buf_str(&why) : strerror(-r));
	*ret_r = remote;
	remote = (struct remote){ 0 };
	return 0;
}

int remote_code(int r)
{
	static const struct { int error, code; } codes[] = {
		{ EINTR, EXIT_INTERRUPTED }, { ENOENT, EXIT_NONE }, { EEXIST, EXIT_FAILED }, { EBADMSG, EXIT_FAILED }, { EBUSY, EXIT_LOCKED }, { EUCLEAN, EXIT_DAMAGED },
		{ EINVAL, EXIT_FAILED }, { ENOTSUP, EXIT_FAILED }, { EFBIG, EXIT_FAILED }, { ENOMEM, EXIT_FAILED },
	};

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].error == -r)
			return codes[i].code;
	return EXIT_REMOTE;
}
