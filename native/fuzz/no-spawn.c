/* For the protocol's fuzz target: nothing is started. */
#include "../gantry.h"

uint64_t process_start_time(int pid)
{
	return (uint64_t)pid;
}

bool spawn_init(const struct plan *plan, const struct step *options, struct child *child, struct failure *failure)
{
	(void)plan;
	(void)options;
	(void)child;
	(void)failure;
	return false;
}
