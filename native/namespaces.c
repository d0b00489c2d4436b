/* Namespaces of users and of time. Who may join or make what changes with the user namespace, so the order is everything:
 * a go-between, a child of init's parent, joins with the rights of the host, then the user namespace, then the rest with
 * the rights in there, and makes init as its own sibling. */
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gantry.h"

unsigned joined_kinds;
bool has_entered_cgroups, has_oom_score, keeps_groups;

struct word {
	int32_t pid, error;
	uint32_t step;
};

bool needs_go_between(const struct plan *plan)
{
	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step))
		if ((step->op == STEP_CLONE_NAMESPACES && number(step, CLONE_NAMESPACES_FLAGS) & NS_USER) ||
		    (step->op == STEP_JOIN_NAMESPACE && number(step, JOIN_NAMESPACE_KIND) == NS_USER) ||
		    (step->op == STEP_JOIN_PROCESS && number(step, JOIN_PROCESS_KINDS) & NS_USER))
			return true;
	return false;
}

/* What the host's rights are needed for, and what a child inherits. */
static bool use_rights(const struct step *step)
{
	struct rlimit have;
	char text[16];
	int folder;
	bool done = true;

	if (step->op == STEP_ENTER_CGROUP && number(step, ENTER_CGROUP_VERSION) == 1) {
		folder = open(string(step, ENTER_CGROUP_PATH), O_PATH | O_DIRECTORY | O_CLOEXEC);
		done = folder >= 0 && write_file_at(folder, "tasks", "0", 1);
		close(folder);
		has_entered_cgroups = true;
	} else if (step->op == STEP_OOM_SCORE) {
		done = write_file_at(AT_FDCWD, "/proc/self/oom_score_adj", text,
				     (size_t)snprintf(text, sizeof text, "%d", (int)number(step, OOM_SCORE_VALUE)));
		has_oom_score = true;
	} else if (step->op == STEP_RLIMIT && getrlimit((int)number(step, RLIMIT_RESOURCE), &have) == 0) {
		/* Only the ceiling: the limit itself comes when nothing of ours is left to stumble over it. */
		if (number(step, RLIMIT_HARD) > have.rlim_max) {
			have.rlim_max = number(step, RLIMIT_HARD);
			setrlimit((int)number(step, RLIMIT_RESOURCE), &have);
		}
	}
	return done;
}

struct joining {
	int fd;
	unsigned kind;
	uint32_t step;
};

/* What is mounted for a container, and taken off, is not to be the host's: a path may lead to the mounts that one is in already. */
bool may_join(int fd, unsigned kind)
{
	struct stat ours, theirs;

	if (kind != NS_MOUNT)
		return true;
	if (fstat(fd, &theirs) < 0 || stat("/proc/self/ns/mnt", &ours) < 0)
		return false;
	errno = EPERM;
	return ours.st_dev != theirs.st_dev || ours.st_ino != theirs.st_ino;
}

static bool join(struct joining *one)
{
	if (joined_kinds & one->kind)
		return true;
	if (!may_join(one->fd, one->kind))
		return false;
	if (setns(one->fd, (int)one->kind) < 0)
		return false;
	joined_kinds |= one->kind;
	return true;
}

/* All are opened first. The mount namespace comes last of each round: paths are others in there. */
static bool join_all(struct joining *list, unsigned count, uint32_t *step)
{
	struct joining *user = NULL;

	for (unsigned index = 0; index < count; index++)
		if (list[index].kind == NS_USER)
			user = &list[index];
	for (unsigned index = 0; index < count; index++)
		if (list[index].kind != NS_USER && !join(&list[index]) && (errno != EPERM || !user))
			return *step = list[index].step, false;
	if (user && !join(user))
		return *step = user->step, false;
	for (unsigned index = 0; index < count; index++)
		if (!join(&list[index]))
			return *step = list[index].step, false;
	return true;
}

