#include "src/s3d/body.h"

#include <fcntl.h>

static int open_file(const char *near)
{
	AUTO(free_ptr) char *folder = strdup(near), *name = NULL;
	char *slash = folder ? strrchr(folder, '/') : NULL;
	int fd;

	if (!folder)
		return -ENOMEM;
	if (slash)
		slash[slash == folder] = '\0';
	fd = open(slash ? folder : ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	if (fd >= 0 || errno != EOPNOTSUPP)
		return fd < 0 ? -errno : fd;
	/* File systems without O_TMPFILE. */
	if (asprintf(&name, "%s/.genstore-body-XXXXXX", slash ? folder : ".") < 0)
		return -ENOMEM;
	fd = mkostemp(name, O_CLOEXEC);
	if (fd >= 0)
		unlink(name);
	return fd < 0 ? -errno : fd;
}

int body_open(struct body *b, const char *near, int64_t most)
{
	*b = (struct body){ .fd = -1, .most = most, .text = { .max = (size_t)most + 1 } };
	if (near && (b->fd = open_file(near)) < 0)
		return b->fd;
	sha256_init(&b->sha256);
	if (!(b->md5 = EVP_MD_CTX_new()) || !EVP_DigestInit_ex(b->md5, EVP_md5(), NULL))
		return -ENOMEM;
	return 0;
}

void body_close(struct body *b)
{
	close_fd(&b->fd);
	b->fd = -1;
	buf_release(&b->text);
	EVP_MD_CTX_free(MOVE(b->md5));
}

bool body_expect_md5(struct body *b, const char *base64)
{
	uint8_t out[BODY_MD5 + 2];

	if (strlen(base64) != 24 || EVP_DecodeBlock(out, (const uint8_t *)base64, 24) != BODY_MD5 + 2 || strcmp(base64 + 22, "==") != 0)
		return false;
	memcpy(b->want_md5, out, BODY_MD5);
	return b->has_md5 = true;
}

static int keep(struct body *b, const uint8_t *data, size_t n)
{
	if (b->fd < 0)
		return buf_add(&b->text, data, n);
	while (n) {
		ssize_t done = write(b->fd, data, n);

		if (done < 0 && errno != EINTR)
			return -errno;
		if (done > 0) {
			data += done;
			n -= (size_t)done;
		}
	}
	return 0;
}

int body_add(struct body *b, const void *data, size_t n)
{
	if (b->error)
		return 0;
	b->size += (int64_t)n;
	if (b->size > b->most) {
		b->error = s3_error(S3_EntityTooLarge);
		return 0;
	}
	sha256_update(&b->sha256, data, n);
	checksum_update(&b->checksum, data, n);
	EVP_DigestUpdate(b->md5, data, n);
	return keep(b, data, n);
}

const struct s3_error *body_end(struct body *b)
{
	char hex[HEX_SHA256_SIZE];

	if (b->error)
		return b->error;
	sha256_final(&b->sha256, b->sha256_sum);
	EVP_DigestFinal_ex(b->md5, b->md5_sum, NULL);
	hex_encode(b->sha256_sum, SHA256_SIZE, hex);
	if (*b->want_sha256 && strcmp(b->want_sha256, hex) != 0)
		return b->error = s3_error(S3_XAmzContentSHA256Mismatch);
	if (b->has_md5 && memcmp(b->want_md5, b->md5_sum, BODY_MD5) != 0)
		return b->error = s3_error(S3_BadDigest);
	if (b->checksum.kind != CHECKSUM_NONE)
		checksum_final(&b->checksum, b->checksum_text);
	if (*b->want_checksum && strcmp(b->want_checksum, b->checksum_text) != 0)
		return b->error = s3_error(S3_BadDigest);
	return NULL;
}
