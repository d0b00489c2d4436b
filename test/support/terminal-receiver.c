/* Listens on a console socket, takes the terminal that is sent to it, and prints what the program says there. */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int main(int count, char **arguments)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	char name[256] = "", bytes[4096];
	struct iovec part = {name, sizeof name - 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), client, master;
	ssize_t length;

	if (count != 2)
		return 2;
	snprintf(address.sun_path, sizeof address.sun_path, "%s", arguments[1]);
	if (bind(listener, (struct sockaddr *)&address, sizeof address) < 0 || listen(listener, 1) < 0)
		return 3;
	client = accept(listener, NULL, NULL);
	if (client < 0 || recvmsg(client, &message, 0) <= 0 || !CMSG_FIRSTHDR(&message))
		return 4;
	memcpy(&master, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof master);
	printf("%s\n", name);
	fflush(stdout);
	while ((length = read(master, bytes, sizeof bytes)) > 0)
		fwrite(bytes, 1, (size_t)length, stdout);
	return 0;
}