static bool open_namespaces(const struct plan *plan, struct joining *list, unsigned *count, uint32_t *failed_step)
{
	uint32_t index = 0;

	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step), index++) {
		*failed_step = index;
		if (!use_rights(step))
			return false;
		if (step->op != STEP_JOIN_NAMESPACE)
			continue;
		if (*count == 8)
			return errno = EINVAL, false;
		list[*count] = (struct joining){open(string(step, JOIN_NAMESPACE_PATH), O_RDONLY | O_CLOEXEC),
						(unsigned)number(step, JOIN_NAMESPACE_KIND), index};
		if (list[(*count)++].fd < 0)
			return false;
	}
	return true;
}

/* The user namespace and that of process ids; init joins the rest itself, all at once. */
static bool join_target(const struct plan *plan, uint32_t *failed_step)
{
	uint32_t index = 0;

	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step), index++) {
		unsigned kinds;

		if (step->op != STEP_JOIN_PROCESS)
			continue;
		*failed_step = index;
		kinds = (unsigned)number(step, JOIN_PROCESS_KINDS) & (NS_USER | NS_PID);
		if (setns(target_pidfd, (int)kinds) < 0)
			return false;
		joined_kinds |= kinds;
	}
	return true;
}

/* Returns 0 in init. */
static int go_between(const struct plan *plan, uint64_t flags, int *pidfd, int *cgroup, int report)
{
	struct word word = {.step = NO_STEP};
	struct joining list[8];
	unsigned count = 0;
	long pid = -1;

	/* An ordinary user's own files of /proc are root's otherwise: its mappings are written there, and newuidmap asks whose
	 * process it is. Nobody else is in a new user namespace yet; in one that is joined, they are (CVE-2016-9962). */
	if (geteuid() != 0)
		prctl(PR_SET_DUMPABLE, 1);
	if (open_namespaces(plan, list, &count, &word.step)) {
		if (!(flags & NS_USER))
			prctl(PR_SET_DUMPABLE, 0);
		if (join_all(list, count, &word.step) && join_target(plan, &word.step)) {
			word.step = NO_STEP;
			pid = clone_into(flags | CLONE3_PARENT, pidfd, cgroup);
		}
	}
	if (pid == 0)
		return 0;
	word.pid = (int32_t)pid;
	word.error = errno;
	_exit(write(report, &word, sizeof word) != sizeof word);
}

/* Returns init's number in its parent, 0 in init, -1 when there is none. */
long make_init(const struct plan *plan, uint64_t flags, int *pidfd, int *cgroup, struct failure *failure)
{
	struct word word = {.pid = -1, .error = EPIPE, .step = NO_STEP};
	int report[2], between;
	const struct step *affinity = plan_find(plan, STEP_CPU_AFFINITY);
	bool is_early = affinity && number(affinity, CPU_AFFINITY_EARLY);
	uint8_t before[1024];
	long had = is_early ? syscall(SYS_sched_getaffinity, 0, sizeof before, before) : 0;

	if (is_early && syscall(SYS_sched_setaffinity, 0, (size_t)span(affinity, 0)->length, string(affinity, 0)) < 0)
		return failed(failure, NO_STEP, "cannot set the first CPU affinity"), -1;
	if (!needs_go_between(plan)) {
		word.pid = (int32_t)clone_into(flags, pidfd, cgroup);
		if (word.pid == 0)
			return 0;
		word.error = errno;
	} else {
		if (pipe2(report, O_CLOEXEC) < 0 || (between = fork()) < 0)
			return failed(failure, NO_STEP, "cannot start a go-between"), -1;
		if (between == 0)
			return go_between(plan, flags, pidfd, cgroup, report[1]);
		close(report[1]);
		while (read(report[0], &word, sizeof word) < 0 && errno == EINTR)
			;
		close(report[0]);
		waitpid(between, NULL, 0);
		if (word.pid > 0)
			*pidfd = (int)syscall(NR_PIDFD_OPEN, word.pid, 0);
	}
	if (had > 0)
		syscall(SYS_sched_setaffinity, 0, (size_t)had, before);
	errno = word.error;
	if (word.pid < 0)
		failed(failure, word.step, word.step == NO_STEP ? "cannot create the namespaces" : "");
	return word.pid;
}

