/* One binary, five ways in: `monitor ID` (request on descriptor 3), `launch FD`, `relay …`, `hold PARENT`, `version`. Init and exec are
 * the children of monitor and launch. */
#include <signal.h>
#include <sys/mman.h>
#include <stdlib.h>
#include <sys/prctl.h>

#include "gantry.h"

/* Set by the linker: the buffers of the roles, megabytes of which a process usually touches a few pages. */
extern char __bss_start[], _end[];

/* Where transparent huge pages are "always" on (Debian's default), the first byte touched would cost each monitor 2 MB. */
static void forgo_huge_pages(void)
{
	uintptr_t start = ((uintptr_t)__bss_start + 65535) & ~(uintptr_t)65535;	/* a page's beginning, whatever its size is */

	if (start < (uintptr_t)_end)
		madvise((void *)start, (uintptr_t)_end - start, MADV_NOHUGEPAGE);
}

/* Keeps a systemd unit alive until its first process is in it: as long as the parent, whatever that executes meanwhile. */
static int hold_main(const char *parent)
{
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || syscall(NR_CLOSE_RANGE, 0, ~0u, 0) < 0)
		return 125;
	while (getppid() == atoi(parent))
		pause();
	return 0;
}

int main(int count, char **arguments)
{
	forgo_huge_pages();
	if (count >= 2 && strcmp(arguments[1], "monitor") == 0)
		return monitor_main();
	if (count == 3 && strcmp(arguments[1], "launch") == 0)
		return launch_main(arguments[2]);
	if (count >= 2 && strcmp(arguments[1], "relay") == 0)
		return relay_main(count - 2, arguments + 2);
	if (count >= 3 && strcmp(arguments[1], "hold") == 0)
		return hold_main(arguments[2]);
	if (count >= 2 && strcmp(arguments[1], "version") == 0) {
		dprintf(1, "plan %u protocol %u\n", PLAN_VERSION, PROTOCOL_VERSION);
		return 0;
	}
	dprintf(2, "gantry-helper is started by gantry: there is nothing to do by hand\n");
	return 125;
}
