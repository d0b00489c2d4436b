/* From init to the program: limits, identity, rights, and execve. After the barrier nothing here looks at a path but cwd and the program's. */
#include <grp.h>
#include <limits.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "gantry.h"

static char *environment[PLAN_MAX_STRINGS + 1];
static char *arguments[PLAN_MAX_STRINGS + 1];

/* Without CAP_SYS_RESOURCE a hard limit cannot rise: the wish is cut to what is there. */
void step_rlimit(const struct step *step)
{
	int resource = (int)number(step, RLIMIT_RESOURCE);
	struct rlimit wish = {number(step, RLIMIT_SOFT), number(step, RLIMIT_HARD)}, have;

	if (setrlimit(resource, &wish) == 0)
		return;
	if (errno != EPERM || getrlimit(resource, &have) < 0)
		fail("%s", "");
	if (wish.rlim_max > have.rlim_max)
		wish.rlim_max = have.rlim_max;
	if (wish.rlim_cur > wish.rlim_max)
		wish.rlim_cur = wish.rlim_max;
	if (setrlimit(resource, &wish) < 0)
		fail("%s", "");
}

void step_oom_score(const struct step *step)
{
	char text[16];
	int length = snprintf(text, sizeof text, "%d", (int)number(step, OOM_SCORE_VALUE)), fd;

	if (has_oom_score)
		return;
	fd = proc_open("self/oom_score_adj", O_WRONLY);

	if (fd < 0 || write(fd, text, (size_t)length) != length)
		fail("%s", "");
	close(fd);
}

void step_umask(const struct step *step)
{
	umask((mode_t)number(step, UMASK_MASK));
}

static bool is_null(int fd)
{
	struct stat about;

	return fstat(fd, &about) == 0 && S_ISCHR(about.st_mode) && about.st_rdev == makedev(1, 3);
}

/* The null device that the monitor was given is the host's: `chmod 0 /dev/stdin` would be one for all. The container's
 * own takes its place, or, where that is something else, the end of a pipe that nobody writes to. */
static void leave_host_null(int fd)
{
	int own = open_below(root_fd, "dev/null", O_RDWR | O_NONBLOCK | O_NOCTTY, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS), ends[2];

	if (own >= 0 && is_null(own) && fcntl(own, F_SETFL, 0) == 0) {
		if (dup2(own, fd) < 0)
			fail("stdio");
	} else if (pipe2(ends, O_CLOEXEC) < 0 || dup2(ends[fd != 0], fd) < 0) {
		fail("stdio");
	} else {
		close(ends[0]);
		close(ends[1]);
	}
	if (own >= 0)
		close(own);
}

/* The program may reopen its stdio (/dev/stdout) whoever it runs as: the pipes and the terminal become the user's. */
void step_session(const struct step *step)
{
	setsid();
	if (number(step, SESSION_TERMINAL)) {
		if (ioctl(console_fd, TIOCSCTTY, 0) < 0)
			fail("controlling terminal");
		for (int fd = 0; fd < 3; fd++)
			if (dup2(console_fd, fd) < 0)
				fail("stdio");
	}
	for (int fd = 0; fd < 3; fd++)
		if (is_null(fd))
			leave_host_null(fd);
		else if (fchown(fd, (uid_t)number(step, SESSION_UID), (gid_t)-1) < 0 && errno != EPERM && errno != EROFS)
			fail("owner of stdio");
}

void step_bounding_set(const struct step *step)
{
	for (unsigned capability = 0; capability <= CAPABILITY_MAX; capability++)
		if (!(number(step, BOUNDING_SET_MASK) >> capability & 1) && prctl(PR_CAPBSET_READ, capability) == 1)
			if (prctl(PR_CAPBSET_DROP, capability) < 0)
				fail("capability %u", capability);
}

/* The plain system calls: there is one thread, and a libc's wrappers do more than is wanted here. */
void step_set_user(const struct step *step)
{
	const struct span *groups = span(step, SET_USER_GROUPS);
	gid_t list[1024];
	size_t size = groups->length <= sizeof list ? groups->length : sizeof list;

	memcpy(list, string(step, SET_USER_GROUPS), size);
	/* stays so whatever fs.suid_dumpable says: the container must not reach into us (CVE-2016-9962) */
	if (prctl(PR_SET_KEEPCAPS, 1) < 0)
		fail("keep capabilities");
	/* A user namespace without setgroups: the planner has refused further groups. */
	if (!keeps_groups && syscall(SYS_setgroups, size / sizeof *list, list) < 0)
		fail("additional groups");
	if (syscall(SYS_setresgid, (gid_t)number(step, SET_USER_GID), (gid_t)number(step, SET_USER_GID), (gid_t)number(step, SET_USER_GID)) < 0)
		fail("group");
	if (syscall(SYS_setresuid, (uid_t)number(step, SET_USER_UID), (uid_t)number(step, SET_USER_UID), (uid_t)number(step, SET_USER_UID)) < 0)
		fail("user");
	prctl(PR_SET_DUMPABLE, 0);
}

