/* The monitor's clients: frames in, frames out, through bounded buffers (src/supervise/frames.ts has the other side). */
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>

#include "gantry.h"

/* Room that stays for frames that are no output: answers, END, EXIT. */
enum { RESERVE = 2048 };

struct client clients[CLIENTS];
static struct buffers buffers[CLIENTS];

/* The length of the first frame in `bytes`, 0 when it is not whole yet, SIZE_MAX when it can never be one. */
size_t frame_complete(const char *bytes, size_t length, struct frame_header *header)
{
	if (length < sizeof *header)
		return 0;
	memcpy(header, bytes, sizeof *header);
	if (header->length > CHUNK)
		return SIZE_MAX;
	return length < sizeof *header + header->length ? 0 : sizeof *header + header->length;
}

void client_add(int fd)
{
	for (unsigned index = 0; index < CLIENTS; index++)
		if (clients[index].fd < 0) {
			struct client *client = &clients[index];

			client->fd = fd;
			client->buffers = &buffers[index];
			client->attached = 0;
			client->deaf = false;
			client->in_length = client->consumed = client->out_start = client->out_end = 0;
			client->progress = clock_now(CLOCK_MONOTONIC);
			return;
		}
	close(fd);
}

void client_drop(struct client *client)
{
	close(client->fd);
	client->fd = -1;
	client->attached = 0;
	/* A monitor lives long: give the buffers' pages back. */
	madvise(client->buffers, sizeof *client->buffers, MADV_DONTNEED);
}

bool client_has_room(const struct client *client)
{
	return client->deaf || sizeof client->buffers->out - (client->out_end - client->out_start) >= CHUNK + sizeof(struct frame_header) + RESERVE;
}

void client_queue(struct client *client, unsigned type, unsigned tag, const void *bytes, size_t length)
{
	struct frame_header header = {(uint32_t)length, (uint16_t)type, (uint16_t)tag};

	if (client->fd < 0 || client->deaf)
		return;
	if (sizeof client->buffers->out - client->out_end < sizeof header + length) {
		memmove(client->buffers->out, client->buffers->out + client->out_start, client->out_end - client->out_start);
		client->out_end -= client->out_start;
		client->out_start = 0;
	}
	if (sizeof client->buffers->out - client->out_end < sizeof header + length) {
		client->deaf = true;	/* only one who asks without ever reading the answers gets here */
		return;
	}
	if (client->out_start == client->out_end)
		client->progress = clock_now(CLOCK_MONOTONIC);	/* until now there was nothing to take */
	memcpy(client->buffers->out + client->out_end, &header, sizeof header);
	if (length)
		memcpy(client->buffers->out + client->out_end + sizeof header, bytes, length);
	client->out_end += sizeof header + length;
}

void client_flush(struct client *client)
{
	while (client->fd >= 0 && !client->deaf && client->out_start < client->out_end) {
		ssize_t length = send(client->fd, client->buffers->out + client->out_start, client->out_end - client->out_start, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (length < 0 && errno == EINTR)
			continue;
		if (length < 0 && errno == EAGAIN)
			return;
		if (length < 0) {
			client->deaf = true;
			return;
		}
		client->out_start += (size_t)length;
		client->progress = clock_now(CLOCK_MONOTONIC);
	}
	client->out_start = client->out_end = 0;
}

/* To all clients, or to those that are attached in one of the ways of `attached`. */
void broadcast(unsigned attached, unsigned type, unsigned tag, const void *bytes, size_t length)
{
	for (unsigned index = 0; index < CLIENTS; index++)
		if (clients[index].fd >= 0 && (!attached || clients[index].attached & attached))
			client_queue(&clients[index], type, tag, bytes, length);
}
