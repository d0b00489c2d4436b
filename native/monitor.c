/* The monitor: one container's (or exec's) parent. It owns the stdio, writes the log, serves whoever attaches, and keeps the exit. */
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>

#include "monitor.h"

enum { REQUEST_FD = 3 };

struct monitor self;

/* Tests build a helper of before they were told (test/support/previous-release.ts). */
#ifdef GANTRY_WITHOUT_TIMES
enum { TELLS_TIMES = 0 };
#else
enum { TELLS_TIMES = 1 };
#endif

struct exit_frame {
	int32_t code, signal;
	uint32_t oom_killed, failed;
	uint64_t finished_at, ended;
};

struct hello hello(void)
{
	return (struct hello){PROTOCOL_VERSION, self.state, (uint32_t)getpid(), (uint32_t)self.child.pid, self.child.start_time, self.started_at};
}

size_t failure_size(const struct failure *failure)
{
	return offsetof(struct failure, text) + strlen(failure->text);
}

void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void set_failed(const struct failure *failure)
{
	if (self.state >= STARTED)
		return;
	self.state = FAILED;
	self.ending.failed = true;
	self.ending.failure = *failure;
	self.ending.failure.text[sizeof failure->text - 1] = 0;
	broadcast(0, FRAME_FAILED, 0, &self.ending.failure, failure_size(&self.ending.failure));
}

/* ---- init's notes */

static void take_console(int fd)
{
	self.terminal_fd = self.child.output_fd = fd;
	fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK);
	if (self.size.ws_row || self.size.ws_col)
		ioctl(fd, TIOCSWINSZ, &self.size);
}

