/* Init: runs a plan's steps in order, says READY at the barrier, becomes the program. A failure names the step, and ends it. */
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/socket.h>

#include "gantry.h"

int monitor_fd = 3, preserved_fds;

static uint32_t current_step = NO_STEP;

void send_note(const struct note *note, int fd)
{
	struct iovec part = {(void *)(uintptr_t)note, sizeof *note};
	struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1};
	union {
		struct cmsghdr header;
		char space[CMSG_SPACE(sizeof fd)];
	} control;

	if (fd >= 0) {
		memset(&control, 0, sizeof control);
		message.msg_control = &control;
		message.msg_controllen = sizeof control.space;
		control.header = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.header), &fd, sizeof fd);
		sendmsg(monitor_fd, &message, MSG_NOSIGNAL);
	} else if (write(monitor_fd, note, sizeof *note) < 0) {
		/* write, since a seccomp filter may be on by now; without a monitor there is nobody to tell */
		_exit(125);
	}
}

/* errno is the failure's number; the text says which part of the step failed, "" when the step has one part only. */
_Noreturn void fail(const char *format, ...)
{
	struct note note = {.kind = NOTE_FAILED, .failure = {.step = current_step, .error = errno}};
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(note.failure.text, sizeof note.failure.text, format, arguments);
	va_end(arguments);
	send_note(&note, -1);
	_exit(125);
}

/* A monitor that is gone means that nobody wants this container: end quietly. */
void wait_for_word(char word)
{
	char received = 0;
	ssize_t length;

	do
		length = read(monitor_fd, &received, 1);
	while (length < 0 && errno == EINTR);
	if (length != 1 || received != word)
		_exit(125);
}

/* For an init that stays (reaper.c): all but its stdio. */
void forget_monitor(void)
{
	syscall(NR_CLOSE_RANGE, 3, ~0u, 0);
}

bool is_in_unified;

static void step_join_namespace(const struct step *step)
{
	int fd;

	if ((joined_kinds | NS_PID) & number(step, JOIN_NAMESPACE_KIND))
		return;	/* before the clone */
	fd = open(string(step, JOIN_NAMESPACE_PATH), O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fail("%s", "");
	if (!may_join(fd, (unsigned)number(step, JOIN_NAMESPACE_KIND)))
		fail("it is the one of the caller");
	if (setns(fd, (int)number(step, JOIN_NAMESPACE_KIND)) < 0)
		fail("%s", "");
	joined_kinds |= (unsigned)number(step, JOIN_NAMESPACE_KIND);
	close(fd);
}

/* All namespaces at once, so that no half-joined state exists; the mount namespace brings its root along. */
static void step_join_process(const struct step *step)
{
	int kinds = (int)(number(step, JOIN_PROCESS_KINDS) & ~(uint64_t)(NS_PID | joined_kinds));

	if (kinds && setns(target_pidfd, kinds) < 0)
		fail("%s", "");
	close(target_pidfd);
	root_fd = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0 || chdir("/") < 0)
		fail("root");
}

/* By init itself, as one thread: whoever moves another, or a whole process, waits for a grace period of RCU (10 ms and more;
 * cgroup_procs_write_start() of kernel/cgroup/cgroup.c). */
static bool enter_cgroup(const char *path, const char *file)
{
	int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	bool done = folder >= 0 && write_file_at(folder, file, "0", 1);
	int error = errno;

	if (folder >= 0)
		close(folder);
	errno = error;
	return done;
}

static void step_enter_cgroup(const struct step *step)
{
	bool is_unified = number(step, ENTER_CGROUP_VERSION) == 2;
	const char *below = string(step, ENTER_CGROUP_BELOW);

	if (is_unified ? is_in_unified : has_entered_cgroups)
		return;
	if (enter_cgroup(string(step, ENTER_CGROUP_PATH), is_unified ? "cgroup.procs" : "tasks"))
		return;
	/* Processes would be inside of what is handed down (runc: issue 2356). */
	if (errno != EBUSY || !below[0] || !enter_cgroup(below, "cgroup.procs"))
		fail("%s", "");
}

static void step_unshare(const struct step *step)
{
	if (unshare((int)number(step, UNSHARE_FLAGS)) < 0)
		fail("%s", "");
}

static void step_set_hostname(const struct step *step)
{
	if (sethostname(string(step, SET_HOSTNAME_NAME), span(step, SET_HOSTNAME_NAME)->length) < 0)
		fail("%s", "");
}

static void step_set_domainname(const struct step *step)
{
	if (setdomainname(string(step, SET_DOMAINNAME_NAME), span(step, SET_DOMAINNAME_NAME)->length) < 0)
		fail("%s", "");
}

static void step_barrier(const struct step *step)
{
	struct note note = {.kind = NOTE_READY};

	(void)step;
	send_note(&note, -1);
	wait_for_word(WORD_EXECUTE);
}

