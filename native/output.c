/* What the container prints: into the log and to whoever is attached, at their pace; and its end. */
#include <time.h>

#include "monitor.h"

/* Whoever attached decides the pace: while one has no room, the container's output is left in its pipe. */
bool may_read_output(void)
{
	for (unsigned index = 0; index < CLIENTS; index++)
		if (clients[index].fd >= 0 && clients[index].attached & (ATTACH_STDOUT | ATTACH_STDERR) && !client_has_room(&clients[index]))
			return false;
	return true;
}

/* Bytes read; 0 when there is nothing now, or it ended (then the descriptor is closed). */
static size_t read_output(int *fd, int stream)
{
	static char bytes[CHUNK];
	ssize_t length = read(*fd, bytes, sizeof bytes);

	if (length > 0) {
		log_write(stream, bytes, (size_t)length);
		broadcast(stream == STREAM_OUT ? ATTACH_STDOUT : ATTACH_STDERR, FRAME_OUTPUT, (unsigned)stream, bytes, (size_t)length);
		return (size_t)length;
	}
	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (self.terminal && !self.grace_end) {
		self.terminal_again = clock_now(CLOCK_MONOTONIC) + TERMINAL_PAUSE;
		return 0;
	}
	close_fd(fd);
	if (self.terminal)
		self.terminal_fd = -1;
	return 0;
}

/* A pipe's worth at a time, so that neither stream starves the other or the clients. */
void read_some(int *fd, int stream)
{
	for (int turn = 0; turn < 4 && *fd >= 0 && may_read_output(); turn++)
		if (!read_output(fd, stream))
			return;
}

/* While the container lives, a client that takes nothing holds it up, as agreed; afterwards it must not hold up the end. */
static void drop_stuck_clients(void)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);

	for (unsigned index = 0; index < CLIENTS; index++)
		if (clients[index].fd >= 0 && !client_has_room(&clients[index]) && now > self.grace_end && now - clients[index].progress > PATIENCE)
			client_drop(&clients[index]);
}

/* After the grace, what is in the pipe now still counts; what a stranger goes on writing does not. */
void end_output(void)
{
	bool is_late = clock_now(CLOCK_MONOTONIC) > self.grace_end;
	int *fds[] = {&self.child.output_fd, &self.child.error_fd};

	drop_stuck_clients();
	if (!is_late || !may_read_output())
		return;
	for (unsigned index = 0; index < COUNT(fds); index++) {
		while (*fds[index] >= 0 && self.late_bytes < (1 << 20) && may_read_output()) {
			size_t length = read_output(fds[index], (int)index + 1);

			if (!length)
				break;
			self.late_bytes += length;
		}
		if (!may_read_output() && self.late_bytes < (1 << 20))
			return;
		close_fd(fds[index]);
	}
	self.terminal_fd = -1;
}
