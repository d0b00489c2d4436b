/* Files of the container's root that are not mounts: folders, devices, links, the console, sysctls. */
#include <limits.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <termios.h>

#include "gantry.h"

#ifndef TIOCGPTPEER
#define TIOCGPTPEER 0x5441
#endif

int console_fd = -1;

void step_make_directory(const struct step *step)
{
	int fd = ensure_in_root(string(step, MAKE_DIRECTORY_PATH), true);
	struct stat about;

	if (fd < 0 || fstat(fd, &about) < 0)
		fail("%s", "");
	if (!S_ISDIR(about.st_mode)) {
		errno = ENOTDIR;
		fail("%s", "");
	}
	close(fd);
}

/* Without CAP_MKNOD the host's own node serves, where it is the same device: the old root is still what "/" means here. */
static bool borrow_device(int parent, const char *name, const char *path, mode_t mode, dev_t device)
{
	int tree = (int)syscall(NR_OPEN_TREE, AT_FDCWD, path, OPEN_TREE_COPY | O_CLOEXEC), target = -1;
	struct stat about;
	bool done = false;

	if (tree >= 0 && fstat(tree, &about) == 0 && (about.st_mode & S_IFMT) == (mode & S_IFMT) && about.st_rdev == device)
		target = openat(parent, name, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (target >= 0)
		done = syscall(NR_MOVE_MOUNT, tree, "", target, "", MOVE_MOUNT_FROM_FD | MOVE_MOUNT_TO_FD) == 0;
	close(target);
	close(tree);
	errno = EPERM;
	return done;
}

void step_make_device(const struct step *step)
{
	char name[NAME_MAX + 1];
	int parent = open_parent_in_root(string(step, MAKE_DEVICE_PATH), name, sizeof name);
	mode_t mode = (mode_t)number(step, MAKE_DEVICE_MODE);
	dev_t device = makedev((unsigned)number(step, MAKE_DEVICE_MAJOR), (unsigned)number(step, MAKE_DEVICE_MINOR));
	struct stat about;

	if (parent < 0)
		fail("parent");
	if (mknodat(parent, name, mode, device) == 0) {
		if (fchownat(parent, name, (uid_t)number(step, MAKE_DEVICE_UID), (gid_t)number(step, MAKE_DEVICE_GID), AT_SYMLINK_NOFOLLOW) < 0)
			fail("owner");
	} else if (errno == EPERM && borrow_device(parent, name, string(step, MAKE_DEVICE_PATH), mode, device)) {
		/* with the owner and the rights that it has on the host */
	} else if (errno != EEXIST || fstatat(parent, name, &about, AT_SYMLINK_NOFOLLOW) < 0) {
		fail("%s", "");
	} else if ((about.st_mode & S_IFMT) != (mode & S_IFMT) || about.st_rdev != device) {
		errno = EEXIST;
		fail("something else is there");
	}
	close(parent);
}

void step_make_link(const struct step *step)
{
	char name[NAME_MAX + 1];
	int parent = open_parent_in_root(string(step, MAKE_LINK_PATH), name, sizeof name);

	if (parent >= 0 && number(step, MAKE_LINK_REPLACE) && unlinkat(parent, name, 0) < 0 && errno != ENOENT)
		fail("what is there");
	if (parent < 0 || (symlinkat(string(step, MAKE_LINK_TARGET), parent, name) < 0 && errno != EEXIST))
		fail("%s", "");
	close(parent);
}

/* The terminal is opened through the container's own devpts and never by name again: no path of the container is
 * trusted for the slave (CVE-2025-52565). */
void step_open_console(const struct step *step)
{
	struct note note = {.kind = NOTE_CONSOLE};
	int master, target, tree;

	master = open_below(root_fd, "dev/pts/ptmx", O_RDWR | O_NOCTTY, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS);
	if (master < 0)
		fail("/dev/pts/ptmx");
	if (!is_on(master, MAGIC_DEVPTS)) {
		errno = ENOTTY;
		fail("/dev/pts is not a devpts");
	}
	if (ioctl(master, TIOCSPTLCK, &(int){0}) < 0)
		fail("unlock");
	console_fd = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (console_fd < 0)
		fail("peer");
	if (number(step, OPEN_CONSOLE_BIND)) {
		target = ensure_in_root("/dev/console", false);
		if (is_on(target, MAGIC_PROC)) {
			errno = EPERM;
			fail("/dev/console leads into /proc");
		}
		tree = (int)syscall(NR_OPEN_TREE, console_fd, "", OPEN_TREE_COPY | O_CLOEXEC | AT_EMPTY_PATH);
		if (target < 0 || tree < 0 || syscall(NR_MOVE_MOUNT, tree, "", target, "", MOVE_MOUNT_FROM_FD | MOVE_MOUNT_TO_FD) < 0)
			fail("/dev/console");
		close(target);
		close(tree);
	}
	send_note(&note, master);
	close(master);
}

void step_sysctl(const struct step *step)
{
	const struct span *value = span(step, SYSCTL_VALUE);
	int fd = proc_open(string(step, SYSCTL_PATH), O_WRONLY);

	if (fd < 0 || write(fd, string(step, SYSCTL_VALUE), value->length) != (ssize_t)value->length)
		fail("%s", "");
	close(fd);
}