static step_function *const functions[STEP_LAST + 1] = {
	[STEP_JOIN_NAMESPACE] = step_join_namespace,
	[STEP_JOIN_PROCESS] = step_join_process,
	[STEP_ENTER_CGROUP] = step_enter_cgroup,
	[STEP_UNSHARE] = step_unshare,
	[STEP_SET_PROPAGATION] = step_set_propagation,
	[STEP_OPEN_SOURCE] = step_open_source,
	[STEP_ROOT_OVERLAY] = step_root_overlay,
	[STEP_ROOT_BIND] = step_root_bind,
	[STEP_MOUNT_NEW] = step_mount_new,
	[STEP_MOUNT_SOURCE] = step_mount_source,
	[STEP_MAKE_DIRECTORY] = step_make_directory,
	[STEP_MAKE_DEVICE] = step_make_device,
	[STEP_MAKE_LINK] = step_make_link,
	[STEP_OPEN_CONSOLE] = step_open_console,
	[STEP_PIVOT_ROOT] = step_pivot_root,
	[STEP_SYSCTL] = step_sysctl,
	[STEP_SET_HOSTNAME] = step_set_hostname,
	[STEP_SET_DOMAINNAME] = step_set_domainname,
	[STEP_READONLY_PATH] = step_readonly_path,
	[STEP_MASK_PATH] = step_mask_path,
	[STEP_READONLY_ROOT] = step_readonly_root,
	[STEP_ROOT_PROPAGATION] = step_root_propagation,
	[STEP_CHANGE_MOUNT] = step_change_mount,
	[STEP_REMOUNT] = step_remount,
	[STEP_MAP_IDS] = step_map_ids,
	[STEP_DETACH_PATH] = step_detach_path,
	[STEP_MOVE_ROOT] = step_move_root,
	[STEP_BARRIER] = step_barrier,
	[STEP_RLIMIT] = step_rlimit,
	[STEP_OOM_SCORE] = step_oom_score,
	[STEP_UMASK] = step_umask,
	[STEP_SESSION] = step_session,
	[STEP_BOUNDING_SET] = step_bounding_set,
	[STEP_SET_USER] = step_set_user,
	[STEP_SET_CAPABILITIES] = step_set_capabilities,
	[STEP_NO_NEW_PRIVILEGES] = step_no_new_privileges,
	[STEP_CHANGE_DIRECTORY] = step_change_directory,
	[STEP_SECCOMP] = step_seccomp,
	[STEP_BECOME_INIT] = step_become_init,
	[STEP_ENVIRONMENT] = step_environment,
	[STEP_EXECUTE] = step_execute,
	[STEP_SECCOMP_LISTENER] = step_seccomp_listener,
	[STEP_SET_ATTRIBUTE] = step_set_attribute,
	[STEP_LABEL_ROOT_OF_MOUNT] = step_label_root_of_mount,
	[STEP_LANDLOCK_RULESET] = step_landlock_ruleset,
	[STEP_LANDLOCK_PATH] = step_landlock_path,
	[STEP_LANDLOCK_PORT] = step_landlock_port,
	[STEP_LANDLOCK_RESTRICT] = step_landlock_restrict,
	[STEP_BECOME_ROOT] = step_become_root,
	[STEP_NEW_TIME_NAMESPACE] = step_new_time_namespace,
	[STEP_SESSION_KEYRING] = step_session_keyring,
	[STEP_SCHEDULER] = step_scheduler,
	[STEP_IO_PRIORITY] = step_io_priority,
	[STEP_PERSONALITY] = step_personality,
	[STEP_MEMORY_POLICY] = step_memory_policy,
	[STEP_CPU_AFFINITY] = step_cpu_affinity,
	[STEP_NETLINK] = step_netlink,
	[STEP_HOOK] = step_hook,
	[STEP_AWAIT_HOOKS] = step_await_hooks,
	[STEP_FIND_PROGRAM] = step_find_program,
	[STEP_AWAIT_START] = step_await_start,
};

/* Whatever the daemon's runtime did to signals (SIGPIPE and SIGXFSZ ignored, all blocked by the monitor) ends here. */
static void reset_signals(void)
{
	sigset_t none;

	for (int signal_number = 1; signal_number < 65; signal_number++)
		signal(signal_number, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Steps that would change the host's mounts if there were none of the container's own: whatever the plan says, they do not run there. */
static bool changes_mounts(unsigned op)
{
	switch (op) {
	case STEP_SET_PROPAGATION:
	case STEP_ROOT_OVERLAY:
	case STEP_ROOT_BIND:
	case STEP_MOUNT_NEW:
	case STEP_MOUNT_SOURCE:
	case STEP_CHANGE_MOUNT:
	case STEP_REMOUNT:
	case STEP_DETACH_PATH:
	case STEP_MOVE_ROOT:
	case STEP_PIVOT_ROOT:
	case STEP_READONLY_PATH:
	case STEP_MASK_PATH:
	case STEP_READONLY_ROOT:
	case STEP_ROOT_PROPAGATION:
		return true;
	default:
		return false;
	}
}

static bool has_own_mounts(const struct plan *plan)
{
	const struct step *clone = plan_find(plan, STEP_CLONE_NAMESPACES);

	return joined_kinds & NS_MOUNT || (clone && number(clone, CLONE_NAMESPACES_FLAGS) & NS_MOUNT);
}

_Noreturn void init_run(const struct plan *plan)
{
	prctl(PR_SET_NAME, "gantry-init");
	wait_for_word(WORD_ASSEMBLE);
	reset_signals();
	setpriority(PRIO_PROCESS, 0, 0);
	umask(0);
	current_step = 0;
	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step), current_step++)
		if (changes_mounts(step->op) && !has_own_mounts(plan)) {
			errno = EPERM;
			fail("there is no mount namespace of the container's own");
		} else if (functions[step->op]) {
			functions[step->op](step);
		}
	current_step = NO_STEP;
	errno = ENOEXEC;
	fail("the plan has no program");
}