/* newuidmap, newgidmap: their words are part of the failure. */
static bool run_tool(const struct step *step, int pid, char *text, size_t size)
{
	char number_text[16];
	char *arguments[3 * 340 + 3] = {(char *)(uintptr_t)string(step, WRITE_ID_MAP_TOOL), number_text};
	char *environment[] = {NULL};
	unsigned count = 2;
	int words[2], tool, status = -1;
	ssize_t length;

	snprintf(number_text, sizeof number_text, "%d", pid);
	for (unsigned index = WRITE_ID_MAP_RANGES; index < step->strings && count + 1 < COUNT(arguments); index++)
		arguments[count++] = (char *)(uintptr_t)string(step, index);
	if (pipe2(words, O_CLOEXEC) < 0 || (tool = fork()) < 0)
		return false;
	if (tool == 0) {
		dup2(words[1], 1);
		dup2(words[1], 2);
		execve(arguments[0], arguments, environment);
		dprintf(2, "%s", strerror(errno));
		_exit(127);
	}
	close(words[1]);
	length = read(words[0], text, size - 1);
	text[length > 0 ? length : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	close(words[0]);
	waitpid(tool, &status, 0);
	errno = EPERM;
	return status == 0;
}

static bool write_id_map(const struct step *step, int pid, char *text, size_t size)
{
	const char *name = number(step, WRITE_ID_MAP_IS_GROUPS) ? "gid_map" : "uid_map";
	char path[40];
	int folder;
	bool done;

	snprintf(path, sizeof path, "/proc/%d", pid);
	folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (folder < 0)
		return false;
	done = !number(step, WRITE_ID_MAP_DENY_SETGROUPS) || write_file_at(folder, "setgroups", "deny", 4);
	if (done)
		done = string(step, WRITE_ID_MAP_TOOL)[0] ? run_tool(step, pid, text, size)
						     : write_file_at(folder, name, string(step, WRITE_ID_MAP_TEXT), span(step, WRITE_ID_MAP_TEXT)->length);
	close(folder);
	return done;
}

static bool write_pid(const struct step *step, int pid)
{
	char text[16];

	return write_file_at(AT_FDCWD, string(step, WRITE_PID_PATH), text, (size_t)snprintf(text, sizeof text, "%d", pid));
}

/* What init's parent does for it before it runs its first step; without that there is no init. */
bool arrange_init(const struct plan *plan, int pid, struct failure *failure)
{
	uint32_t index = 0;
	char text[200] = "";

	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step), index++) {
		bool done = true;

		if (step->op == STEP_WRITE_ID_MAP)
			done = write_id_map(step, pid, text, sizeof text);
		else if (step->op == STEP_WRITE_PID)
			done = write_pid(step, pid);
		else if (step->op == STEP_NETLINK && number(step, NETLINK_OUTSIDE))
			done = netlink_send(step, pid);
		if (done)
			continue;
		failed(failure, index, text);
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
		return false;
	}
	return true;
}

/* From here on nothing of the host's root is left in init's ids, and nobody may look into it. */
void step_become_root(const struct step *step)
{
	keeps_groups = number(step, BECOME_ROOT_KEEP_GROUPS);
	if (!keeps_groups && syscall(SYS_setgroups, 0, NULL) < 0)
		fail("groups");
	if (syscall(SYS_setresgid, 0, 0, 0) < 0)
		fail("group");
	if (syscall(SYS_setresuid, 0, 0, 0) < 0)
		fail("user");
	prctl(PR_SET_DUMPABLE, 0);
}

/* Offsets can be written only while nobody is in the namespace, and init enters it by a second step: time_namespaces(7). */
void step_new_time_namespace(const struct step *step)
{
	const struct span *offsets = span(step, NEW_TIME_NAMESPACE_OFFSETS);
	int fd;

	if (unshare((int)NS_TIME) < 0)
		fail("%s", "");
	if (offsets->length > 0 && !write_file_at(AT_FDCWD, "/proc/self/timens_offsets", string(step, NEW_TIME_NAMESPACE_OFFSETS), offsets->length))
		fail("offsets");
	fd = open("/proc/self/ns/time_for_children", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, (int)NS_TIME) < 0)
		fail("enter");
	close(fd);
}
