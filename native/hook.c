/* One hook: a program with the container's state on its standard input, and a time that it may take. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>

#include "launch.h"

static char *hook_strings[PLAN_MAX_STRINGS + 2];

/* The state as its input: in a pipe, since a seccomp filter may be on that knows no memory files; what is longer than a
 * pipe is refused by the planner. */
static int state_input(const struct step *step, int pid)
{
	const struct span *head = span(step, HOOK_STATE_HEAD), *tail = span(step, HOOK_STATE_TAIL);
	size_t length = (size_t)head->length + tail->length + 16;
	char number_text[16];
	int ends[2];

	if (pipe2(ends, O_CLOEXEC | O_NONBLOCK) < 0)
		return -1;
	if (length > 65536)
		fcntl(ends[1], F_SETPIPE_SZ, 1 << 20);
	snprintf(number_text, sizeof number_text, "%d", pid);
	if (write(ends[1], string(step, HOOK_STATE_HEAD), head->length) != (ssize_t)head->length ||
	    write(ends[1], number_text, strlen(number_text)) < 0 ||
	    write(ends[1], string(step, HOOK_STATE_TAIL), tail->length) != (ssize_t)tail->length) {
		close(ends[0]);
		ends[0] = -1;
	} else {
		fcntl(ends[0], F_SETFL, 0);
	}
	close(ends[1]);
	return ends[0];
}

/* What a hook says is a part of the failure's text, if it fails; without memory files it goes where ours goes. */
static int capture(void)
{
	int fd = (int)syscall(SYS_memfd_create, "hook", MFD_CLOEXEC);

	return fd < 0 ? fcntl(2, F_DUPFD_CLOEXEC, 3) : fd;
}

static void fill_strings(const struct step *step)
{
	unsigned count = step->strings - 3, arguments = (unsigned)number(step, HOOK_ARGUMENT_COUNT), at = 0;

	for (unsigned index = 0; index < count; index++) {
		if (index == arguments)
			hook_strings[at++] = NULL;
		hook_strings[at++] = (char *)(uintptr_t)string(step, 3 + index);
	}
	if (arguments >= count)
		hook_strings[at++] = NULL;
	hook_strings[at] = NULL;
}

static int begin(const struct step *step, int input, int output)
{
	volatile int error = 0;
	sigset_t none;
	int child;

	fill_strings(step);
	child = vfork();
	if (child == 0) {
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		setpgid(0, 0);
		if (dup2(input, 0) >= 0 && dup2(output, 1) >= 0 && dup2(output, 2) >= 0) {
			syscall(NR_CLOSE_RANGE, 3, ~0u, CLOSE_ON_EXEC);
			execve(string(step, HOOK_PATH), hook_strings, hook_strings + number(step, HOOK_ARGUMENT_COUNT) + 1);
		}
		error = errno;
		_exit(127);
	}
	if (child > 0 && error) {
		waitpid(child, NULL, 0);
		errno = error;
		return -1;
	}
	return child;
}

static uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

/* False: the time is over, and the hook with what it started is killed. */
static bool wait_for_hook(int child, uint64_t timeout_ms, int *status)
{
	uint64_t end = now_ms() + timeout_ms, now;
	sigset_t wanted;

	sigemptyset(&wanted);
	sigaddset(&wanted, SIGCHLD);
	while (waitpid(child, status, timeout_ms ? WNOHANG : 0) == 0) {
		struct timespec rest;

		now = now_ms();
		if (now >= end) {
			kill(-child, SIGKILL);
			kill(child, SIGKILL);
			waitpid(child, status, 0);
			return false;
		}
		rest = (struct timespec){(time_t)((end - now) / 1000), (long)((end - now) % 1000) * 1000000};
		sigtimedwait(&wanted, NULL, &rest);
	}
	return true;
}

static void describe(int status, int output, char *text, size_t size)
{
	int length = WIFSIGNALED(status) ? snprintf(text, size, "signal %d", WTERMSIG(status)) : snprintf(text, size, "exit status %d", WEXITSTATUS(status));
	char said[160];
	ssize_t count = pread(output, said, sizeof said, 0);

	while (count > 0 && (said[count - 1] == '\n' || said[count - 1] == ' '))
		count--;
	if (count > 0)
		snprintf(text + length, size - (size_t)length, ": %.*s", (int)count, said);
}

/* SIGCHLD is blocked meanwhile, so that its arrival ends the wait whenever it comes. */
bool run_hook(const struct step *step, int pid, char *text, size_t size)
{
	sigset_t child_signal, before;
	int input = state_input(step, pid), output = capture(), child, status = 0, error;
	bool in_time = true;

	text[0] = 0;
	sigemptyset(&child_signal);
	sigaddset(&child_signal, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child_signal, &before);
	child = input < 0 || output < 0 ? -1 : begin(step, input, output);
	error = child < 0 ? errno : 0;
	if (child > 0)
		in_time = wait_for_hook(child, number(step, HOOK_TIMEOUT_MS), &status);
	sigprocmask(SIG_SETMASK, &before, NULL);
	close(input);
	if (!in_time) {
		error = ETIME;
		snprintf(text, size, "it took longer than %u ms", (unsigned)number(step, HOOK_TIMEOUT_MS));
	} else if (child > 0 && status) {
		describe(status, output, text, size);
	}
	close(output);
	errno = error;
	return child > 0 && in_time && status == 0;
}

/* Those that run in the container's namespaces; the others are the launcher's. */
void step_hook(const struct step *step)
{
	uint64_t kind = number(step, HOOK_KIND);
	char text[240];

	if (kind != HOOK_CREATE_CONTAINER && kind != HOOK_START_CONTAINER)
		return;
	if (!run_hook(step, getpid(), text, sizeof text))
		fail("%s", text);
}