static void read_note(void)
{
	struct note note;
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec part = {&note, sizeof note};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
	ssize_t length = recvmsg(self.child.status_fd, &message, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);
	int fd = -1;

	if (length < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (length != sizeof note) {
		/* The socket closes at execve, or when init dies; which of both, its exit tells. */
		close_fd(&self.child.status_fd);
		if (self.state == STARTING) {
			uint64_t now = clock_now(CLOCK_MONOTONIC);

			self.state = STARTED;
			broadcast(0, FRAME_STARTED, 0, &now, TELLS_TIMES * sizeof now);
		}
		return;
	}
	if (header && header->cmsg_type == SCM_RIGHTS)
		memcpy(&fd, CMSG_DATA(header), sizeof fd);
	if (note.kind == NOTE_CONSOLE && fd >= 0 && self.terminal) {
		take_console(fd);
	} else if (note.kind == NOTE_READY && self.state == CREATED) {
		self.state = READY;
		self.times.ready = clock_now(CLOCK_MONOTONIC);
		broadcast(0, FRAME_READY, 0, &self.times, TELLS_TIMES * sizeof self.times);
	} else if (note.kind == NOTE_FAILED) {
		set_failed(&note.failure);
	}
}

/* ---- the end */

static void take_exit(void)
{
	siginfo_t about = {0};

	if (waitid(P_PID, (id_t)self.child.pid, &about, WEXITED) < 0 && errno == EINTR)
		return;
	self.ended = clock_now(CLOCK_MONOTONIC);
	close_fd(&self.child.pidfd);
	for (int notes = 0; self.child.status_fd >= 0 && notes < 16; notes++)
		read_note();
	close_fd(&self.child.status_fd);
	self.ending.signal = about.si_code == CLD_EXITED ? 0 : about.si_status;
	self.ending.code = about.si_code == CLD_EXITED ? about.si_status : 128 + about.si_status;
	if (self.state < STARTED) {
		struct failure failure = {.step = NO_STEP};

		snprintf(failure.text, sizeof failure.text, "init ended early (status %d)", self.ending.code);
		set_failed(&failure);
	}
	self.grace_end = clock_now(CLOCK_MONOTONIC) + GRACE;
	close_stdin();
}

/* The order is the contract: all output, then the record, then END, then EXIT, then this process. */
static void finish(void)
{
	struct exit_frame frame;

	log_finish();
	self.ending.oom_killed = oom_happened();
	self.ending.finished_at = clock_now(CLOCK_REALTIME);
	if (self.abandoned)
		record_abandon();
	else
		write_record(self.exit_path, &self.ending);
	close_fd(&self.listener);
	unlink(self.address.sun_path);
	frame = (struct exit_frame){self.ending.code, self.ending.signal, self.ending.oom_killed, self.ending.failed, self.ending.finished_at, self.ended};
	broadcast(ATTACH_END, FRAME_END, 0, NULL, 0);
	broadcast(0, FRAME_EXIT, 0, &frame, TELLS_TIMES ? sizeof frame : offsetof(struct exit_frame, ended));
	self.state = ENDED;
	self.linger_end = clock_now(CLOCK_MONOTONIC) + LINGER;
}

/* Clients hang up when they have read EXIT (END, for those that attached): a socket that we closed at once would look
 * like a refused connection to one who has only just come. */
static bool all_delivered(void)
{
	uint64_t now = clock_now(CLOCK_MONOTONIC);
	bool done = true;

	for (unsigned index = 0; index < CLIENTS; index++) {
		struct client *client = &clients[index];

		if (client->fd < 0 || client->deaf)
			continue;
		if (client->out_start == client->out_end ? now > self.linger_end : now - client->progress > PATIENCE)
			client_drop(client);
		else
			done = false;
	}
	return done;
}

/* ---- the loop */

enum { POLL_LISTENER, POLL_STATUS, POLL_CHILD, POLL_OUTPUT, POLL_ERROR, POLL_INPUT, POLL_CLIENTS };

static void fill_polls(struct pollfd *polls)
{
	bool may_read = may_read_output(), is_paused = self.terminal_again > clock_now(CLOCK_MONOTONIC), has_input = false;

	for (unsigned index = 0; index < CLIENTS; index++) {
		struct client *client = &clients[index];
		bool waits = client->fd >= 0 && waits_for_stdin(client), has_output = !client->deaf && client->out_start < client->out_end;
		short events = (short)((waits ? 0 : POLLIN) | (has_output ? POLLOUT : 0));

		has_input |= waits;
		polls[POLL_CLIENTS + index] = (struct pollfd){events ? client->fd : -1, events, 0};
	}
	polls[POLL_LISTENER] = (struct pollfd){self.listener, POLLIN, 0};
	polls[POLL_STATUS] = (struct pollfd){self.child.status_fd, POLLIN, 0};
	polls[POLL_CHILD] = (struct pollfd){self.child.pidfd, POLLIN, 0};
	polls[POLL_OUTPUT] = (struct pollfd){may_read && !is_paused ? self.child.output_fd : -1, POLLIN, 0};
	polls[POLL_ERROR] = (struct pollfd){may_read ? self.child.error_fd : -1, POLLIN, 0};
	polls[POLL_INPUT] = (struct pollfd){has_input ? *input_fd() : -1, POLLOUT, 0};
}

static int timeout_ms(void)
{
	if (self.state == ENDED || self.grace_end)
		return 50;
	if (!self.had_client)
		return 1000;
	return self.terminal_again > clock_now(CLOCK_MONOTONIC) ? (int)(TERMINAL_PAUSE / 1000000) : -1;
}

static void serve(const struct pollfd *polls)
{
	if (polls[POLL_STATUS].revents)
		read_note();
	if (polls[POLL_OUTPUT].revents)
		read_some(&self.child.output_fd, STREAM_OUT);
	if (polls[POLL_ERROR].revents)
		read_some(&self.child.error_fd, STREAM_ERROR);
	for (unsigned index = 0; index < CLIENTS; index++) {
		struct client *client = &clients[index];
		short events = polls[POLL_CLIENTS + index].revents;

		if (client->fd < 0)
			continue;
		if (waits_for_stdin(client)) {
			if (events & (POLLHUP | POLLERR))
				client->deaf = true;
			handle_frames(client);
		} else if (events & (POLLIN | POLLHUP | POLLERR)) {
			read_client(client);
		}
	}
	if (polls[POLL_LISTENER].revents)
		accept_client();
	if (polls[POLL_CHILD].revents)
		take_exit();
}

/* An init that failed at once must not be gone before the daemon, which was told where we listen, has come to hear it. */
static bool daemon_had_its_chance(void)
{
	return self.had_client || clock_now(CLOCK_MONOTONIC) > self.grace_end;
}

static void run(void)
{
	struct pollfd polls[POLL_CLIENTS + CLIENTS];

	while (self.state != ENDED || !all_delivered()) {
		fill_polls(polls);
		if (poll(polls, COUNT(polls), timeout_ms()) < 0 && errno != EINTR)
			return;
		serve(polls);
		abandon_orphan();
		if (self.grace_end && self.state != ENDED)
			end_output();
		if (self.grace_end && self.state != ENDED && self.child.output_fd < 0 && self.child.error_fd < 0 && daemon_had_its_chance())
			finish();
		for (unsigned index = 0; index < CLIENTS; index++)
			client_flush(&clients[index]);
	}
}

/* ---- the beginning */

static bool listen_at(const char *path)
{
	self.address.sun_family = AF_UNIX;
	if (strlen(path) >= sizeof self.address.sun_path)
		return errno = ENAMETOOLONG, false;
	strcpy(self.address.sun_path, path);
	self.listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	umask(0177);
	return self.listener >= 0 && bind(self.listener, (struct sockaddr *)&self.address, sizeof self.address) == 0 && listen(self.listener, 16) == 0;
}

/* The daemon's first word from us comes over stdout: HELLO, or why there is no container. Then it connects like any client. */
static void say_first(unsigned type, const void *bytes, size_t length)
{
	struct frame_header header = {(uint32_t)length, (uint16_t)type, 0};
	char frame[sizeof header + sizeof(struct failure)];
	int null;

	memcpy(frame, &header, sizeof header);
	memcpy(frame + sizeof header, bytes, length);
	if (write(STDOUT_FILENO, frame, sizeof header + length) < 0) {
		/* the daemon is gone already; it finds us by our socket */
	}
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	close(null);
}

static int refuse(uint32_t step, int error, const char *text)
{
	struct failure failure = {.step = step, .error = error};

	snprintf(failure.text, sizeof failure.text, "%s", text);
	say_first(FRAME_FAILED, &failure, failure_size(&failure));
	return 125;
}

/* Of its own session, deaf to signals that are meant for the daemon's group, out of the container's reach (CVE-2016-9962, CVE-2019-5736). */
static void detach_from_daemon(void)
{
	sigset_t all;

	setsid();
	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "gantry-monitor");
	syscall(NR_CLOSE_RANGE, REQUEST_FD + 1, ~0u, 0);
	if (chdir("/") < 0)
		_exit(125);
}

