/*
 * A seccomp agent for tests: for each connection it prints the state that comes with it as a line, and the numbers of descriptors and of bytes after it,
 * then answers what it is asked: mkdir fails with ENETDOWN, all else goes on. "deaf" closes each connection at once; "slow" never answers.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

static bool is_slow;

static void answer(int listener)
{
	struct seccomp_notif question;
	struct seccomp_notif_resp response;

	while (is_slow)
		pause();

	for (;;) {
		struct pollfd poll_listener = {listener, POLLIN, 0};

		if (poll(&poll_listener, 1, -1) < 0 || poll_listener.revents & POLLHUP)
			_exit(0);
		memset(&question, 0, sizeof question);
		if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &question) < 0)
			continue;
		memset(&response, 0, sizeof response);
		response.id = question.id;
		if (question.data.nr == SYS_mkdir || question.data.nr == SYS_mkdirat)
			response.error = -ENETDOWN;
		else
			response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
		ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
	}
}

static void serve(int connection)
{
	static char text[1 << 16], rest[16];
	char space[CMSG_SPACE(4 * sizeof(int))];
	struct iovec part = {text, sizeof text};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
	ssize_t length = recvmsg(connection, &message, 0), more;
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int listener;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (length < 0 || !header || header->cmsg_type != SCM_RIGHTS)
		_exit(1);
	memcpy(&listener, CMSG_DATA(header), sizeof listener);
	/* runc leaves its end open as long as it stays: do not wait for it. */
	more = recv(connection, rest, sizeof rest, MSG_DONTWAIT);
	printf("%.*s\n%zu %zd\n", (int)length, text, (header->cmsg_len - CMSG_LEN(0)) / sizeof(int), more > 0 ? more : 0);
	fflush(stdout);
	close(connection);
	answer(listener);
}

int main(int argc, char **argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), connection;

	is_slow = argc > 2 && strcmp(argv[2], "slow") == 0;
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	signal(SIGCHLD, SIG_IGN);
	strncpy(address.sun_path, argv[1], sizeof address.sun_path - 1);
	if (bind(server, (struct sockaddr *)&address, sizeof address) < 0 || listen(server, 8) < 0)
		return 1;
	puts("listening");
	fflush(stdout);
	while ((connection = accept(server, NULL, NULL)) >= 0) {
		if ((argc < 3 || is_slow) && fork() == 0)
			serve(connection);
		close(connection);
	}
	return 0;
}
