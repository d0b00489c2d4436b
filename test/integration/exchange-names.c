/* For tests of races: exchanges the two names that it is given until it is ended. It says so first. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <signal.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	if (count != 3)
		return 1;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (write(1, "exchanging\n", 11) < 0)
		return 1;
	while (renameat2(AT_FDCWD, arguments[1], AT_FDCWD, arguments[2], RENAME_EXCHANGE) == 0)
		;
	perror("renameat2");
	return 1;
}
