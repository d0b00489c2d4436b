/* What clients ask of a monitor: start, abandon, resize, attach, input (src/supervise/frames.ts). */
#include <signal.h>
#include <sys/socket.h>
#include <time.h>

#include "monitor.h"

static int start(void)
{
	if (self.state != READY)
		return self.state < READY ? EAGAIN : EALREADY;
	self.state = STARTING;
	return send(self.child.status_fd, &(char){WORD_EXECUTE}, 1, MSG_NOSIGNAL) == 1 ? 0 : errno;
}

static int abandon(void)
{
	if (self.state >= STARTING)
		return EALREADY;
	self.abandoned = true;
	return syscall(NR_PIDFD_SEND_SIGNAL, self.child.pidfd, SIGKILL, NULL, 0) < 0 && errno != ESRCH ? errno : 0;
}

/* A daemon that was killed before it let init go is not coming back for it: the next one starts anew. */
void abandon_orphan(void)
{
	bool has_client = false;

	for (unsigned index = 0; index < CLIENTS; index++)
		has_client |= clients[index].fd >= 0;
	if (self.state > READY || self.abandoned || has_client)
		return;
	if (self.had_client || clock_now(CLOCK_MONOTONIC) - self.times.began > WELCOME)
		abandon();
}

static int resize(const char *bytes, size_t length)
{
	uint16_t cells[2];

	if (length != sizeof cells || !self.terminal)
		return EINVAL;
	memcpy(cells, bytes, sizeof cells);
	self.size = (struct winsize){.ws_row = cells[0], .ws_col = cells[1]};
	return self.terminal_fd >= 0 && ioctl(self.terminal_fd, TIOCSWINSZ, &self.size) < 0 ? errno : 0;
}

int *input_fd(void)
{
	return self.terminal ? &self.terminal_fd : &self.child.input_fd;
}

void close_stdin(void)
{
	if (!self.terminal)
		close_fd(&self.child.input_fd);
}

/* True when all was taken, or never will be; false when stdin is full. */
static bool take_input(struct client *client, const char *bytes, size_t length)
{
	while (client->consumed < length && *input_fd() >= 0) {
		ssize_t written = write(*input_fd(), bytes + client->consumed, length - client->consumed);

		if (written < 0 && errno == EAGAIN)
			return false;
		if (written < 0 && errno == EINTR)
			continue;
		if (written < 0) {
			close_stdin();
			break;
		}
		client->consumed += (size_t)written;
	}
	client->consumed = 0;
	return true;
}

/* Some places stay free, so that a daemon always gets through to its containers. */
static int attach(struct client *client, unsigned ways)
{
	unsigned attached = 0;

	for (unsigned index = 0; index < CLIENTS; index++)
		attached += clients[index].fd >= 0 && clients[index].attached;
	if (attached >= CLIENTS - SPARE_CLIENTS)
		return EBUSY;
	client->attached = (ways & 7) | ATTACH_END;
	return 0;
}

/* False when the frame has to wait for room in stdin. */
static bool handle_frame(struct client *client, const struct frame_header *header, const char *bytes)
{
	int error = 0;

	switch (header->type) {
	case FRAME_START:
		error = start();
		break;
	case FRAME_ABANDON:
		error = abandon();
		break;
	case FRAME_RESIZE:
		error = resize(bytes, header->length);
		break;
	case FRAME_ATTACH:
		error = attach(client, header->length == 1 ? (unsigned char)bytes[0] : 0);
		break;
	case FRAME_INPUT:
		/* before the terminal exists there is nowhere to put it, and it must not be lost */
		if (self.terminal && self.terminal_fd < 0 && self.state == CREATED)
			return false;
		if (!take_input(client, bytes, header->length))
			return false;
		break;
	case FRAME_CLOSE_STDIN:
		close_stdin();
		break;
	default:
		error = ENOSYS;	/* a newer daemon's question: append-only protocol */
	}
	client_queue(client, FRAME_REPLY, header->tag, &error, sizeof error);
	return true;
}

void handle_frames(struct client *client)
{
	struct frame_header header;
	size_t length;

	while (client->fd >= 0 && (length = frame_complete(client->buffers->in, client->in_length, &header)) != 0) {
		if (length == SIZE_MAX) {
			client_drop(client);
			return;
		}
		if (!handle_frame(client, &header, client->buffers->in + sizeof header))
			return;
		client->in_length -= length;
		memmove(client->buffers->in, client->buffers->in + length, client->in_length);
	}
}

bool waits_for_stdin(const struct client *client)
{
	struct frame_header header;

	return frame_complete(client->buffers->in, client->in_length, &header) != 0;
}

static void detach(struct client *client)
{
	bool had_stdin = client->attached & ATTACH_STDIN;

	client_drop(client);
	if (had_stdin && self.stdin_once)
		close_stdin();
}

void read_client(struct client *client)
{
	ssize_t length = recv(client->fd, client->buffers->in + client->in_length, sizeof client->buffers->in - client->in_length, MSG_DONTWAIT);

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length <= 0) {
		detach(client);
		return;
	}
	client->in_length += (size_t)length;
	handle_frames(client);
}

void accept_client(void)
{
	int fd = accept4(self.listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct hello greeting = hello();

	if (fd < 0)
		return;
	self.had_client = true;
	client_add(fd);
	for (unsigned index = 0; index < CLIENTS; index++)
		if (clients[index].fd == fd) {
			client_queue(&clients[index], FRAME_HELLO, 0, &greeting, sizeof greeting);
			if (self.ending.failed)
				client_queue(&clients[index], FRAME_FAILED, 0, &self.ending.failure, failure_size(&self.ending.failure));
		}
}
