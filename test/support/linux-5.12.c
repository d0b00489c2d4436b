/*
 * Runs a command as if on Linux 5.12, which has mount_setattr(2) but does not know MOUNT_ATTR_NOSYMFOLLOW: calls that name it fail
 * with EINVAL, as unknown attributes do. A filter cannot read what a pointer leads to, so this process is asked about each call.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOSYMFOLLOW 0x200000u
#define NR_FSMOUNT 432
#define NR_MOUNT_SETATTR 442

static int install(void)
{
	struct sock_filter filter[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ, NR_FSMOUNT, 1, 0),
		BPF_JUMP(BPF_JMP | BPF_JEQ, NR_MOUNT_SETATTR, 0, 1),
		BPF_STMT(BPF_RET, SECCOMP_RET_USER_NOTIF),
		BPF_STMT(BPF_RET, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof filter / sizeof filter[0], filter};

	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

/* struct mount_attr: what to set, then what to clear. */
static int names_it(const struct seccomp_notif *question)
{
	uint64_t attributes[2] = {0};
	char path[32];
	int fd;

	if (question->data.nr == NR_FSMOUNT)
		return (question->data.args[2] & NOSYMFOLLOW) != 0;
	snprintf(path, sizeof path, "/proc/%u/mem", question->pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || pread(fd, attributes, sizeof attributes, (off_t)question->data.args[3]) != sizeof attributes)
		_exit(99);
	close(fd);
	return ((attributes[0] | attributes[1]) & NOSYMFOLLOW) != 0;
}

static void answer(int listener)
{
	struct seccomp_notif question;
	struct seccomp_notif_resp response;

	memset(&question, 0, sizeof question);
	if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
		return;
	memset(&response, 0, sizeof response);
	response.id = question.id;
	if (names_it(&question))
		response.error = -EINVAL;
	else
		response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
	ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

int main(int count, char **arguments)
{
	struct pollfd polled = {.events = POLLIN};
	int numbers[2], status = 0;

	if (count < 2 || pipe2(numbers, O_CLOEXEC) < 0)
		return 98;
	/* Descriptors are shared until execve: the listener is ours as well, and the filter is not. */
	if (syscall(SYS_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL) == 0) {
		int listener = install();

		if (write(numbers[1], &listener, sizeof listener) == sizeof listener && listener >= 0)
			execvp(arguments[1], arguments + 1);
		_exit(97);
	}
	if (read(numbers[0], &polled.fd, sizeof polled.fd) != sizeof polled.fd || polled.fd < 0)
		return 99;
	/* Until nobody is left who could ask. */
	while (poll(&polled, 1, -1) >= 0 && !(polled.revents & POLLHUP))
		answer(polled.fd);
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
