#include "src/cmd/keysource.h"

#include <fcntl.h>
#include <openssl/evp.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>

enum { TYPED_MAX = 1024 };

extern char **environ;

int key_fail(struct cli *cli, int r)
{
	return r == -EKEYREJECTED || r == -ENOKEY ? cli_error(cli, EXIT_KEY, "%s", genstore_errmsg(cli->st)) : cli_fail(cli, r);
}

/* To the end, at most ENVELOPE_VALUE_MAX: -EFBIG beyond. Without buffers in between that nobody would wipe. */
static int read_all(int fd, struct secret_bytes *ret_b)
{
	AUTO(secret_bytes_release) struct secret_bytes room = { 0 }, b = { 0 };
	size_t n = 0;
	ssize_t got;
	int r = secret_bytes_new(ENVELOPE_VALUE_MAX + 2, &room);

	if (r)
		return r;
	while (n < room.len && (got = read(fd, room.data + n, room.len - n))) {
		if (got < 0 && errno != EINTR)
			return -errno;
		n += got > 0 ? (size_t)got : 0;
	}
	if (n && room.data[n - 1] == '\n')
		n--;
	if (n > ENVELOPE_VALUE_MAX)
		return -EFBIG;
	if ((r = secret_bytes_new(n, &b)))
		return r;
	memcpy(b.data, room.data, n);
	*ret_b = b;
	b = (struct secret_bytes){ 0 };
	return 0;
}

int secret_file(struct cli *cli, const char *path, const char *what, int code, struct secret_bytes *ret_b)
{
	AUTO(close_fd) int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	struct stat s;
	int r = fd < 0 ? -errno : read_all(fd, ret_b);

	if (r)
		return cli_error(cli, code, "cannot read %s '%s': %s", what, path, r == -EFBIG ? "it has more than 64 KiB" : strerror(-r));
	if (!fstat(fd, &s) && S_ISREG(s.st_mode) && s.st_mode & 077)
		cli_note(cli, "%s '%s' can be read by others than you; 'chmod 600' it", what, path);
	return 0;
}

/* OpenSSL's own way: it also puts the terminal in order when a signal comes. */
static int ask(struct cli *cli, const char *prompt, bool twice, int code, struct secret_bytes *ret_b)
{
	AUTO(secret_bytes_release) struct secret_bytes typed = { 0 }, b = { 0 };
	int r = secret_bytes_new(TYPED_MAX, &typed);

	if (r)
		return cli_error(cli, EXIT_FAILED, "no memory");
	if ((r = EVP_read_pw_string((char *)typed.data, TYPED_MAX, prompt, twice)))
		return cli_error(cli, r == -2 ? EXIT_INTERRUPTED : code, r == -2 ? "interrupted" : "nothing that could be used was typed");
	if (secret_bytes_new(strlen((const char *)typed.data), &b))
		return cli_error(cli, EXIT_FAILED, "no memory");
	memcpy(b.data, typed.data, b.len);
	*ret_b = b;
	b = (struct secret_bytes){ 0 };
	return 0;
}

int secret_input(struct cli *cli, const char *prompt, struct secret_bytes *ret_b)
{
	int r;

	if (isatty(STDIN_FILENO))
		return ask(cli, prompt, false, EXIT_USAGE, ret_b);
	if ((r = read_all(STDIN_FILENO, ret_b)))
		return cli_error(cli, EXIT_FAILED, "cannot read standard input: %s", r == -EFBIG ? "it has more than 64 KiB" : strerror(-r));
	return 0;
}

/* Past stdio, whose buffer nobody would wipe. */
int secret_print(struct cli *cli, const struct secret_bytes *value)
{
	size_t done = 0;

	while (done < value->len) {
		ssize_t n = write(STDOUT_FILENO, value->data + done, value->len - done);

		if (n < 0 && errno != EINTR)
			return cli_error(cli, EXIT_FAILED, "cannot write the secret: %s", strerror(errno));
		done += n > 0 ? (size_t)n : 0;
	}
	if (isatty(STDOUT_FILENO) && write(STDOUT_FILENO, "\n", 1) < 0)
		return EXIT_FAILED;
	return EXIT_DONE;
}

