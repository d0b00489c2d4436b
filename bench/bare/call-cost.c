/*
 * What a system call costs where this runs: milliseconds of the processor for a million of them.
 *
 *     call-cost NUMBER [ARGUMENT]
 */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	long number = argc > 1 ? strtol(argv[1], NULL, 0) : 0;
	long argument = argc > 2 ? strtol(argv[2], NULL, 0) : 0;
	struct timespec from, to;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &from);
	for (int i = 0; i < 1000000; i++)
		syscall(number, argument);
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &to);
	printf("%.3f\n", (to.tv_sec - from.tv_sec) * 1e3 + (to.tv_nsec - from.tv_nsec) / 1e6);
	return 0;
}
