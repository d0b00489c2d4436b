/* libFuzzer target (includes its files to reach their parts): a monitor that is sent anything by a client, in pieces of any size, and by init, keeps its buffers in order. */
#include <stdlib.h>
#include <sys/wait.h>

#include "../monitor.c"
#include "../output.c"
#include "../request.c"

static void give(struct client *client, const uint8_t *data, size_t size, size_t piece)
{
	while (size && client->fd >= 0) {
		size_t part = size < piece ? size : piece;

		if (part > sizeof client->buffers->in - client->in_length)
			part = sizeof client->buffers->in - client->in_length;
		if (!part) {
			client->consumed = 0;
			client->in_length = 0;
			return;
		}
		memcpy(client->buffers->in + client->in_length, data, part);
		client->in_length += part;
		data += part;
		size -= part;
		handle_frames(client);
		if (client->out_end > sizeof client->buffers->out || client->out_start > client->out_end || client->in_length > sizeof client->buffers->in)
			abort();
		if (client->out_end > sizeof client->buffers->out / 2)
			client_flush(client);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int pair[2], status[2], input[2];

	if (size < 3 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) < 0)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, status) < 0 || pipe2(input, O_NONBLOCK) < 0)
		abort();
	memset(&self, 0, sizeof self);
	for (unsigned index = 0; index < CLIENTS; index++)
		clients[index].fd = -1;
	self.state = data[0] % ENDED + 1;
	self.terminal = data[0] & 16;
	self.stdin_once = data[0] & 32;
	self.terminal_fd = self.listener = self.child.output_fd = self.child.error_fd = self.child.pidfd = -1;
	self.child.status_fd = status[0];
	self.child.input_fd = input[1];
	/* what init says: a note of any content and length */
	if (data[0] & 64) {
		send(status[1], data, size < 400 ? size : 400, MSG_DONTWAIT);
		read_note();
	}
	client_add(pair[0]);
	give(&clients[0], data + 2, size - 2, (size_t)data[1] + 1);
	broadcast(0, FRAME_OUTPUT, 1, data, size < CHUNK ? size : CHUNK);
	if (clients[0].fd >= 0)
		detach(&clients[0]);
	close(pair[1]);
	close(status[1]);
	close_fd(&self.child.status_fd);
	close_fd(&self.child.input_fd);
	close_fd(&self.terminal_fd);
	close(input[0]);
	return 0;
}
