/* A filter that asks: its listener goes to the agent's socket. Connected from the host's side, before there is an init; carried
 * there from init's, when the filter is on. */
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>

#include "gantry.h"

enum { PATIENCE_SECONDS = 10, MAX_PARTS = 8 };

int agent_fd = -1;
static const struct step *state;
static char own_pid[16];

static int with_patience(int fd)
{
	struct timeval patience = {.tv_sec = PATIENCE_SECONDS};

	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) < 0)
		return -1;
	return fd;
}

/* By the runtime's process: the container may have neither the path nor the right to use it. */
bool agent_connect(const struct step *step)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	const struct span *path = span(step, SECCOMP_LISTENER_PATH);

	if (path->length >= sizeof address.sun_path) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(address.sun_path, string(step, SECCOMP_LISTENER_PATH), path->length);
	agent_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return agent_fd >= 0 && with_patience(agent_fd) >= 0 && connect(agent_fd, (struct sockaddr *)&address, sizeof address) == 0;
}

/* While the host's /proc is in sight: it tells our number there. */
void step_seccomp_listener(const struct step *step)
{
	if (readlink("/proc/self", own_pid, sizeof own_pid - 1) <= 0)
		fail("process number");
	state = step;
}

/* One message, as agents read it: the container process state with our number in each gap, and the listener beside it. */
static bool send_state(int listener)
{
	unsigned first = SECCOMP_LISTENER_PATH + 1, count = state->strings - first;
	struct iovec parts[2 * MAX_PARTS];
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof listener)];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof listener), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = parts, .msg_control = &control, .msg_controllen = sizeof control.space};
	size_t length = 0, used = 0;

	if (count == 0 || count > MAX_PARTS) {
		errno = EINVAL;
		return false;
	}
	for (unsigned index = 0; index < count; index++) {
		if (index > 0)
			parts[used++] = (struct iovec){own_pid, strlen(own_pid)};
		parts[used++] = (struct iovec){(void *)(uintptr_t)string(state, first + index), span(state, first + index)->length};
	}
	for (size_t index = 0; index < used; index++)
		length += parts[index].iov_len;
	message.msg_iovlen = used;
	memcpy(CMSG_DATA(&control.header), &listener, sizeof listener);
	return sendmsg(agent_fd, &message, MSG_NOSIGNAL) == (ssize_t)length;
}

/* Shares init's descriptors, and not its filter: whatever call is asked about, the agent has the listener to answer. What
 * init writes is the listener's number, and what it reads an errno, 0 when all is well. */
_Noreturn static void carry(int end)
{
	int listener, error = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read(end, &listener, sizeof listener) != sizeof listener)
		_exit(0);
	if (!send_state(listener))
		error = errno ? errno : EPIPE;
	/* With the last descriptor of it closed, calls that ask fail (ENOSYS) instead of waiting for ever. */
	close(listener);
	close(agent_fd);
	_exit(write(end, &error, sizeof error) != sizeof error);
}

/* Between the filter and the agent's having it, init only writes: the planner refuses filters that ask about that. */
void install_with_listener(unsigned flags, const struct filter_program *filter)
{
	/* Nobody has to wait for the courier, and execve(2) takes the flag away. */
	struct sigaction reaped = {.sa_flags = SA_NOCLDWAIT};
	int ends[2], listener, error;
	long courier;

	if (!state) {
		errno = ENOTCONN;
		fail("its listener");
	}
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) < 0 || with_patience(ends[0]) < 0 || with_patience(ends[1]) < 0)
		fail("its listener");
	sigaction(SIGCHLD, &reaped, NULL);
	courier = syscall(SYS_clone, CLONE_FILES | SIGCHLD, 0, 0, 0, 0);
	if (courier == 0)
		carry(ends[1]);
	if (courier < 0)
		fail("its listener");
	listener = (int)syscall(SYS_seccomp, SECCOMP_FILTER, flags, filter);
	if (listener < 0) {
		error = errno;
		shutdown(ends[0], SHUT_RDWR);
		errno = error;
		fail("%s", "");
	}
	if (write(ends[0], &listener, sizeof listener) != sizeof listener || read(ends[0], &error, sizeof error) != sizeof error)
		fail("the agent has not taken its listener");
	if (error) {
		errno = error;
		fail("the agent has not taken its listener");
	}
}
