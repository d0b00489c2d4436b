/* The way without a monitor: launch.c makes init, foreground.c stays for it, hook.c runs hooks. */
#ifndef GANTRY_LAUNCH_H
#define GANTRY_LAUNCH_H

#include "gantry.h"

/* Kinds of hooks (src/runtime/plan/plan-hooks.ts). */
enum { HOOK_PRESTART, HOOK_CREATE_RUNTIME, HOOK_CREATE_CONTAINER, HOOK_START_CONTAINER, HOOK_POSTSTART };

bool run_hook(const struct step *step, int pid, char *text, size_t size);

void block_signals(void);
void unblock_signals(void);
int stay(const struct child *child, int master);
bool set_terminal_size(int master, unsigned rows, unsigned columns);

#endif