void step_set_capabilities(const struct step *step)
{
	uint64_t effective = number(step, SET_CAPABILITIES_EFFECTIVE), permitted = number(step, SET_CAPABILITIES_PERMITTED);
	uint64_t inheritable = number(step, SET_CAPABILITIES_INHERITABLE), ambient = number(step, SET_CAPABILITIES_AMBIENT);
	struct capability_header header = {.version = CAPABILITY_VERSION_3};
	struct capability_data data[2];

	for (int half = 0; half < 2; half++)
		data[half] = (struct capability_data){(uint32_t)(effective >> 32 * half), (uint32_t)(permitted >> 32 * half), (uint32_t)(inheritable >> 32 * half)};
	if (syscall(SYS_capset, &header, data) < 0)
		fail("%s", "");
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	for (unsigned capability = 0; capability <= CAPABILITY_MAX; capability++)
		if (ambient >> capability & 1 && prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, capability, 0, 0) < 0)
			fail("ambient capability %u", capability);
}

void step_no_new_privileges(const struct step *step)
{
	(void)step;
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("%s", "");
}

/* A working folder outside of the root would be the whole host (CVE-2024-21626): the kernel says so in getcwd(2). */
void step_change_directory(const struct step *step)
{
	char path[PATH_MAX];

	if (chdir(string(step, CHANGE_DIRECTORY_PATH)) < 0)
		fail("%s", "");
	if (syscall(SYS_getcwd, path, sizeof path) < 0 || path[0] != '/') {
		errno = EPERM;
		fail("it is outside of the container's root");
	}
}

/* Nothing of ours stays open in the program. Before a filter is installed, which need not know close_range(2) (CVE-2024-21626). */
static void hide_descriptors(void)
{
	static bool is_done;

	if (!is_done && syscall(NR_CLOSE_RANGE, 3 + preserved_fds, ~0u, CLOSE_ON_EXEC) < 0)
		fail("descriptors");
	is_done = true;
}

void step_seccomp(const struct step *step)
{
	const struct span *program = span(step, SECCOMP_PROGRAM);
	struct filter_program filter = {(unsigned short)(program->length / 8), string(step, SECCOMP_PROGRAM)};

	if (program->length / 8 > 4096 || program->length % 8) {
		errno = EINVAL;
		fail("program");
	}
	hide_descriptors();
	if (number(step, SECCOMP_FLAGS) & FILTER_NEW_LISTENER)
		install_with_listener((unsigned)number(step, SECCOMP_FLAGS), &filter);
	else if (syscall(SYS_seccomp, SECCOMP_FILTER, (unsigned)number(step, SECCOMP_FLAGS), &filter) < 0)
		fail("%s", "");
}

static void fill(char **list, const struct step *step)
{
	for (unsigned index = 0; index < step->strings; index++)
		list[index] = (char *)(uintptr_t)string(step, index);
	list[step->strings] = NULL;
}

void step_environment(const struct step *step)
{
	fill(environment, step);
}

static const char *search_path(void)
{
	for (char **entry = environment; *entry; entry++)
		if (strncmp(*entry, "PATH=", 5) == 0)
			return *entry + 5;
	return "";
}

/* As execvp does, in the container's PATH; but a folder or a file without the x bit is passed over, so that the error tells the
 * truth. Each that could be it is offered to `use`, which comes back if it is not. */
static void search(const char *name, bool (*use)(const char *path))
{
	char path[PATH_MAX];
	int error = ENOENT;

	for (const char *at = search_path(); *at; at += *at == ':') {
		int length = (int)strcspn(at, ":");
		struct stat about;

		if (snprintf(path, sizeof path, "%.*s/%s", length ? length : 1, length ? at : ".", name) < (int)sizeof path &&
		    stat(path, &about) == 0 && S_ISREG(about.st_mode)) {
			if (use(path))
				return;
			if (errno != EACCES)
				fail("found");
			error = EACCES;
		}
		at += length;
	}
	errno = error;
	fail("%s", "");
}

static bool execute(const char *path)
{
	execve(path, arguments, environment);
	return false;
}

static bool can_execute(const char *path)
{
	return faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* Says before the barrier already what step_execute would, as far as that can be known. */
void step_find_program(const struct step *step)
{
	const char *name = string(step, FIND_PROGRAM_NAME);
	struct stat about;

	if (!strchr(name, '/')) {
		search(name, can_execute);
	} else if (stat(name, &about) < 0) {
		fail("%s", "");
	} else if (S_ISDIR(about.st_mode)) {
		errno = EISDIR;
		fail("found");
	} else if (!can_execute(name)) {
		fail("found");
	}
}

void step_execute(const struct step *step)
{
	struct stat about;

	if (step->strings == 0) {
		errno = EINVAL;
		fail("no program");
	}
	fill(arguments, step);
	hide_descriptors();
	if (strchr(arguments[0], '/')) {
		execve(arguments[0], arguments, environment);
		if (stat(arguments[0], &about) == 0) {
			int is_folder = S_ISDIR(about.st_mode);

			errno = is_folder ? EISDIR : about.st_mode & 0111 ? errno : EACCES;
			execve(arguments[0], arguments, environment);
			if (is_folder)
				errno = EISDIR;
			fail("found");
		}
	} else {
		search(arguments[0], execute);
	}
	fail("%s", "");
}
