/* What the monitor's files share: monitor.c (its life), request.c (what clients ask), output.c (what the container prints). */
#ifndef GANTRY_MONITOR_H
#define GANTRY_MONITOR_H

#include <sys/ioctl.h>
#include <sys/un.h>

#include "gantry.h"

enum state { CREATED = 1, READY, STARTING, STARTED, FAILED, ENDED };
/* After init's end: how long a process that kept stdout open may keep the end from us, and how long a client may take nothing. */
#define GRACE (2 * NANOSECONDS)
#define PATIENCE (10 * NANOSECONDS)
#define LINGER (NANOSECONDS)
/* How long a daemon may take to come to what it has launched. */
#define WELCOME (30 * NANOSECONDS)
/* A terminal whose last user closed it may be opened again: look from time to time. */
#define TERMINAL_PAUSE (NANOSECONDS / 10)

extern struct monitor {
	enum state state;
	bool terminal, stdin_once, abandoned, had_client;
	struct child child;
	struct winsize size;
	int listener, terminal_fd;
	uint64_t grace_end, linger_end, terminal_again, started_at;
	struct times {
		uint64_t began, cloned, ready;	/* CLOCK_MONOTONIC: told, for whoever wants to know where the time went */
	} times;
	uint64_t ended;
	size_t late_bytes;
	struct ending ending;
	struct sockaddr_un address;
	char exit_path[4096];
} self;

struct hello {
	uint32_t version, state, monitor_pid, init_pid;
	uint64_t init_start, monitor_start;
};

/* ---- monitor.c */
struct hello hello(void);
size_t failure_size(const struct failure *failure);
void close_fd(int *fd);

/* ---- request.c */
void abandon_orphan(void);
int *input_fd(void);
void close_stdin(void);
void accept_client(void);
void read_client(struct client *client);
void handle_frames(struct client *client);
bool waits_for_stdin(const struct client *client);

/* ---- output.c */
bool may_read_output(void);
void read_some(int *fd, int stream);
void end_output(void);

#endif
