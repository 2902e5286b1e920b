/* What ops_write.c and ops_change.c share. */
#ifndef GENSTORE_FS_OPS_INSIDE_H
#define GENSTORE_FS_OPS_INSIDE_H

#include "fs/ops_write.h"
#include "fs/scribe.h"
#include "fs/shown.h"
#include "fs/worker.h"

static inline struct server *write_server(fuse_req_t req)
{
	return fuse_req_userdata(req);
}

static inline struct drafts *write_drafts(fuse_req_t req)
{
	return write_server(req)->view->drafts;
}

static inline void write_answer(void *req, ssize_t r, const void *data UNUSED)
{
	fuse_reply_err(req, r < 0 ? (int)-r : 0);
}

static inline void write_ask(fuse_req_t req, struct scribe_request request)
{
	int r;

	request.arg = req;
	if ((r = scribe_ask(write_server(req)->scribe, &request)))
		fuse_reply_err(req, -r);
}

static inline struct fuse_entry_param write_entry(const struct view *v, const struct attr *a)
{
	return (struct fuse_entry_param){ .ino = a->ino, .attr = ops_stat(v, a) };
}

#endif
