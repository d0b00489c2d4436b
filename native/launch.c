/* `launch`: comes in the place of `gantry runtime create|run|exec`, makes init with the caller's own streams, tells who it is, and
 * ends; init is then the caller's to reap. What fails is told by `gantry` again, in this place: it has the words and cleans up. */
#include <limits.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include "launch.h"

extern char **environ;

int start_fd = -1, result_fd = -1;	/* init's ends of exec.fifo and exec.result */

static struct {
	struct plan plan;
	const struct step *options;
	struct child child;
	int master;
} self = {.master = -1};

static const char *text_of(unsigned field)
{
	return string(self.options, field);
}

static bool is_set(unsigned field)
{
	return span(self.options, field)->length > 0;
}

/* A process whose children belong to another pid namespace can have no threads, and gantry needs some: clone(2), EINVAL. */
static void leave_pid_namespace(void)
{
	int own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);

	if (own >= 0) {
		setns(own, NS_PID);
		close(own);
	}
}

/* `failed:STEP:ERRNO:TEXT` or `ended:STATUS` takes the place of one argument. */
_Noreturn static void call_again(const char *format, ...)
{
	static char *arguments[1024];
	char outcome[384];
	unsigned count = self.options->strings - LAUNCH_AGAIN;
	va_list values;

	va_start(values, format);
	vsnprintf(outcome, sizeof outcome, format, values);
	va_end(values);
	if (count > COUNT(arguments) - 1)
		_exit(1);
	for (unsigned index = 0; index < count; index++)
		arguments[index] = (char *)(uintptr_t)string(self.options, LAUNCH_AGAIN + index);
	arguments[number(self.options, LAUNCH_OUTCOME_AT) % COUNT(arguments)] = outcome;
	unblock_signals();
	leave_pid_namespace();
	execve(arguments[0], arguments, environ);
	dprintf(2, "gantry-helper: %s, and %s cannot be executed\n", outcome, arguments[0]);
	_exit(1);
}

_Noreturn static void give_up(const struct failure *failure)
{
	if (self.child.pid > 0) {
		syscall(NR_PIDFD_SEND_SIGNAL, self.child.pidfd, SIGKILL, NULL, 0);
		waitpid(self.child.pid, NULL, 0);
	}
	call_again("failed:%d:%d:%s", (int)failure->step, failure->error, failure->text);
}

__attribute__((format(printf, 1, 2))) _Noreturn static void give_up_at(const char *format, ...)
{
	struct failure failure = {.step = NO_STEP, .error = errno};
	va_list values;

	va_start(values, format);
	vsnprintf(failure.text, sizeof failure.text, format, values);
	va_end(values);
	give_up(&failure);
}

/* ---- files: what others read appears whole, or not at all */

static void write_whole(int folder, const char *name, struct iovec *parts, int count)
{
	char temporary[NAME_MAX + 1];
	int fd;

	snprintf(temporary, sizeof temporary, ".%.*s.new", NAME_MAX - 8, name);
	fd = openat(folder, temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0644);
	for (int index = 0; index < count; index++)
		for (size_t at = 0; fd >= 0 && at < parts[index].iov_len;) {
			ssize_t length = write(fd, (char *)parts[index].iov_base + at, parts[index].iov_len - at);

			if (length < 0)
				give_up_at("write %s", name);
			at += (size_t)length;
		}
	if (fd < 0 || close(fd) < 0 || renameat(folder, temporary, folder, name) < 0)
		give_up_at("write %s", name);
}

static void write_pid_file(const char *path)
{
	char folder[PATH_MAX], pid[16];
	const char *slash = strrchr(path, '/');
	size_t length = slash ? (size_t)(slash - path) + 1 : 2;
	int fd, count;

	snprintf(folder, sizeof folder, "%.*s", (int)length, slash ? path : "./");
	fd = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		give_up_at("write the pid file %s", path);
	count = snprintf(pid, sizeof pid, "%d", self.child.pid);
	write_whole(fd, slash ? slash + 1 : path, &(struct iovec){pid, (size_t)count}, 1);
	close(fd);
}

