/* The small XML that S3 answers with (expat). Document types are refused: there is nothing that one would be good for. */
#ifndef GENSTORE_SYNC_XML_H
#define GENSTORE_SYNC_XML_H

#include "store/base/buf.h"

enum { XML_DEPTH_MAX = 16, XML_TEXT_MAX = 64 << 10, XML_PATH_MAX = 512 };

/*
 * Calls end(arg, path, text) at the end of each element: path is "ListBucketResult/Contents/Key", without namespaces; text is what is
 * in the element itself, "" for those that hold others. -EPROTO: no such document; or what end returned when that is not 0.
 */
int xml_each(const void *data, size_t n, int (*end)(void *arg, const char *path, const char *text), void *arg);

/* Appends text as the content of an element or attribute. */
int xml_escape(struct buf *out, const char *text);

#endif
