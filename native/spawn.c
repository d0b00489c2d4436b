/* From the monitor to an init in its namespaces and cgroups: the last steps before two processes go their ways. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "gantry.h"

int target_pidfd = -1;

bool failed(struct failure *failure, uint32_t step, const char *text)
{
	failure->step = step;
	failure->error = errno;
	snprintf(failure->text, sizeof failure->text, "%s", text);
	return false;
}

/* Field 22 of /proc/<pid>/stat, in clock ticks since boot; 0 when there is no such process. The name (field 2) may hold anything, so count from its end. */
uint64_t process_start_time(int pid)
{
	char path[32], text[1024];
	ssize_t length;
	char *at;
	int fd;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	length = read(fd, text, sizeof text - 1);
	close(fd);
	text[length > 0 ? length : 0] = 0;
	at = strrchr(text, ')');
	for (int field = 2; at && field < 22; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

bool write_file_at(int folder, const char *name, const char *text, size_t length)
{
	int fd = openat(folder, name, O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return false;
	written = write(fd, text, length);
	close(fd);
	return written == (ssize_t)length;
}

/* A pid may have been given to another process since the daemon looked: the start time decides, and the pidfd holds on to it. */
static bool join_process(const struct step *step, bool is_between)
{
	int pid = (int)number(step, JOIN_PROCESS_PID);
	uint64_t start = number(step, JOIN_PROCESS_START_TIME);

	target_pidfd = (int)syscall(NR_PIDFD_OPEN, pid, 0);
	if (target_pidfd < 0)
		return false;
	if (start && process_start_time(pid) != start) {
		errno = ESRCH;
		return false;
	}
	return is_between || !(number(step, JOIN_PROCESS_KINDS) & NS_PID) || setns(target_pidfd, NS_PID) == 0;
}

/* Children of this process, and only they, will be in that pid namespace: pid_namespaces(7). */
static bool join_pid_namespace(const struct step *step)
{
	int fd = open(string(step, JOIN_NAMESPACE_PATH), O_RDONLY | O_CLOEXEC);
	bool joined = fd >= 0 && setns(fd, NS_PID) == 0;

	if (fd >= 0)
		close(fd);
	return joined;
}

static bool prepare(const struct plan *plan, uint64_t *flags, int *cgroup, struct failure *failure)
{
	uint32_t index = 0;
	bool is_between = needs_go_between(plan);

	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step), index++) {
		bool done = true;

		if (step->op == STEP_CLONE_NAMESPACES)
			*flags |= number(step, CLONE_NAMESPACES_FLAGS);
		else if (step->op == STEP_JOIN_PROCESS)
			done = join_process(step, is_between);
		else if (!is_between && step->op == STEP_JOIN_NAMESPACE && number(step, JOIN_NAMESPACE_KIND) == NS_PID)
			done = join_pid_namespace(step);
		else if (step->op == STEP_ENTER_CGROUP && number(step, ENTER_CGROUP_VERSION) == 2)
			done = (*cgroup = open(string(step, ENTER_CGROUP_PATH), O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0;
		else if (step->op == STEP_SECCOMP_LISTENER)
			done = agent_connect(step);
		if (!done)
			return failed(failure, index, "");
	}
	if (is_between)
		open_sources_early(plan);
	return true;
}

long clone_into(uint64_t flags, int *pidfd, int *cgroup)
{
	/* A sibling ends with the signal that its maker ends with. */
	struct clone3_args arguments = {.flags = flags | CLONE3_PIDFD, .pidfd = (uintptr_t)pidfd, .exit_signal = flags & CLONE3_PARENT ? 0 : SIGCHLD};
	long pid;

	if (*cgroup >= 0) {
		arguments.flags |= CLONE3_INTO_CGROUP;
		arguments.cgroup = (uint64_t)*cgroup;
		pid = syscall(NR_CLONE3, &arguments, sizeof arguments);
		if (pid >= 0)
			return pid;
		/* A cgroup of a threaded or foreign kind, or a kernel without it: init enters by itself. */
		arguments.flags &= ~CLONE3_INTO_CGROUP;
		arguments.cgroup = 0;
		close(*cgroup);
		*cgroup = -1;
	}
	return syscall(NR_CLONE3, &arguments, sizeof arguments);
}

/* Leaves init with 0–2, what the caller wants preserved after them, and then whom it reports to, the pidfd whose namespaces it
 * joins (for exec), a seccomp agent, and how it learns of its start: nothing else of the host. */
_Noreturn static void become_child(const struct plan *plan, int status, int input, int output, int error)
{
	int fds[] = {input, output, error, status, target_pidfd, agent_fd, start_fd, result_fd};
	int *const places[] = {NULL, NULL, NULL, &monitor_fd, &target_pidfd, &agent_fd, &start_fd, &result_fd};
	int next = 0;

	/* Out of the way of their places first, so that none is overwritten before its turn. */
	for (unsigned index = 0; index < COUNT(fds); index++)
		if (fds[index] >= 0 && (fds[index] = fcntl(fds[index], F_DUPFD_CLOEXEC, 10 + preserved_fds)) < 0)
			_exit(125);
	for (unsigned index = 0; index < COUNT(fds); index++) {
		if (index == 3)
			next += preserved_fds;
		if (fds[index] < 0)
			continue;
		if (dup3(fds[index], next, index > 2 ? O_CLOEXEC : 0) < 0)
			_exit(125);
		if (places[index])
			*places[index] = next;
		next++;
	}
	close_all_but_sources((unsigned)next);
	init_run(plan);
}

static bool make_pipe(int *ours, int *theirs, bool we_write)
{
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return false;
	*ours = fds[we_write];
	*theirs = fds[!we_write];
	return fcntl(*ours, F_SETFL, O_NONBLOCK) == 0;
}

/* With a terminal the console comes later, from init; until then 0–2 are the monitor's own /dev/null. Without a monitor (no
 * `options`) they are the caller's. */
static bool make_stdio(const struct step *options, struct child *child, int *theirs)
{
	child->input_fd = child->output_fd = child->error_fd = -1;
	for (int index = 0; index < 3; index++)
		theirs[index] = index;
	if (!options || number(options, SUPERVISE_TERMINAL))
		return true;
	if (number(options, SUPERVISE_OPEN_STDIN) && !make_pipe(&child->input_fd, &theirs[0], true))
		return false;
	return make_pipe(&child->output_fd, &theirs[1], false) && make_pipe(&child->error_fd, &theirs[2], false);
}

/* Init's failures travel over status_fd later; this reports what goes wrong before it runs by itself. */
bool spawn_init(const struct plan *plan, const struct step *options, struct child *child, struct failure *failure)
{
	int status[2], theirs[3], cgroup = -1;
	uint64_t flags = 0;
	const struct step *ids = plan_find(plan, STEP_WRITE_ID_MAP);	/* of users: they come first */

	if (!prepare(plan, &flags, &cgroup, failure))
		return false;
	if (!make_stdio(options, child, theirs) || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, status) < 0)
		return failed(failure, NO_STEP, "cannot make pipes");
	for (int index = 0; index < 3 && ids; index++)
		if (theirs[index] > 2 && fchown(theirs[index], (uid_t)number(ids, WRITE_ID_MAP_ROOT_ID), (gid_t)-1) < 0)
			return failed(failure, NO_STEP, "cannot hand over the pipes");
	child->pid = (int)make_init(plan, flags, &child->pidfd, &cgroup, failure);
	if (child->pid < 0)
		return false;
	if (child->pid == 0) {
		is_in_unified = cgroup >= 0;
		become_child(plan, status[1], theirs[0], theirs[1], theirs[2]);
	}
	forget_sources();
	close(status[1]);
	for (int index = 0; index < 3; index++)
		if (theirs[index] > 2)
			close(theirs[index]);
	child->status_fd = status[0];
	fcntl(child->status_fd, F_SETFL, O_NONBLOCK);
	child->start_time = process_start_time(child->pid);
	if (cgroup >= 0)
		close(cgroup);
	if (target_pidfd >= 0)
		close(target_pidfd);
	if (agent_fd >= 0)
		close(agent_fd);
	if (!arrange_init(plan, child->pid, failure))
		return false;
	return send(child->status_fd, &(char){WORD_ASSEMBLE}, 1, MSG_NOSIGNAL) == 1;
}