/* state.json with who init is; until then it was that of a container that is being made. */
static void write_state(void)
{
	char identity[96];
	int folder = open(text_of(LAUNCH_FOLDER), O_PATH | O_DIRECTORY | O_CLOEXEC);
	int length = snprintf(identity, sizeof identity, "\"init_process_pid\":%d,\"init_process_start\":%llu", self.child.pid,
			      (unsigned long long)self.child.start_time);
	struct iovec parts[] = {
		{(void *)(uintptr_t)text_of(LAUNCH_STATE_HEAD), span(self.options, LAUNCH_STATE_HEAD)->length},
		{identity, (size_t)length},
		{(void *)(uintptr_t)text_of(LAUNCH_STATE_TAIL), span(self.options, LAUNCH_STATE_TAIL)->length},
	};

	if (folder < 0)
		give_up_at("open %s", text_of(LAUNCH_FOLDER));
	write_whole(folder, "state.json", parts, COUNT(parts));
	close(folder);
}

static int make_fifo(const char *name)
{
	char path[PATH_MAX];
	int fd;

	snprintf(path, sizeof path, "%s/%s", text_of(LAUNCH_FOLDER), name);
	if (mkfifo(path, 0600) < 0 || (fd = open(path, O_RDWR | O_CLOEXEC)) < 0)
		give_up_at("make %s", path);
	return fd;
}

/* ---- the console's master goes to whoever listens on the console socket */

static void send_console(int master)
{
	static char name[] = "/dev/ptmx";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct iovec part = {name, sizeof name - 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof master)];
	} control = {.header = {.cmsg_len = CMSG_LEN(sizeof master), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof address.sun_path, "%s", text_of(LAUNCH_CONSOLE_SOCKET));
	memcpy(CMSG_DATA(&control.header), &master, sizeof master);
	if (fd < 0 || connect(fd, (struct sockaddr *)&address, sizeof address) < 0 || sendmsg(fd, &message, MSG_NOSIGNAL) < 0)
		give_up_at("send the terminal to the console socket %s", address.sun_path);
	close(fd);
}

static void take_console(int master)
{
	set_terminal_size(master, (unsigned)number(self.options, LAUNCH_ROWS), (unsigned)number(self.options, LAUNCH_COLUMNS));
	if (is_set(LAUNCH_CONSOLE_SOCKET)) {
		send_console(master);
		close(master);
	} else {
		self.master = master;
	}
}

/* ---- hooks of the runtime's namespaces */

static void run_hooks(uint64_t first, uint64_t last)
{
	for (uint64_t kind = first; kind <= last; kind++) {
		uint32_t index = 0;

		for (const struct step *step = plan_next(&self.plan, NULL); step; step = plan_next(&self.plan, step), index++) {
			struct failure failure = {.step = index};

			if (step->op != STEP_HOOK || number(step, HOOK_KIND) != kind)
				continue;
			if (!run_hook(step, self.child.pid, failure.text, sizeof failure.text)) {
				failure.error = errno;
				give_up(&failure);
			}
		}
	}
}

/* ---- what init says */

/* False when init has nothing more to say. */
static bool read_note(struct note *note, int *fd)
{
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof *fd)];
	} control;
	struct iovec part = {note, sizeof *note};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control.space};
	struct cmsghdr *header;
	ssize_t length;

	*fd = -1;
	do
		length = recvmsg(self.child.status_fd, &message, MSG_CMSG_CLOEXEC);
	while (length < 0 && errno == EINTR);
	if (length != (ssize_t)sizeof *note)
		return false;
	header = CMSG_FIRSTHDR(&message);
	if (header && header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(header), sizeof *fd);
	note->failure.text[sizeof note->failure.text - 1] = 0;
	return true;
}

static void say(char word)
{
	if (send(self.child.status_fd, &word, 1, MSG_NOSIGNAL) != 1)
		give_up_at("init is gone");
}

static void await_ready(void)
{
	struct note note;
	int fd;

	for (;;) {
		if (!read_note(&note, &fd)) {
			int status = 0;

			errno = 0;
			if (waitpid(self.child.pid, &status, WNOHANG) == self.child.pid)
				self.child.pid = 0;
			if (WIFSIGNALED(status))
				give_up_at("init was killed by signal %d%s", WTERMSIG(status), WTERMSIG(status) == SIGKILL ? " (out of memory?)" : "");
			give_up_at("init ended");
		}
		if (note.kind == NOTE_READY)
			return;
		if (note.kind == NOTE_FAILED)
			give_up(&note.failure);
		if (note.kind == NOTE_CONSOLE && fd >= 0)
			take_console(fd);
		if (note.kind == NOTE_HOOKS) {
			run_hooks(HOOK_PRESTART, HOOK_CREATE_RUNTIME);
			say(WORD_HOOKED);
		}
	}
}

/* execve closes init's end; what it says before is why there is no program. */
static void await_execution(void)
{
	struct note note;
	int fd;

	if (read_note(&note, &fd) && note.kind == NOTE_FAILED)
		give_up(&note.failure);
	close(self.child.status_fd);
}

