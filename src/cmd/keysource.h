/*
 * What wraps the store's key, from where its owner has it: $GENSTORE_KEY_FILE, what $GENSTORE_KEY_COMMAND prints, $GENSTORE_PASSPHRASE_FILE,
 * else a passphrase that is asked for on the terminal. Never from a flag: command lines are seen by everybody.
 */
#ifndef GENSTORE_CMD_KEYSOURCE_H
#define GENSTORE_CMD_KEYSOURCE_H

#include "src/cmd/cmd.h"
#include "store/keyring.h"

/* The bytes of a file, without the line break at its end. `what` is for the error, which is told with the exit code `code`. */
int secret_file(struct cli *cli, const char *path, const char *what, int code, struct secret_bytes *ret_b);
/* What comes on standard input, or without echo from the terminal where that is one. */
int secret_input(struct cli *cli, const char *prompt, struct secret_bytes *ret_b);

/* To standard output. An exit code, with the error told. */
int secret_print(struct cli *cli, const struct secret_bytes *value);

/* 0, or EXIT_KEY with the error told. twice: a new passphrase is asked for two times. */
int key_material(struct cli *cli, bool twice, struct key_material *ret_m);
/* Another one than that of the environment: a file each, or NULL. */
struct key_files { const char *key, *passphrase; };
int key_material_of(struct cli *cli, const struct key_files *files, struct key_material *ret_m);
/* The store's key: 0, or an exit code with the error told. The store has to be open. */
int key_open(struct cli *cli, struct secret_bytes *ret_key);
/*
 * The same where it can be had without asking anybody: 0 with nothing in it where the store has no key, or the environment does not say what it
 * is under.
 */
int key_given(struct cli *cli, struct secret_bytes *ret_key);
/* As cli_fail(), with EXIT_KEY where it is about the key. */
int key_fail(struct cli *cli, int r);

#endif
