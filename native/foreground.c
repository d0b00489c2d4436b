/* `run` and `exec` in the foreground: hands signals on, carries a terminal's bytes, reaps, and knows how the program ended. */
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <termios.h>

#include "launch.h"

static struct termios saved;
static bool is_raw, ends_input;
static struct flow {
	char bytes[8192];
	size_t start, end;
} to_program, to_user;

void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, NULL);
}

void unblock_signals(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	signal(SIGXFSZ, SIG_DFL);
}

/* Without a size of its own the terminal is as large as ours. */
bool set_terminal_size(int master, unsigned rows, unsigned columns)
{
	struct winsize size = {.ws_row = (unsigned short)rows, .ws_col = (unsigned short)columns};

	if (!rows && !columns && ioctl(0, TIOCGWINSZ, &size) < 0)
		return false;
	return ioctl(master, TIOCSWINSZ, &size) == 0;
}

static void make_raw(void)
{
	struct termios raw;

	if (tcgetattr(0, &saved) < 0)
		return;
	raw = saved;
	cfmakeraw(&raw);
	is_raw = tcsetattr(0, TCSANOW, &raw) == 0;
}

static void restore(void)
{
	if (is_raw)
		tcsetattr(0, TCSANOW, &saved);
	is_raw = false;
}

/* Reads when there is room, writes what is there. False when `from` has ended. */
static bool take(struct flow *flow, int from)
{
	ssize_t length;

	if (flow->start < flow->end)
		return true;
	length = read(from, flow->bytes, sizeof flow->bytes);
	flow->start = 0;
	flow->end = length > 0 ? (size_t)length : 0;
	return length > 0 || (length < 0 && (errno == EINTR || errno == EAGAIN));
}

static void give(struct flow *flow, int to)
{
	ssize_t length = write(to, flow->bytes + flow->start, flow->end - flow->start);

	if (length > 0)
		flow->start += (size_t)length;
	else if (errno != EINTR && errno != EAGAIN)
		flow->start = flow->end;
}

/* The rest of what the program wrote: its end closes the last descriptor of the terminal, and reading it ends with EIO. */
static void drain(int master)
{
	struct pollfd poll_master = {master, POLLIN, 0};

	while (to_user.start < to_user.end)
		give(&to_user, 1);
	while (poll(&poll_master, 1, 0) > 0 && poll_master.revents & POLLIN && take(&to_user, master))
		while (to_user.start < to_user.end)
			give(&to_user, 1);
}

static void hand_on(int signals, const struct child *child, int master)
{
	struct signalfd_siginfo info;

	if (read(signals, &info, sizeof info) != sizeof info)
		return;
	if (info.ssi_signo == SIGWINCH && master >= 0)
		set_terminal_size(master, 0, 0);
	else if (info.ssi_signo != SIGCHLD && info.ssi_signo != SIGPIPE && info.ssi_signo != SIGURG)
		syscall(NR_PIDFD_SEND_SIGNAL, child->pidfd, (int)info.ssi_signo, NULL, 0);
}

/* As a subreaper we inherit what is orphaned: all that is dead is reaped. */
static bool reap(int pid, int *status)
{
	int one, dead;

	while ((dead = waitpid(-1, &one, WNOHANG)) > 0)
		if (dead == pid) {
			*status = one;
			return true;
		}
	return false;
}

/* Signals must be blocked since before the clone. @return the status that a shell would give. */
int stay(const struct child *child, int master)
{
	sigset_t all;
	int status = 0, signals;

	sigfillset(&all);
	signals = signalfd(-1, &all, SFD_CLOEXEC | SFD_NONBLOCK);
	if (master >= 0)
		make_raw();
	while (!reap(child->pid, &status)) {
		bool has_input = to_program.start < to_program.end, has_output = to_user.start < to_user.end;
		struct pollfd polls[] = {
			{signals, POLLIN, 0},
			{master, (short)((has_input ? POLLOUT : 0) | (has_output ? 0 : POLLIN)), 0},
			{master < 0 || has_input || ends_input ? -1 : 0, POLLIN, 0},
			{has_output ? 1 : -1, POLLOUT, 0},
		};

		if (poll(polls, COUNT(polls), -1) < 0)
			continue;
		if (polls[0].revents)
			hand_on(signals, child, master);
		if (polls[1].revents & POLLOUT)
			give(&to_program, master);
		if (polls[1].revents & (POLLIN | POLLHUP) && !has_output && !take(&to_user, master))
			master = -1;	/* nobody has the terminal open: its end comes by signal */
		if (polls[2].revents && !take(&to_program, 0))
			ends_input = true;
		if (polls[3].revents)
			give(&to_user, 1);
	}
	if (master >= 0)
		drain(master);
	restore();
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
}