static int start(const char *command, int *ret_fd, pid_t *ret_pid)
{
	char *argv[] = { (char *)(uintptr_t)"sh", (char *)(uintptr_t)"-c", (char *)(uintptr_t)command, NULL };
	posix_spawn_file_actions_t actions;
	int pipes[2], r;

	if (pipe2(pipes, O_CLOEXEC))
		return -errno;
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, pipes[1], STDOUT_FILENO);
	r = -posix_spawn(ret_pid, "/bin/sh", &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	close(pipes[1]);
	if (r)
		close(pipes[0]);
	else
		*ret_fd = pipes[0];
	return r;
}

static int from_command(struct cli *cli, const char *command, struct secret_bytes *ret_b)
{
	AUTO(close_fd) int fd = -1;
	int status = 0, r;
	pid_t pid;

	if ((r = start(command, &fd, &pid)))
		return cli_error(cli, EXIT_KEY, "cannot run $GENSTORE_KEY_COMMAND: %s", strerror(-r));
	r = read_all(fd, ret_b);
	close(move_fd(&fd));
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!r && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	secret_bytes_release(ret_b);
	if (r)
		return cli_error(cli, EXIT_KEY, "cannot read what $GENSTORE_KEY_COMMAND prints: %s", strerror(-r));
	return cli_error(cli, EXIT_KEY, "$GENSTORE_KEY_COMMAND ended with %s %d", WIFEXITED(status) ? "exit code" : "signal",
			 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

int key_material_of(struct cli *cli, const struct key_files *files, struct key_material *ret_m)
{
	ret_m->is_passphrase = !files->key;
	return files->key ? secret_file(cli, files->key, "the key file", EXIT_KEY, &ret_m->bytes) :
			    secret_file(cli, files->passphrase, "the passphrase file", EXIT_KEY, &ret_m->bytes);
}

int key_material(struct cli *cli, bool twice, struct key_material *ret_m)
{
	const struct key_files files = { variable("GENSTORE_KEY_FILE"), variable("GENSTORE_PASSPHRASE_FILE") };
	const char *command = variable("GENSTORE_KEY_COMMAND");
	AUTO(close_fd) int terminal = -1;

	if (!!files.key + !!files.passphrase + !!command > 1)
		return cli_error(cli, EXIT_KEY, "set one of $GENSTORE_KEY_FILE, $GENSTORE_KEY_COMMAND and $GENSTORE_PASSPHRASE_FILE");
	if (files.key || files.passphrase)
		return key_material_of(cli, &files, ret_m);
	ret_m->is_passphrase = !command;
	if (command)
		return from_command(cli, command, &ret_m->bytes);
	terminal = open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
	if (terminal < 0)
		return cli_error(cli, EXIT_KEY, "the key is needed, and there is no terminal to ask for its passphrase; set $GENSTORE_KEY_FILE, $GENSTORE_KEY_COMMAND or"
						" $GENSTORE_PASSPHRASE_FILE");
	return ask(cli, twice ? "New passphrase of the store: " : "Passphrase of the store: ", twice, EXIT_KEY, &ret_m->bytes);
}

int key_open(struct cli *cli, struct secret_bytes *ret_key)
{
	AUTO(key_material_release) struct key_material m = { 0 };
	const char *method;
	int r = keyring_method(cli->st, &method);

	if (r)
		return cli_fail(cli, r);
	/* Before anything is asked. */
	if (!method)
		return cli_error(cli, EXIT_KEY, "there is no key yet; 'genstore key init' makes one");
	if ((r = key_material(cli, false, &m)))
		return r;
	return (r = keyring_open(cli->st, &m, ret_key)) ? key_fail(cli, r) : 0;
}

int key_given(struct cli *cli, struct secret_bytes *ret_key)
{
	const char *method;
	int r = keyring_method(cli->st, &method);

	if (r)
		return cli_fail(cli, r);
	if (!method || (!variable("GENSTORE_KEY_FILE") && !variable("GENSTORE_KEY_COMMAND") && !variable("GENSTORE_PASSPHRASE_FILE")))
		return 0;
	return key_open(cli, ret_key);
}
