/*
 * The built-in example generator: what `genstore generate` runs when no command is given.
 *
 * It speaks WSI as JSON lines on stdin and stdout like any other generator, and builds a small
 * web app in the current directory, one level richer with each iteration. No model is asked: the
 * tokens and costs it reports are made up from the bytes it writes (`generator_mode` is `mock`).
 */
#ifndef GENSTORE_EXAMPLE_H
#define GENSTORE_EXAMPLE_H

#include "src/embedded.h"

/* The files below src/example/app. */
extern const struct embedded_file example_files[];

/* Runs to the end; returns the exit code. 2: called by hand, on a terminal or with arguments. */
int example_generator(int argc, char **argv);

#endif
