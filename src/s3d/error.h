/* S3's errors: their codes and statuses. https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html */
#ifndef GENSTORE_S3D_ERROR_H
#define GENSTORE_S3D_ERROR_H

#include "store/base/buf.h"

#define S3_ERRORS(X)                                                                                                       \
	X(AccessDenied, 403, "Access Denied")                                                                              \
	X(AuthorizationHeaderMalformed, 400, "The authorization header is malformed")                                      \
	X(AuthorizationQueryParametersError, 400, "The parameters of the signature are malformed")                         \
	X(BadDigest, 400, "The checksum you specified did not match what we received")                                     \
	X(BucketAlreadyExists, 409, "The requested bucket name is not available")                                          \
	X(BucketAlreadyOwnedByYou, 409, "Your previous request to create the named bucket succeeded and you already own it") \
	X(BucketNotEmpty, 409, "The bucket you tried to delete is not empty")                                              \
	X(ConditionalRequestConflict, 409, "Somebody else was faster")                                                     \
	X(EntityTooLarge, 400, "Your proposed upload exceeds the maximum allowed size")                                    \
	X(EntityTooSmall, 400, "Your proposed upload is smaller than the minimum allowed size")                            \
	X(IncompleteBody, 400, "The body is not as long as it says")                                                       \
	X(InternalError, 500, "We encountered an internal error. Please try again")                                        \
	X(InvalidAccessKeyId, 403, "The access key ID you provided does not exist in our records")                         \
	X(InvalidArgument, 400, "Invalid argument")                                                                        \
	X(InvalidBucketName, 400, "The specified bucket is not valid")                                                     \
	X(InvalidDigest, 400, "The Content-MD5 you specified is not valid")                                                \
	X(InvalidPart, 400, "One or more of the specified parts could not be found")                                       \
	X(InvalidPartOrder, 400, "The list of parts was not in ascending order")                                           \
	X(InvalidRange, 416, "The requested range is not satisfiable")                                                     \
	X(InvalidRequest, 400, "Invalid request")                                                                          \
	X(InvalidURI, 400, "Could not parse the specified URI")                                                            \
	X(KeyTooLongError, 400, "Your key is too long")                                                                    \
	X(MalformedXML, 400, "The XML you provided was not well-formed")                                                   \
	X(MetadataTooLarge, 400, "Your metadata headers exceed the maximum allowed metadata size")                         \
	X(MethodNotAllowed, 405, "The specified method is not allowed against this resource")                              \
	X(MissingContentLength, 411, "You must provide the Content-Length HTTP header")                                    \
	X(NoSuchBucket, 404, "The specified bucket does not exist")                                                        \
	X(NoSuchKey, 404, "The specified key does not exist")                                                              \
	X(NoSuchUpload, 404, "The specified upload does not exist")                                                        \
	X(NotImplemented, 501, "A header or query you provided implies functionality that is not implemented")             \
	X(PreconditionFailed, 412, "At least one of the preconditions you specified did not hold")                         \
	X(RequestTimeTooSkewed, 403, "The difference between the request time and the server's time is too large")         \
	X(ServiceUnavailable, 503, "Please reduce your request rate")                                                      \
	X(SignatureDoesNotMatch, 403, "The request signature we calculated does not match the signature you provided")     \
	X(XAmzContentSHA256Mismatch, 400, "The provided 'x-amz-content-sha256' header does not match what was computed")

enum s3_code {
#define S3_ENUM(code, status, words) S3_##code,
	S3_ERRORS(S3_ENUM)
#undef S3_ENUM
};

struct s3_error {
	const char *code;
	int status;
	const char *words;
};
const struct s3_error *s3_error(enum s3_code code);
/* The document. resource and id are escaped. */
int s3_error_xml(const struct s3_error *e, const char *words, const char *resource, const char *id, struct buf *out);

/* --- what else answers are made of --- */

/* <name>text</name>, escaped; what XML 1.0 cannot have is a `?`. */
void xml_element(struct buf *out, const char *name, const char *text);
void xml_number(struct buf *out, const char *name, int64_t n);
/* "2025-12-11T20:30:00.000Z" of a time of the tables. */
void xml_time(struct buf *out, const char *name, const char *time);
#define S3_XML "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
#define S3_NAMESPACE " xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\""

#endif
