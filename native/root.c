/* Paths below the container's root, resolved at the moment of use and never out of it (CVE-2021-30465, CVE-2024-21626). */
#include <limits.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "gantry.h"

int root_fd = -1;

int open_below(int folder, const char *path, uint64_t flags, uint64_t resolve)
{
	struct openat2_how how = {.flags = flags | O_CLOEXEC, .mode = flags & O_CREAT ? 0644 : 0, .resolve = resolve};
	int fd = -1;

	/* EAGAIN: a rename raced with the look-up, openat2(2) */
	for (int attempt = 0; attempt < 128; attempt++) {
		fd = (int)syscall(NR_OPENAT2, folder, path, &how, sizeof how);
		if (fd >= 0 || errno != EAGAIN)
			break;
	}
	return fd;
}

int open_in_root(const char *path, uint64_t flags)
{
	return open_below(root_fd, path, flags, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_MAGICLINKS);
}

bool is_on(int fd, long magic)
{
	struct statfs about;

	return fstatfs(fd, &about) == 0 && (long)about.f_type == magic;
}

static struct file_facts facts_of(int fd)
{
	struct file_facts facts = {0};

	_Static_assert(sizeof facts == 256, "struct statx");
	syscall(SYS_statx, fd, "", AT_EMPTY_PATH, FACTS_INODE | FACTS_MOUNT, &facts);
	return facts;
}

uint64_t mount_id(int fd)
{
	return facts_of(fd).mount_id;
}

bool is_mount_root(int fd)
{
	return facts_of(fd).attributes & FACT_IS_MOUNT_ROOT;
}

bool is_root(int fd)
{
	static struct file_facts root;
	static int known_fd = -1;
	struct file_facts facts = facts_of(fd);

	if (known_fd != root_fd)
		root = facts_of(known_fd = root_fd);
	return facts.mount_id == root.mount_id && facts.inode == root.inode;
}

/* In a user namespace that sees a /proc only with masks the kernel gives out no other: there it is the container's own that serves,
 * if it is the root of a procfs. What lies over its files is not gone into: proc_open. */
static int containers_proc(void)
{
	int fd = open_below(root_fd, "proc", O_PATH | O_DIRECTORY, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS);
	struct stat about;

	if (fd >= 0 && is_on(fd, MAGIC_PROC) && fstat(fd, &about) == 0 && about.st_ino == PROC_ROOT)
		return fd;
	close(fd);
	errno = EPERM;
	return -1;
}

/* A procfs of our own that no mount of the container covers (CVE-2025-52881): for writes that must reach the real one. */
static int proc_fd = -1;

static int own_proc(void)
{
	if (proc_fd < 0) {
		int context = (int)syscall(NR_FSOPEN, "proc", 1);

		if (context < 0 || syscall(NR_FSCONFIG, context, FSCONFIG_CREATE, NULL, NULL, 0) < 0)
			return -1;
		proc_fd = (int)syscall(NR_FSMOUNT, context, 1, MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC);
		if (proc_fd < 0 && errno == EPERM)
			proc_fd = containers_proc();
		close(context);
	}
	return proc_fd;
}

int proc_open(const char *path, uint64_t flags)
{
	int fd = own_proc() < 0 ? -1 : open_below(proc_fd, path, flags, RESOLVE_BELOW | RESOLVE_WITHOUT_XDEV | RESOLVE_WITHOUT_MAGICLINKS);

	if (fd >= 0 && !is_on(fd, MAGIC_PROC)) {
		close(fd);
		errno = EXDEV;
		return -1;
	}
	return fd;
}

/* A namespace, of a process that is ours. */
int proc_open_link(const char *path)
{
	return own_proc() < 0 ? -1 : openat(proc_fd, path, O_RDONLY | O_CLOEXEC);
}

/* It shows the process namespace that it was made in. */
void proc_forget(void)
{
	if (proc_fd >= 0)
		close(proc_fd);
	proc_fd = -1;
}

/* Makes `path`, which does not exist, one component at a time. Links that lead nowhere are followed inside the root,
 * as /etc/resolv.conf in many images is one; `..` is left to the kernel. */
static int make_in_root(const char *path, bool folder)
{
	char whole[PATH_MAX], link[PATH_MAX];
	size_t end = 0;
	int parent = -1, followed = 0;

	if (strlen(path) >= sizeof whole)
		return errno = ENAMETOOLONG, -1;
	strcpy(whole, path);
	for (;;) {
		size_t start = end + strspn(whole + end, "/");
		bool is_last;
		char keep;
		int fd;

		end = start + strcspn(whole + start, "/");
		is_last = whole[end + strspn(whole + end, "/")] == 0;
		keep = whole[start];
		whole[start] = 0;
		if (parent >= 0)
			close(parent);
		parent = open_in_root(start ? whole : ".", O_PATH | O_DIRECTORY);
		whole[start] = keep;
		if (parent < 0)
			return -1;
		keep = whole[end];
		whole[end] = 0;
		fd = open_in_root(whole, O_PATH);
		if (fd < 0 && errno == ENOENT) {
			ssize_t length = readlinkat(parent, whole + start, link, sizeof link - 1);

			if (length > 0) {
				whole[end] = keep;
				if (++followed > 40)
					return close(parent), errno = ELOOP, -1;
				if (snprintf(link + length, sizeof link - (size_t)length, "%s", whole + end) + (size_t)length >= sizeof link)
					return close(parent), errno = ENAMETOOLONG, -1;
				if (link[0] == '/')
					start = 0;
				if (start + strlen(link) >= sizeof whole)
					return close(parent), errno = ENAMETOOLONG, -1;
				strcpy(whole + start, link);
				end = start;
				continue;
			}
			if (is_last && !folder) {
				fd = openat(parent, whole + start, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW | O_CLOEXEC, 0644);
				if (fd >= 0)
					close(fd);
			} else {
				mkdirat(parent, whole + start, 0755);
			}
			fd = open_in_root(whole, O_PATH);
		}
		whole[end] = keep;
		if (fd < 0 || is_last)
			return close(parent), fd;
		close(fd);
	}
}

/* An O_PATH descriptor of `path`, made with its parents where it is missing: a folder or an empty file. */
int ensure_in_root(const char *path, bool folder)
{
	int fd = open_in_root(path, O_PATH);

	return fd >= 0 || errno != ENOENT ? fd : make_in_root(path, folder);
}

/* The folder that holds `path` (made where it is missing), and its last component. */
int open_parent_in_root(const char *path, char *name, size_t size)
{
	const char *slash = strrchr(path, '/');
	char parent[PATH_MAX];

	if (!slash || slash[1] == 0 || (size_t)(slash - path) >= sizeof parent || strlen(slash + 1) >= size)
		return errno = EINVAL, -1;
	memcpy(parent, path, (size_t)(slash - path));
	parent[slash - path] = 0;
	strcpy(name, slash + 1);
	return ensure_in_root(parent[0] ? parent : "/", true);
}
