#include "fs/rules.h"
#include "fs/drafts.h"

enum { OK = 0 };

/* What the kernel refuses by itself (a directory is not unlinked) never comes here, and has the answer of its neighbours. */
static const int16_t table[SUBJECTS][CHANGES] = {
	[SUBJECT_VIEW] = { -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS,
			   -EROFS, -EROFS, -EROFS, -EROFS, -EROFS },
	[SUBJECT_GENERATION] = { -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EROFS, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM,
				 OK, -EROFS, OK, -EROFS, -EROFS },
	[SUBJECT_SEALED] = { -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM,
			     -EROFS, -EROFS, -EROFS, -EROFS, -EROFS },
	[SUBJECT_RECEIVED] = { -EPERM, -EPERM, OK, OK, OK, -EOPNOTSUPP, -EPERM, -EPERM, -EPERM, -EPERM, -EPERM,
			       -EROFS, -EROFS, -EROFS, -EROFS, -EROFS },
	[SUBJECT_DRAFT] = { -EROFS, -EROFS, OK, OK, OK, -EOPNOTSUPP, -EPERM, OK, -EPERM, -EPERM, -EPERM,
			    OK, -EROFS, OK, -EROFS, -EROFS },
	[SUBJECT_DRAFT_FILE] = { OK, OK, OK, OK, OK, -EOPNOTSUPP, OK, -EROFS, OK, OK, -EPERM,
				 -EROFS, -EROFS, -EROFS, -EROFS, -EROFS },
};

enum subject rule_subject(struct view *v, uint64_t ino)
{
	struct node n;

	if (node_of(ino, &n))
		return SUBJECT_VIEW;
	switch (n.kind) {
	case NODE_DRAFT:
		return SUBJECT_DRAFT;
	case NODE_DRAFT_FILE:
		return SUBJECT_DRAFT_FILE;
	case NODE_GENERATION:
		return SUBJECT_GENERATION;
	case NODE_ARCHIVE:
	case NODE_METADATA:
		return drafts_alias(v->drafts, n.id) ? SUBJECT_RECEIVED : SUBJECT_SEALED;
	default:
		return SUBJECT_VIEW;
	}
}

int rule(struct view *v, uint64_t ino, enum change change)
{
	struct node n;

	/* The one directory of the view in which something can be made. */
	if (change == CHANGE_MKDIR && !node_of(ino, &n) && n.kind == NODE_FIXED && n.entry == FIXED_GENERATIONS)
		return OK;
	return table[rule_subject(v, ino)][change];
}
