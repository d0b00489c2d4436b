/* Mounts of the specification. Only descriptors are mounted, on descriptors: there is no second look-up that could be raced. */
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>

#include "gantry.h"

int take_tree(int folder, const char *path, unsigned flags)
{
	return (int)syscall(NR_OPEN_TREE, folder, path, flags | O_CLOEXEC | (path[0] ? 0 : AT_EMPTY_PATH));
}

int move_mount_fd(int tree, int target)
{
	return (int)syscall(NR_MOVE_MOUNT, tree, "", target, "", MOVE_MOUNT_FROM_FD | MOVE_MOUNT_TO_FD);
}

static int call_setattr(int mount, bool recursive, struct mount_attributes attributes)
{
	if (!attributes.set && !attributes.clear && !attributes.propagation)
		return 0;
	return (int)syscall(NR_MOUNT_SETATTR, mount, "", AT_EMPTY_PATH | (recursive ? AT_SUBTREE : 0), &attributes, sizeof attributes);
}

/* Linux 5.12 and 5.13 know of links that are not followed by mount(2) alone: settle_links does the rest. */
static bool lacks_nosymfollow;

static bool can_go_without(uint64_t attributes)
{
	return errno == EINVAL && attributes & MOUNT_NOSYMFOLLOW;
}

int set_attributes(int mount, bool recursive, struct mount_attributes attributes)
{
	if (call_setattr(mount, recursive, attributes) == 0)
		return 0;
	if (recursive || !can_go_without(attributes.set | attributes.clear))
		return -1;
	attributes.set &= ~(uint64_t)MOUNT_NOSYMFOLLOW;
	attributes.clear &= ~(uint64_t)MOUNT_NOSYMFOLLOW;
	lacks_nosymfollow = true;
	return call_setattr(mount, recursive, attributes);
}

/* Of a mount that is attached, after set_attributes. mount(2) takes all flags at once: those that are there stay. */
static int settle_links(int mount_fd, uint64_t set, uint64_t clear)
{
	static const struct {
		unsigned long have, flag;
	} kept[] = {{1, MS_RDONLY}, {2, MS_NOSUID}, {4, MS_NODEV}, {8, MS_NOEXEC}, {0x400, MS_NOATIME}, {0x800, MS_NODIRATIME}, {0x1000, MS_RELATIME}};
	unsigned long wanted = set & MOUNT_NOSYMFOLLOW ? ST_NOLINKS : 0, flags = MS_REMOUNT | MS_BIND | (wanted ? MS_NOLINKS : 0);
	struct statfs about;
	char path[32];

	if (!lacks_nosymfollow || !((set | clear) & MOUNT_NOSYMFOLLOW))
		return 0;
	if (fstatfs(mount_fd, &about) < 0)
		return -1;
	if (((unsigned long)about.f_flags & ST_NOLINKS) == wanted)
		return 0;
	for (unsigned index = 0; index < COUNT(kept); index++)
		if ((unsigned long)about.f_flags & kept[index].have)
			flags |= kept[index].flag;
	if (!(flags & (MS_NOATIME | MS_RELATIME)))
		flags |= MS_STRICTATIME;
	snprintf(path, sizeof path, "/proc/self/fd/%d", mount_fd);
	return mount(NULL, path, NULL, flags, NULL);
}

int set_propagation(int mount, uint64_t flags)
{
	return set_attributes(mount, flags & MS_REC, (struct mount_attributes){.propagation = flags & ~(uint64_t)MS_REC});
}

