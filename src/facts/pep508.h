/* One requirement as Python's tools write it: https://peps.python.org/pep-0508/ */
#ifndef GENSTORE_FACTS_PEP508_H
#define GENSTORE_FACTS_PEP508_H

#include "src/facts/facts.h"

/*
 * "Name[extra] >= 1.0, <2; marker", "name @ https://..." -> name in its normal form (PEP 503), value "[extra]>=1.0,<2; marker". What does
 * not begin with a name is a fact all the same, by its text.
 */
int pep508_add(struct facts *f, const char *file, struct span requirement, struct span section);

#endif