int monitor_main(void)
{
	struct stat about;
	struct plan plan;
	struct failure failure;
	const struct step *options;
	struct hello greeting;
	void *request;

	self.times.began = clock_now(CLOCK_MONOTONIC);
	detach_from_daemon();
	for (unsigned index = 0; index < CLIENTS; index++)
		clients[index].fd = -1;
	request = fstat(REQUEST_FD, &about) < 0 ? MAP_FAILED : mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, REQUEST_FD, 0);
	close(REQUEST_FD);
	if (request == MAP_FAILED || !plan_open(&plan, request, (size_t)about.st_size) || !(options = plan_find(&plan, STEP_SUPERVISE)))
		return refuse(NO_STEP, EINVAL, "the plan is not one of this helper's version");
	self.terminal = number(options, SUPERVISE_TERMINAL);
	self.stdin_once = number(options, SUPERVISE_STDIN_ONCE);
	self.size = (struct winsize){.ws_row = (uint16_t)number(options, SUPERVISE_ROWS), .ws_col = (uint16_t)number(options, SUPERVISE_COLUMNS)};
	self.terminal_fd = -1;
	self.started_at = process_start_time(getpid());
	if ((size_t)snprintf(self.exit_path, sizeof self.exit_path, "%s", string(options, SUPERVISE_EXIT_PATH)) >= sizeof self.exit_path)
		return refuse(NO_STEP, ENAMETOOLONG, "exit record");
	oom_watch(&plan);
	if (!listen_at(string(options, SUPERVISE_SOCKET_PATH)))
		return refuse(NO_STEP, errno, "cannot listen on the monitor's socket");
	log_open(string(options, SUPERVISE_LOG_DIRECTORY), number(options, SUPERVISE_LOG_NUMBER), number(options, SUPERVISE_LOG_MAX_SIZE),
		 number(options, SUPERVISE_LOG_MAX_FILES));
	record_open(self.exit_path);
	if (!spawn_init(&plan, options, &self.child, &failure)) {
		record_abandon();
		unlink(self.address.sun_path);
		return refuse(failure.step, failure.error, failure.text);
	}
	munmap(request, (size_t)about.st_size);
	self.times.cloned = clock_now(CLOCK_MONOTONIC);
	self.state = CREATED;
	greeting = hello();
	say_first(FRAME_HELLO, &greeting, sizeof greeting);
	run();
	return 0;
}
