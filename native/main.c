/* One binary, three ways in: `monitor ID` (request on descriptor 3), `relay …`, `version`. Init and exec are the monitor's children. */
#include "gantry.h"

int main(int count, char **arguments)
{
	if (count >= 2 && strcmp(arguments[1], "monitor") == 0)
		return monitor_main();
	if (count >= 2 && strcmp(arguments[1], "relay") == 0)
		return relay_main(count - 2, arguments + 2);
	if (count >= 2 && strcmp(arguments[1], "version") == 0) {
		dprintf(1, "plan %u protocol %u\n", PLAN_VERSION, PROTOCOL_VERSION);
		return 0;
	}
	dprintf(2, "gantry-helper is started by gantry: there is nothing to do by hand\n");
	return 125;
}
