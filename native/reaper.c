/* `--init`: pid 1 stays this small loop that hands signals on, reaps what is orphaned, and ends as the program ends. */
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include "gantry.h"

static void unblock_all(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Reaps all that is dead; ends when the program is among them. */
static void reap(int program)
{
	int status, pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == program)
			_exit(WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status));
}

_Noreturn static void forward_signals(int program)
{
	sigset_t all;

	sigfillset(&all);
	for (;;) {
		int signal_number = sigwaitinfo(&all, NULL);

		if (signal_number == SIGCHLD)
			reap(program);
		else if (signal_number > 0)
			kill(program, signal_number);
	}
}

/* The program gets a process group of its own and the terminal's foreground, so that ^C reaches it and not this loop. */
void step_become_init(const struct step *step)
{
	const char *profile = string(step, BECOME_INIT_PROFILE), *label = string(step, BECOME_INIT_LABEL);
	bool is_confined = profile[0] || label[0];
	int program, ready[2] = {-1, -1};
	sigset_t all;

	/* listener.c may have said that nobody waits for children */
	if (signal(SIGCHLD, SIG_DFL) == SIG_ERR)
		fail("signals");
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	if (is_confined && pipe2(ready, O_CLOEXEC) < 0)
		fail("pipe");
	program = fork();
	if (program < 0)
		fail("fork");
	if (program == 0) {
		setpgid(0, 0);
		tcsetpgrp(0, getpid());
		unblock_all();
		/* not before its init is confined */
		close(ready[1]);
		if (is_confined && read(ready[0], &(char){0}, 1) != 1)
			_exit(125);
		return;
	}
	if (profile[0])
		change_profile(profile);
	if (label[0])
		change_label(label);
	if (is_confined && write(ready[1], "", 1) != 1)
		fail("pipe");
	forget_monitor();
	for (int fd = 0; fd < 3; fd++)
		close(fd);
	forward_signals(program);
}
