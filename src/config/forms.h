/* What single settings take beyond their type. Each says whether a text can be one. */
#ifndef GENSTORE_CONFIG_FORMS_H
#define GENSTORE_CONFIG_FORMS_H

#include "store/base/base.h"

bool is_bucket(const char *s);
bool is_prefix(const char *s);
bool is_endpoint(const char *s);
bool is_word(const char *s);
bool is_account(const char *s);
bool is_organization(const char *s);
bool is_api(const char *s);
bool is_template(const char *s);
bool is_listen(const char *s);
bool is_jwt_secret(const char *s);

/* "127.0.0.1:7420", "7420", "localhost:0": IPv4, the address in host order, loopback where none is said. -EINVAL. */
int listen_parse(const char *text, uint32_t *ret_address, uint16_t *ret_port);

#endif
