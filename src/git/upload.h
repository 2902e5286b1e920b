/*
 * What a git fetches from: the server's half of git-upload-pack (gitprotocol-pack(5), version 0), over a repository that only the store has.
 * Offered are side bands, the detailed acknowledgements that stateless transports need, and shallow clones.
 */
#ifndef GENSTORE_GIT_UPLOAD_H
#define GENSTORE_GIT_UPLOAD_H

#include "src/git/pkt.h"
#include "store/git_repo.h"

/*
 * From the list of refs to the end of the pack. 0 also when the other side wanted nothing; -EPIPE when it has left, -EPROTO when it
 * speaks otherwise; words of anything else go to the other side too.
 */
int upload_pack(struct genstore *st, const struct git_repo *repo, struct pkt_reader *in, int out);

/* The same in two, for HTTP: the list of refs; then what is wanted, and what is had, as often as it is asked. */
int upload_refs(struct genstore *st, const struct git_repo *repo, int out);
int upload_answer(struct genstore *st, const struct git_repo *repo, struct pkt_reader *in, int out);

#endif