/* What the file system itself says about a refused option or mount: "e overlay: …". */
_Noreturn void fail_context(int context, const char *what)
{
	char text[200];
	int error = errno;
	ssize_t length = read(context, text, sizeof text - 1);

	text[length > 0 ? length : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	errno = error;
	if (length <= 2)
		fail("%s", what[0] ? what : "the file system");
	fail("%s%s%s", what, what[0] ? ": " : "", text + 2);
}

int new_context(const char *type)
{
	int context = (int)syscall(NR_FSOPEN, type, 1);

	if (context < 0)
		fail("file system %s", type);
	return context;
}

long configure(int context, unsigned command, const char *key, const char *value)
{
	return syscall(NR_FSCONFIG, context, command, key, value, 0);
}

int finish_context(int context, uint64_t attributes)
{
	int mount;

	if (configure(context, FSCONFIG_CREATE, NULL, NULL) < 0)
		fail_context(context, "");
	mount = (int)syscall(NR_FSMOUNT, context, 1, (unsigned)attributes);
	if (mount < 0 && can_go_without(attributes)) {
		lacks_nosymfollow = true;
		mount = (int)syscall(NR_FSMOUNT, context, 1, (unsigned)attributes & ~MOUNT_NOSYMFOLLOW);
	}
	if (mount < 0)
		fail_context(context, "");
	close(context);
	return mount;
}

/* Nothing of the container's may hide a file that the kernel, or this program, believes to be the kernel's (CVE-2019-16884). */
static void refuse_proc(int target)
{
	if (is_on(target, MAGIC_PROC)) {
		errno = EPERM;
		fail("the target is inside of /proc");
	}
}

/* A link at /proc or /sys, put there by an image, would bring the real thing elsewhere and leave its masks behind (CVE-2019-19921,
 * CVE-2023-27561): the kernel's file systems are mounted on plain folders. The root itself stays what it is. */
static int open_target(const char *path, bool folder, bool is_kernels)
{
	const uint64_t resolve = RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS;
	int target = is_kernels ? open_below(root_fd, path, O_PATH | O_DIRECTORY, resolve) : ensure_in_root(path, folder);

	if (target < 0 && is_kernels && errno == ENOENT && (target = ensure_in_root(path, true)) >= 0) {
		close(target);
		target = open_below(root_fd, path, O_PATH | O_DIRECTORY, resolve);
	}
	if (target < 0)
		fail("target");
	if (is_root(target)) {
		errno = EBUSY;
		fail("the target leads to the container's root");
	}
	return target;
}

static void set_options(int context, const struct step *step, unsigned first)
{
	for (unsigned index = first; index < step->strings; index++) {
		const char *option = string(step, index), *equals = strchr(option, '=');
		char key[64];

		snprintf(key, sizeof key, "%.*s", (int)(equals ? equals - option : 63), option);
		if (configure(context, equals ? FSCONFIG_STRING : FSCONFIG_FLAG, key, equals ? equals + 1 : NULL) < 0)
			fail_context(context, option);
	}
}

/* fsconfig(2) takes values of up to 255 bytes, mount(2) a page of them together (the layers of an overlay). */
static bool needs_mount_call(const struct step *step)
{
	for (unsigned index = MOUNT_NEW_OPTIONS; index < step->strings; index++)
		if (strlen(string(step, index)) > 255)
			return true;
	return false;
}

static const struct {
	uint64_t attribute;
	const char *option;
	unsigned long flag;
} mount_flags[] = {
	{MOUNT_READONLY, "ro", MS_RDONLY}, {MOUNT_NOSUID, NULL, MS_NOSUID}, {MOUNT_NODEV, NULL, MS_NODEV}, {MOUNT_NOEXEC, NULL, MS_NOEXEC},
	{MOUNT_NOATIME, NULL, MS_NOATIME}, {MOUNT_STRICTATIME, NULL, MS_STRICTATIME}, {MOUNT_NODIRATIME, NULL, MS_NODIRATIME},
	{MOUNT_NOSYMFOLLOW, NULL, MS_NOLINKS}, {0, "sync", MS_SYNCHRONOUS}, {0, "dirsync", MS_DIRSYNC}, {0, "lazytime", 1ul << 25},
	{0, "mand", MS_MANDLOCK},
};

static unsigned long flag_of(const char *option, uint64_t attributes)
{
	unsigned long flags = 0;

	for (unsigned index = 0; index < COUNT(mount_flags); index++)
		if (option ? mount_flags[index].option && strcmp(mount_flags[index].option, option) == 0 : (mount_flags[index].attribute & attributes) != 0)
			flags |= mount_flags[index].flag;
	return flags;
}

/* The target is named by its descriptor; what lies on it afterwards is looked up again and must be the new mount. */
static int mount_by_call(const struct step *step, int target)
{
	unsigned long flags = flag_of(NULL, number(step, MOUNT_NEW_ATTRIBUTES));
	char data[4096] = "", path[32];
	size_t length = 0;
	int tree;

	for (unsigned index = MOUNT_NEW_OPTIONS; index < step->strings; index++) {
		unsigned long flag = flag_of(string(step, index), 0);

		flags |= flag;
		if (!flag)
			length += (size_t)snprintf(data + length, sizeof data - length, "%s%s", length ? "," : "", string(step, index));
		if (length >= sizeof data) {
			errno = E2BIG;
			fail("options");
		}
	}
	snprintf(path, sizeof path, "/proc/self/fd/%d", target);
	if (mount(string(step, MOUNT_NEW_SOURCE), path, string(step, MOUNT_NEW_TYPE), flags, data) < 0)
		fail("%s", "");
	tree = open_in_root(string(step, MOUNT_NEW_TARGET), O_PATH);
	if (tree < 0 || mount_id(tree) == mount_id(target) || !is_mount_root(tree)) {
		errno = EAGAIN;
		fail("the target has changed");
	}
	return tree;
}

/* Of a folder that was there; one that is made for the mount says nothing. */
static bool inherited_mode(const char *path, char text[16])
{
	int existing = open_in_root(path, O_PATH);
	bool found = false;
	struct stat about;

	if (existing >= 0 && fstat(existing, &about) == 0) {
		snprintf(text, 16, "%04o", (unsigned)about.st_mode & 07777);
		found = true;
	}
	if (existing >= 0)
		close(existing);
	return found;
}

void step_mount_new(const struct step *step)
{
	const char *type = string(step, MOUNT_NEW_TYPE), *path = string(step, MOUNT_NEW_TARGET);
	bool is_kernels = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	bool has_mode = false;
	int context, target, tree;
	char mode[16];

	if (number(step, MOUNT_NEW_INHERIT_MODE))
		has_mode = inherited_mode(path, mode);
	target = open_target(path, true, is_kernels);
	if (!is_kernels)
		refuse_proc(target);
	if (needs_mount_call(step)) {
		tree = mount_by_call(step, target);
	} else {
		context = new_context(type);
		configure(context, FSCONFIG_STRING, "source", string(step, MOUNT_NEW_SOURCE));
		if (has_mode && configure(context, FSCONFIG_STRING, "mode", mode) < 0)
			fail_context(context, "mode");
		set_options(context, step, MOUNT_NEW_OPTIONS);
		tree = finish_context(context, number(step, MOUNT_NEW_ATTRIBUTES));
		if (number(step, MOUNT_NEW_COPY_UP) && !copy_contents(target, tree))
			fail("copy what is there");
		if (move_mount_fd(tree, target) < 0)
			fail("%s", "");
		if (settle_links(tree, number(step, MOUNT_NEW_ATTRIBUTES), 0) < 0)
			fail("nosymfollow");
	}
	if (set_propagation(tree, number(step, MOUNT_NEW_PROPAGATION)) < 0)
		fail("propagation");
	close(target);
	if (!number(step, MOUNT_NEW_KEEP))
		close(tree);
	else if (!slot_fill(number(step, MOUNT_NEW_SLOT), tree))
		fail("slot");
}

/* What was locked when the mounts were handed to another user namespace stays, unless it was asked to go. */
static int change_attributes(int tree, uint64_t set, uint64_t clear, uint64_t implied)
{
	if (set_attributes(tree, false, (struct mount_attributes){.set = set, .clear = clear | implied}) == 0)
		return 0;
	if (errno != EPERM || !implied)
		return -1;
	return set_attributes(tree, false, (struct mount_attributes){.set = set, .clear = clear});
}

void step_mount_source(const struct step *step)
{
	uint64_t slot = number(step, MOUNT_SOURCE_SLOT);
	int tree = slot_tree(slot), target;
	struct mount_attributes below = {.set = number(step, MOUNT_SOURCE_RECURSIVE_SET), .clear = number(step, MOUNT_SOURCE_RECURSIVE_CLEAR)};
	struct stat about;
	bool is_proc;

	if (fstat(tree, &about) < 0)
		fail("source");
	if (change_attributes(tree, number(step, MOUNT_SOURCE_SET), number(step, MOUNT_SOURCE_CLEAR), number(step, MOUNT_SOURCE_IMPLIED)) < 0)
		fail("options");
	if (set_attributes(tree, true, below) < 0)
		fail("recursive options");
	is_proc = number(step, MOUNT_SOURCE_IS_PROC);
	if (is_proc && !is_on(tree, MAGIC_PROC)) {
		errno = EPERM;
		fail("it is no proc file system");
	}
	target = open_target(string(step, MOUNT_SOURCE_TARGET), S_ISDIR(about.st_mode), is_proc);
	/* The planner refuses such targets by name; this is for those that a link in the image leads there. */
	if (!is_proc && !number(step, MOUNT_SOURCE_OVER_PROC))
		refuse_proc(target);
	if (move_mount_fd(tree, target) < 0)
		fail("%s", "");
	if (settle_links(tree, number(step, MOUNT_SOURCE_SET), number(step, MOUNT_SOURCE_CLEAR) | number(step, MOUNT_SOURCE_IMPLIED)) < 0)
		fail("nosymfollow");
	if (set_propagation(tree, number(step, MOUNT_SOURCE_PROPAGATION)) < 0)
		fail("propagation");
	close(target);
	if (!number(step, MOUNT_SOURCE_KEEP))
		slot_close(slot);
}

void step_change_mount(const struct step *step)
{
	int tree = slot_tree(number(step, CHANGE_MOUNT_SLOT));
	struct mount_attributes attributes = {.set = number(step, CHANGE_MOUNT_SET), .clear = number(step, CHANGE_MOUNT_CLEAR)};

	if (set_attributes(tree, false, attributes) < 0 || set_propagation(tree, number(step, CHANGE_MOUNT_PROPAGATION)) < 0)
		fail("%s", "");
}

/* No link is followed: an image could have the options of one file system end up at another one, a volume's of the host. */
void step_remount(const struct step *step)
{
	int target = open_below(root_fd, string(step, REMOUNT_TARGET), O_PATH, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS);

	if (target < 0)
		fail("target");
	if (number(step, REMOUNT_SUPERBLOCK)) {
		int context = (int)syscall(NR_FSPICK, target, "", FSPICK_BY_FD);

		if (context < 0)
			fail("nothing is mounted there");
		set_options(context, step, REMOUNT_OPTIONS);
		if (configure(context, FSCONFIG_RECONFIGURE, NULL, NULL) < 0)
			fail_context(context, "");
		close(context);
	}
	if (set_attributes(target, false, (struct mount_attributes){.set = number(step, REMOUNT_SET), .clear = number(step, REMOUNT_CLEAR)}) < 0)
		fail(errno == EINVAL ? "nothing is mounted there" : "options");
	if (settle_links(target, number(step, REMOUNT_SET), number(step, REMOUNT_CLEAR)) < 0)
		fail("nosymfollow");
	close(target);
}
