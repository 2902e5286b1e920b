/* The operations that change something, for the table in ops.c. */
#ifndef GENSTORE_FS_OPS_WRITE_H
#define GENSTORE_FS_OPS_WRITE_H

#include "fs/ops.h"

void op_open_draft(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_read_draft(fuse_req_t req, fuse_ino_t ino, size_t size, off_t offset, const struct fuse_file_info *fi);
void op_create(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, struct fuse_file_info *fi);
void op_write(fuse_req_t req, fuse_ino_t ino, const char *data, size_t n, off_t offset, struct fuse_file_info *fi);
void op_flush(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_release(fuse_req_t req, fuse_ino_t ino, struct fuse_file_info *fi);
void op_fsync(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_fsyncdir(fuse_req_t req, fuse_ino_t ino, int datasync, struct fuse_file_info *fi);
void op_setattr(fuse_req_t req, fuse_ino_t ino, struct stat *attr, int to_set, struct fuse_file_info *fi);
void op_mknod(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode, dev_t device);
void op_mkdir(fuse_req_t req, fuse_ino_t parent, const char *name, mode_t mode);
void op_unlink(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_rmdir(fuse_req_t req, fuse_ino_t parent, const char *name);
void op_symlink(fuse_req_t req, const char *target, fuse_ino_t parent, const char *name);
void op_link(fuse_req_t req, fuse_ino_t ino, fuse_ino_t parent, const char *name);
void op_rename(fuse_req_t req, fuse_ino_t parent, const char *name, fuse_ino_t new_parent, const char *new_name, unsigned flags);
void op_setxattr(fuse_req_t req, fuse_ino_t ino, const char *name, const char *value, size_t n, int flags);
void op_removexattr(fuse_req_t req, fuse_ino_t ino, const char *name);

/* Of ops.c. */
struct stat ops_stat(const struct view *v, const struct attr *a);

#endif
