/*
 * What a container costs the kernel: the system calls of one start and end as an OCI runtime makes them for `runc spec`'s
 * configuration, and nothing else. No configuration is read, nothing is checked, no error is told.
 *
 *     bare-run [-g GROUP]... ROOTFS PROGRAM [ARG]...
 *
 * With -g it does what the native helper does when it is given a plan: the groups are there already, and are mounted in the container too.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#define NAMESPACES (CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET)

static void need(long result, const char *what)
{
	if (result < 0) {
		perror(what);
		_exit(125);
	}
}

static void mount_at(const char *type, const char *target, unsigned long flags, const char *data)
{
	mkdir(target, 0755);
	need(mount(type, target, type, flags, data), target);
}

static void device(const char *path, int major, int minor)
{
	need(mknod(path, S_IFCHR | 0666, makedev(major, minor)), path);
}

static void hide(const char *path)
{
	struct stat status;

	if (stat(path, &status) < 0)
		return;
	if (S_ISDIR(status.st_mode))
		mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=0k");
	else
		mount("/dev/null", path, NULL, MS_BIND, NULL);
}

static void lock(const char *path)
{
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) == 0)
		mount(NULL, path, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL);
}

static char paths[16][128];
static int group_count, groups_given;

static void mount_groups(void)
{
	char target[160];

	mount_at("tmpfs", "sys/fs/cgroup", MS_NOSUID | MS_NOEXEC | MS_NODEV, "mode=755,size=64k");
	for (int index = 0; index < groups_given; index++) {
		char *name = strdup(paths[index] + strlen("/sys/fs/cgroup/"));

		snprintf(target, sizeof target, "sys/fs/cgroup/%.*s", (int)strcspn(name, "/"), name);
		free(name);
		mkdir(target, 0755);
		need(mount(paths[index], target, NULL, MS_BIND, NULL), target);
		need(mount(NULL, target, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), target);
	}
	need(mount(NULL, "sys/fs/cgroup", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL), "sys/fs/cgroup");
}

static void loopback_up(void)
{
	struct ifreq request = {.ifr_name = "lo", .ifr_flags = IFF_UP};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	need(ioctl(fd, SIOCSIFFLAGS, &request), "lo");
	close(fd);
}

static void assemble(const char *rootfs)
{
	const unsigned long usual = MS_NOSUID | MS_NOEXEC | MS_NODEV;

	need(mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL), "propagation");
	need(mount(rootfs, rootfs, NULL, MS_BIND | MS_REC, NULL), rootfs);
	need(chdir(rootfs), rootfs);
	mount_at("proc", "proc", usual, NULL);
	mount_at("tmpfs", "dev", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k");
	mount_at("devpts", "dev/pts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5");
	mount_at("tmpfs", "dev/shm", usual, "mode=1777,size=65536k");
	mount_at("mqueue", "dev/mqueue", usual, NULL);
	mount_at("sysfs", "sys", usual | MS_RDONLY, NULL);
	if (groups_given)
		mount_groups();
	device("dev/null", 1, 3);
	device("dev/zero", 1, 5);
	device("dev/full", 1, 7);
	device("dev/random", 1, 8);
	device("dev/urandom", 1, 9);
	device("dev/tty", 5, 0);
	symlink("pts/ptmx", "dev/ptmx");
	symlink("/proc/self/fd", "dev/fd");
	symlink("/proc/self/fd/0", "dev/stdin");
	symlink("/proc/self/fd/1", "dev/stdout");
	symlink("/proc/self/fd/2", "dev/stderr");
	need(syscall(SYS_pivot_root, ".", "."), "pivot_root");
	need(umount2(".", MNT_DETACH), "the old root");
	need(chdir("/"), "/");
}

_Noreturn static void become(char **arguments)
{
	static const char *const hidden[] = {"/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/latency_stats", "/proc/timer_list",
		"/proc/sched_debug", "/sys/firmware", "/proc/scsi"};
	static const char *const locked[] = {"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"};
	char *environment[] = {"PATH=/bin:/usr/bin", "TERM=xterm", NULL};
	struct rlimit files = {1024, 1024};
	struct __user_cap_header_struct version = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct sets[2] = {{0x20000420, 0x20000420, 0}};

	sethostname("bare", 4);
	for (unsigned index = 0; index < sizeof hidden / sizeof *hidden; index++)
		hide(hidden[index]);
	for (unsigned index = 0; index < sizeof locked / sizeof *locked; index++)
		lock(locked[index]);
	mount(NULL, "/", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL);
	setrlimit(RLIMIT_NOFILE, &files);
	syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, "bare");
	setsid();
	for (int capability = 0; capability <= 40; capability++)
		prctl(PR_CAPBSET_DROP, capability, 0, 0, 0);
	need(syscall(SYS_capset, &version, sets), "capset");
	prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	execvpe(arguments[0], arguments, environment);
	need(-1, arguments[0]);
	_exit(127);
}

/* One group in each hierarchy that there is, entered by the child itself. */
static int groups(void)
{
	static const char *const roots[] = {"/sys/fs/cgroup/unified", "/sys/fs/cgroup/memory", "/sys/fs/cgroup/cpu",
		"/sys/fs/cgroup/pids", "/sys/fs/cgroup/devices", "/sys/fs/cgroup/freezer", "/sys/fs/cgroup/blkio"};
	int count = 0;

	for (unsigned index = 0; index < sizeof roots / sizeof *roots; index++) {
		snprintf(paths[count], 128, "%s/gantry-bare-%d", roots[index], getpid());
		if (mkdir(paths[count], 0755) == 0)
			count++;
	}
	if (count == 0) {
		snprintf(paths[count], 128, "/sys/fs/cgroup/gantry-bare-%d", getpid());
		if (mkdir(paths[count], 0755) == 0)
			count++;
	}
	return count;
}

/* By "tasks" where there is such a file, in the first version: see step_enter_cgroup() of native/init.c. */
static void enter(const char *group)
{
	int folder = open(group, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int file = openat(folder, "tasks", O_WRONLY | O_CLOEXEC);

	if (file < 0)
		file = openat(folder, "cgroup.procs", O_WRONLY | O_CLOEXEC);
	need(write(file, "0", 1), group);
	close(file);
	close(folder);
}

int main(int count, char **arguments)
{
	struct clone_args how = {.flags = NAMESPACES, .exit_signal = SIGCHLD};
	int status = 0;
	long child;

	for (; count > 2 && strcmp(arguments[1], "-g") == 0 && groups_given < 16; count -= 2, arguments += 2)
		snprintf(paths[groups_given++], sizeof paths[0], "%s", arguments[2]);
	if (count < 3)
		return 125;
	group_count = groups_given ? groups_given : groups();
	child = syscall(SYS_clone3, &how, sizeof how);
	need(child, "clone3");
	if (child == 0) {
		for (int index = 0; index < group_count; index++)
			enter(paths[index]);
		loopback_up();
		assemble(arguments[1]);
		become(arguments + 2);
	}
	waitpid((pid_t)child, &status, 0);
	for (int index = 0; !groups_given && index < group_count; index++)
		rmdir(paths[index]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
