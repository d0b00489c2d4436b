/* A tmpfs that begins with what it hides (tmpcopyup): files, folders, links and devices with owners, modes and times. */
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include "gantry.h"

/* Of getdents64(2). */
struct entry {
	uint64_t inode;
	int64_t offset;
	uint16_t length;
	uint8_t type;
	char name[];
};

static void copy_attributes(int from, int to)
{
	static char names[65536], value[65536];
	ssize_t length = flistxattr(from, names, sizeof names);

	/* What the file system here cannot hold is left out, as everywhere else (cp(1)). */
	for (char *name = names; length > 0 && name < names + length; name += strlen(name) + 1) {
		ssize_t size = fgetxattr(from, name, value, sizeof value);

		if (size >= 0)
			fsetxattr(to, name, value, (size_t)size, 0);
	}
}

static bool finish(int from, int to, const struct stat *about)
{
	const struct timespec times[2] = {about->st_atim, about->st_mtim};

	if (fchown(to, about->st_uid, about->st_gid) < 0 || fchmod(to, about->st_mode & 07777) < 0)
		return false;
	copy_attributes(from, to);
	return futimens(to, times) == 0;
}

static bool copy_file(int from_folder, int to_folder, const char *name)
{
	int from = openat(from_folder, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	int to = from < 0 ? -1 : openat(to_folder, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat about;
	ssize_t sent = -1;

	if (to >= 0 && fstat(from, &about) == 0)
		do
			sent = sendfile(to, from, NULL, 1 << 30);
		while (sent > 0);
	if (sent == 0 && !finish(from, to, &about))
		sent = -1;
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return sent == 0;
}

static bool copy_node(int from_folder, int to_folder, const char *name, const struct stat *about)
{
	const struct timespec times[2] = {about->st_atim, about->st_mtim};
	char target[4096];
	ssize_t length;

	if (S_ISLNK(about->st_mode)) {
		length = readlinkat(from_folder, name, target, sizeof target - 1);
		if (length < 0)
			return false;
		target[length] = 0;
		if (symlinkat(target, to_folder, name) < 0)
			return false;
	} else if (mknodat(to_folder, name, about->st_mode, about->st_rdev) < 0) {
		return false;
	}
	return fchownat(to_folder, name, about->st_uid, about->st_gid, AT_SYMLINK_NOFOLLOW) == 0 &&
	       utimensat(to_folder, name, times, AT_SYMLINK_NOFOLLOW) == 0;
}

static bool copy_folder(int from, int to);

static bool copy_subfolder(int from_folder, int to_folder, const char *name, const struct stat *about)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int from = openat(from_folder, name, flags), to = -1;
	bool done = false;

	if (from >= 0 && mkdirat(to_folder, name, 0700) == 0)
		to = openat(to_folder, name, flags);
	if (to >= 0)
		done = copy_folder(from, to) && finish(from, to, about);
	if (from >= 0)
		close(from);
	if (to >= 0)
		close(to);
	return done;
}

static bool copy_entry(int from, int to, const char *name)
{
	struct stat about;

	if (strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return true;
	if (fstatat(from, name, &about, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT;	/* gone since it was listed */
	if (S_ISDIR(about.st_mode))
		return copy_subfolder(from, to, name, &about);
	if (S_ISREG(about.st_mode))
		return copy_file(from, to, name);
	return copy_node(from, to, name, &about);
}

/* As deep as there are descriptors for. */
static bool copy_folder(int from, int to)
{
	char buffer[2048] __attribute__((aligned(8)));
	long length;

	while ((length = syscall(SYS_getdents64, from, buffer, sizeof buffer)) > 0)
		for (long at = 0; at < length;) {
			const struct entry *entry = (const void *)(buffer + at);

			if (!copy_entry(from, to, entry->name))
				return false;
			at += entry->length;
		}
	return length == 0;
}

/* What is in the folder `from` into the empty one `to`; both may be O_PATH descriptors. */
bool copy_contents(int from, int to)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC;
	int source = openat(from, ".", flags), target = openat(to, ".", flags);
	bool done = source >= 0 && target >= 0 && copy_folder(source, target);

	if (source >= 0)
		close(source);
	if (target >= 0)
		close(target);
	return done;
}
