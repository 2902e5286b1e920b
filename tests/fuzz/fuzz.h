/*
 * What the fuzzers share. Each is one file with LLVMFuzzerTestOneInput(): `make fuzz` links it with libFuzzer, `make check` with replay.c,
 * which runs it once over each input that is kept in corpus/<name>.
 *
 * A fuzzer says with MUST() what holds for every input; that nothing is read out of bounds or leaks is the sanitizers' business.
 */
#ifndef GENSTORE_FUZZ_H
#define GENSTORE_FUZZ_H

#include "store/base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

#define MUST(cond)                                                                                 \
	do {                                                                                       \
		if (!(cond)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #cond);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

/* The first byte of the input, which chooses; 0 when there is none. */
static inline uint8_t fuzz_choice(const uint8_t **data, size_t *n)
{
	if (!*n)
		return 0;
	--*n;
	return *(*data)++;
}

/* Exactly these bytes, and a NUL that is not counted, in memory of their own: one byte too far is seen. */
static inline char *fuzz_copy(const uint8_t *data, size_t n)
{
	char *copy = malloc(n + 1);

	MUST(copy);
	if (n)
		memcpy(copy, data, n);
	copy[n] = '\0';
	return copy;
}

#endif