/* ---- afterwards */

static bool remove_groups(void)
{
	const struct step *step = NULL;
	bool done = true;

	while ((step = plan_next(&self.plan, step)))
		if (step->op == STEP_ENTER_CGROUP && rmdir(string(step, ENTER_CGROUP_PATH)) < 0 && errno != ENOENT)
			done = false;
	return done;
}

/* The plain case needs no second start of gantry: nothing but our own files, and cgroups that are empty. */
static bool remove_all(void)
{
	int folder;

	if (number(self.options, LAUNCH_CLEAN_UP) != 1 || !remove_groups())
		return false;
	folder = open(text_of(LAUNCH_FOLDER), O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0 || unlinkat(folder, "state.json", 0) < 0)
		return false;
	close(folder);
	return rmdir(text_of(LAUNCH_FOLDER)) == 0;
}

static int run_in_foreground(void)
{
	int status = stay(&self.child, self.master);

	if (number(self.options, LAUNCH_CLEAN_UP) && !remove_all())
		call_again("ended:%d", status);
	return status;
}

/* Init is there, a child of this process since before its execve (src/runtime/container/stay-with.ts). */
static int adopt(void)
{
	int master = (int)number(self.options, LAUNCH_ADOPT_MASTER);

	self.child.pid = (int)number(self.options, LAUNCH_ADOPT_PID);
	self.child.pidfd = (int)syscall(NR_PIDFD_OPEN, self.child.pid, 0);
	if (self.child.pidfd < 0)
		give_up_at("open process %d", self.child.pid);
	block_signals();
	if (master > 0)
		take_console(master);
	return run_in_foreground();
}

int launch_main(const char *plan_fd)
{
	struct failure failure;
	struct stat about;
	int fd = atoi(plan_fd);
	void *request = fstat(fd, &about) < 0 ? MAP_FAILED : mmap(NULL, (size_t)about.st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	close(fd);
	if (request == MAP_FAILED || !plan_open(&self.plan, request, (size_t)about.st_size) || !(self.options = plan_find(&self.plan, STEP_LAUNCH))) {
		dprintf(2, "gantry-helper: the plan is not one of this helper's version\n");
		return 1;
	}
	/* Out of the reach of the container, whose processes see us when they share our pid namespace (CVE-2016-9962). */
	if (geteuid() == 0)
		prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_NAME, "gantry-launch");
	if (number(self.options, LAUNCH_SUBREAPER))
		prctl(PR_SET_CHILD_SUBREAPER, 1);
	if (number(self.options, LAUNCH_ADOPT_PID))
		return adopt();
	preserved_fds = (int)number(self.options, LAUNCH_PRESERVED_FDS);
	if (number(self.options, LAUNCH_AWAITS_START)) {
		start_fd = make_fifo("exec.fifo");
		result_fd = make_fifo("exec.result");
	}
	if (!spawn_init(&self.plan, NULL, &self.child, &failure))
		give_up(&failure);
	fcntl(self.child.status_fd, F_SETFL, 0);
	await_ready();
	if (number(self.options, LAUNCH_HOLD_PID))
		kill((pid_t)number(self.options, LAUNCH_HOLD_PID), SIGKILL);
	/* Until here a signal ends us, and init with us; from now on it is the program's. */
	if (number(self.options, LAUNCH_FOREGROUND))
		block_signals();
	if (is_set(LAUNCH_FOLDER))
		write_state();
	if (is_set(LAUNCH_PID_FILE))
		write_pid_file(text_of(LAUNCH_PID_FILE));
	say(WORD_EXECUTE);
	if (number(self.options, LAUNCH_AWAITS_START))
		return 0;
	await_execution();
	run_hooks(HOOK_POSTSTART, HOOK_POSTSTART);
	return number(self.options, LAUNCH_FOREGROUND) ? run_in_foreground() : 0;
}

/* ---- init's side */

/* From here on there is no launcher: the word comes through a fifo, and what fails goes to whoever said it. */
void step_await_start(const struct step *step)
{
	char word;
	ssize_t length;

	(void)step;
	close(monitor_fd);
	monitor_fd = result_fd;
	do
		length = read(start_fd, &word, 1);
	while (length < 0 && errno == EINTR);
	if (length != 1)
		fail("%s", "");
	close(start_fd);
}

void step_await_hooks(const struct step *step)
{
	struct note note = {.kind = NOTE_HOOKS};

	(void)step;
	send_note(&note, -1);
	wait_for_word(WORD_HOOKED);
}
