/* From the command line to a command's run(). */
#ifndef GENSTORE_CLI_H
#define GENSTORE_CLI_H

/* The program: parses, opens nothing, runs, cleans up. Returns the exit code. */
int cli_main(int argc, char **argv);

#endif
