/* Mounts: the root, what the specification puts into it, what it hides. Only descriptors are mounted, on descriptors. */
#include <limits.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "gantry.h"

static int slots[PLAN_MAX_SLOTS];

static int take_tree(int folder, const char *path, unsigned flags)
{
	return (int)syscall(NR_OPEN_TREE, folder, path, flags | O_CLOEXEC | (path[0] ? 0 : AT_EMPTY_PATH));
}

static int move_mount_fd(int tree, int target)
{
	return (int)syscall(NR_MOVE_MOUNT, tree, "", target, "", MOVE_MOUNT_FROM_FD | MOVE_MOUNT_TO_FD);
}

static int set_attributes(int mount, bool recursive, struct mount_attributes attributes)
{
	if (!attributes.set && !attributes.clear && !attributes.propagation)
		return 0;
	return (int)syscall(NR_MOUNT_SETATTR, mount, "", AT_EMPTY_PATH | (recursive ? AT_SUBTREE : 0), &attributes, sizeof attributes);
}

static int set_propagation(int mount, uint64_t flags)
{
	return set_attributes(mount, flags & MS_REC, (struct mount_attributes){.propagation = flags & ~(uint64_t)MS_REC});
}

/* What the file system itself says about a refused option or mount: "e overlay: …". */
_Noreturn static void fail_context(int context, const char *what)
{
	char text[200];
	int error = errno;
	ssize_t length = read(context, text, sizeof text - 1);

	text[length > 0 ? length : 0] = 0;
	text[strcspn(text, "\n")] = 0;
	errno = error;
	fail("%s%s%s", what, length > 2 && what[0] ? ": " : "", length > 2 ? text + 2 : "");
}

static int new_context(const char *type)
{
	int context = (int)syscall(NR_FSOPEN, type, 1);

	if (context < 0)
		fail("file system %s", type);
	return context;
}

static long configure(int context, unsigned command, const char *key, const char *value)
{
	return syscall(NR_FSCONFIG, context, command, key, value, 0);
}

static int finish_context(int context, uint64_t attributes)
{
	int mount;

	if (configure(context, FSCONFIG_CREATE, NULL, NULL) < 0)
		fail_context(context, "");
	mount = (int)syscall(NR_FSMOUNT, context, 1, (unsigned)attributes);
	if (mount < 0)
		fail_context(context, "");
	close(context);
	return mount;
}

void step_set_propagation(const struct step *step)
{
	uint64_t flags = number(step, SET_PROPAGATION_FLAGS);

	if (flags && mount(NULL, "/", NULL, flags, NULL) < 0)
		fail("%s", "");
}

/* Host paths are opened before the root exists, so that nothing in the container can have a hand in them. */
void step_open_source(const struct step *step)
{
	uint64_t slot = number(step, OPEN_SOURCE_SLOT);
	int tree = take_tree(AT_FDCWD, string(step, OPEN_SOURCE_PATH), OPEN_TREE_COPY | (number(step, OPEN_SOURCE_RECURSIVE) ? AT_SUBTREE : 0));

	if (tree < 0)
		fail("%s", "");
	if (slot >= COUNT(slots)) {
		errno = EINVAL;
		fail("slot");
	}
	slots[slot] = tree;
}

/* The new root lies over the old one, in this namespace alone: "/" must not hand that on (rootfsPropagation shared). */
static void attach_root(int tree)
{
	if (mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0)
		fail("private /");
	if (syscall(NR_MOVE_MOUNT, tree, "", AT_FDCWD, "/", MOVE_MOUNT_FROM_FD) < 0)
		fail("attach");
	root_fd = tree;
}

/* Layers are named by descriptor: an fsconfig string ends at 255 bytes and mount(2)'s at a page, escapes are in the way,
 * and the container would read the host's paths in its mountinfo. */
static const char *layer(const char *path, char text[32])
{
	int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		fail("%s", path);
	snprintf(text, 32, "/proc/self/fd/%d", fd);
	return text;
}

/* Before Linux 6.7 an overlay has no lowerdir+. */
static void mount_overlay_legacy(const struct step *step)
{
	char options[4096], text[32];
	const char *upper = string(step, ROOT_OVERLAY_UPPER);
	size_t length = (size_t)snprintf(options, sizeof options, "upperdir=%s", layer(upper, text));

	length += (size_t)snprintf(options + length, sizeof options - length, ",workdir=%s,lowerdir=", layer(string(step, ROOT_OVERLAY_WORK), text));
	for (unsigned index = ROOT_OVERLAY_LOWER; index < step->strings; index++) {
		length += (size_t)snprintf(options + length, sizeof options - length, "%s%s", index > ROOT_OVERLAY_LOWER ? ":" : "",
					   layer(string(step, index), text));
		if (length >= sizeof options) {
			errno = E2BIG;
			fail("too many layers for this kernel");
		}
	}
	/* quoted, since the categories of a label are parted by commas as options are */
	if (string(step, ROOT_OVERLAY_LABEL)[0])
		length += (size_t)snprintf(options + length, sizeof options - length, ",context=\"%s\"", string(step, ROOT_OVERLAY_LABEL));
	if (length >= sizeof options) {
		errno = E2BIG;
		fail("label");
	}
	if (mount(NULL, "/", NULL, MS_PRIVATE, NULL) < 0 || mount("overlay", upper, "overlay", 0, options) < 0)
		fail("%s", "");
	root_fd = open(upper, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root_fd < 0)
		fail("open");
}

/* Up to Linux 6.4 an overlay only collects options, whatever they are, and refuses them when it is made, with a line in the
 * kernel's log for each container: an option without its value is one that a newer kernel refuses at once. */
static bool collects_options(int context)
{
	char refusal[200];

	if (configure(context, FSCONFIG_FLAG, "lowerdir+", NULL) == 0)
		return true;
	/* Its words are not those of a failure to come: fail_context. */
	while (read(context, refusal, sizeof refusal) > 0)
		;
	return false;
}

void step_root_overlay(const struct step *step)
{
	int context;
	char text[32];

	if (number(step, ROOT_OVERLAY_LEGACY)) {
		mount_overlay_legacy(step);
		return;
	}
	context = new_context("overlay");
	if (collects_options(context)) {
		close(context);
		mount_overlay_legacy(step);
		return;
	}
	configure(context, FSCONFIG_STRING, "source", "overlay");
	for (unsigned index = ROOT_OVERLAY_LOWER; index < step->strings; index++) {
		if (configure(context, FSCONFIG_STRING, "lowerdir+", layer(string(step, index), text)) == 0)
			continue;
		if (errno != EINVAL || index > ROOT_OVERLAY_LOWER)
			fail_context(context, string(step, index));
		close(context);
		mount_overlay_legacy(step);
		return;
	}
	if (configure(context, FSCONFIG_STRING, "upperdir", layer(string(step, ROOT_OVERLAY_UPPER), text)) < 0)
		fail_context(context, "upperdir");
	if (configure(context, FSCONFIG_STRING, "workdir", layer(string(step, ROOT_OVERLAY_WORK), text)) < 0)
		fail_context(context, "workdir");
	if (string(step, ROOT_OVERLAY_LABEL)[0] && configure(context, FSCONFIG_STRING, "context", string(step, ROOT_OVERLAY_LABEL)) < 0)
		fail_context(context, "label");
	attach_root(finish_context(context, 0));
}

void step_root_bind(const struct step *step)
{
	int tree = take_tree(AT_FDCWD, string(step, ROOT_BIND_PATH), OPEN_TREE_COPY | AT_SUBTREE);

	if (tree < 0)
		fail("%s", "");
	attach_root(tree);
}

/* Nothing of the container's may hide a file that the kernel, or this program, believes to be the kernel's (CVE-2019-16884). */
static void refuse_proc(int target)
{
	if (is_on(target, MAGIC_PROC)) {
		errno = EPERM;
		fail("the target is inside of /proc");
	}
}

/* A link at /proc or /sys, put there by an image, would bring the real thing elsewhere and leave its masks behind (CVE-2019-19921). */
static int open_target(const char *path, bool folder, bool is_kernels)
{
	int target = ensure_in_root(path, folder);

	if (target < 0)
		fail("target");
	if (is_kernels) {
		close(target);
		target = open_below(root_fd, path, O_PATH | O_DIRECTORY, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS);
		if (target < 0)
			fail("target");
	}
	return target;
}

void step_mount_new(const struct step *step)
{
	const char *type = string(step, MOUNT_NEW_TYPE), *path = string(step, MOUNT_NEW_TARGET);
	bool is_kernels = strcmp(type, "proc") == 0 || strcmp(type, "sysfs") == 0;
	int context = new_context(type), target, tree;

	configure(context, FSCONFIG_STRING, "source", string(step, MOUNT_NEW_SOURCE));
	for (unsigned index = MOUNT_NEW_OPTIONS; index < step->strings; index++) {
		const char *option = string(step, index), *equals = strchr(option, '=');
		char key[64];

		snprintf(key, sizeof key, "%.*s", (int)(equals ? equals - option : 63), option);
		if (configure(context, equals ? FSCONFIG_STRING : FSCONFIG_FLAG, key, equals ? equals + 1 : NULL) < 0)
			fail_context(context, option);
	}
	tree = finish_context(context, number(step, MOUNT_NEW_ATTRIBUTES));
	target = open_target(path, true, is_kernels);
	if (!is_kernels)
		refuse_proc(target);
	if (move_mount_fd(tree, target) < 0 || set_propagation(tree, number(step, MOUNT_NEW_PROPAGATION)) < 0)
		fail("%s", "");
	close(target);
	close(tree);
}

void step_mount_source(const struct step *step)
{
	uint64_t slot = number(step, MOUNT_SOURCE_SLOT);
	int tree = slot < COUNT(slots) ? slots[slot] : -1, target;
	struct stat about;

	if (fstat(tree, &about) < 0)
		fail("source");
	if (set_attributes(tree, true, (struct mount_attributes){.set = number(step, MOUNT_SOURCE_RECURSIVE_SET), .clear = number(step, MOUNT_SOURCE_RECURSIVE_CLEAR)}) < 0)
		fail("recursive options");
	if (set_attributes(tree, false, (struct mount_attributes){.set = number(step, MOUNT_SOURCE_SET), .clear = number(step, MOUNT_SOURCE_CLEAR)}) < 0)
		fail("options");
	target = open_target(string(step, MOUNT_SOURCE_TARGET), S_ISDIR(about.st_mode), false);
	/* The planner refuses such targets by name; this is for those that a link in the image leads there. */
	if (!number(step, MOUNT_SOURCE_OVER_PROC))
		refuse_proc(target);
	if (number(step, MOUNT_SOURCE_IS_PROC) && !is_on(tree, MAGIC_PROC)) {
		errno = EPERM;
		fail("it is no proc file system");
	}
	if (move_mount_fd(tree, target) < 0 || set_propagation(tree, number(step, MOUNT_SOURCE_PROPAGATION)) < 0)
		fail("%s", "");
	close(target);
	close(tree);
}

/* pivot_root(".", ".") stacks the old root on the new one, where it is taken off again: pivot_root(2), NOTES. */
void step_pivot_root(const struct step *step)
{
	(void)step;
	if (fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		fail("%s", "");
	if (mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0 || umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail("leave the old root");
}

void step_root_propagation(const struct step *step)
{
	if (set_propagation(root_fd, number(step, ROOT_PROPAGATION_FLAGS)) < 0)
		fail("%s", "");
}

void step_readonly_root(const struct step *step)
{
	(void)step;
	if (set_attributes(root_fd, false, (struct mount_attributes){.set = MOUNT_READONLY}) < 0)
		fail("%s", "");
}

void step_readonly_path(const struct step *step)
{
	int target = open_in_root(string(step, READONLY_PATH_PATH), O_PATH), tree;

	if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
		return;
	/* Where a mount begins it is that mount which changes; EINVAL: none begins there, so that one is laid over it. */
	if (set_attributes(target, true, (struct mount_attributes){.set = MOUNT_READONLY}) == 0) {
		close(target);
		return;
	}
	tree = take_tree(target, "", OPEN_TREE_COPY | AT_SUBTREE);
	if (target < 0 || tree < 0)
		fail("%s", "");
	if (set_attributes(tree, true, (struct mount_attributes){.set = MOUNT_READONLY}) < 0 || move_mount_fd(tree, target) < 0)
		fail("%s", "");
	close(tree);
	close(target);
}

/* The real null device, or nothing: an image or a racing container may have put something else there (CVE-2025-31133). */
static int null_tree(void)
{
	int fd = open_below(root_fd, "dev/null", O_PATH, RESOLVE_INSIDE_ROOT | RESOLVE_WITHOUT_SYMLINKS), tree;
	struct stat about;

	if (fd < 0 || fstat(fd, &about) < 0)
		fail("/dev/null");
	if (!S_ISCHR(about.st_mode) || about.st_rdev != makedev(1, 3)) {
		errno = EINVAL;
		fail("/dev/null is not the null device");
	}
	tree = take_tree(fd, "", OPEN_TREE_COPY);
	close(fd);
	return tree;
}

/* One empty read-only folder covers all that are masked. */
static int empty_tree(const char *label)
{
	static int first = -1;
	int context;

	if (first >= 0)
		return take_tree(first, "", OPEN_TREE_COPY);
	context = new_context("tmpfs");
	configure(context, FSCONFIG_STRING, "source", "tmpfs");
	configure(context, FSCONFIG_STRING, "size", "4k");
	configure(context, FSCONFIG_STRING, "nr_inodes", "1");
	configure(context, FSCONFIG_STRING, "mode", "555");
	if (label[0] && configure(context, FSCONFIG_STRING, "context", label) < 0)
		fail_context(context, "label");
	first = finish_context(context, MOUNT_READONLY | MOUNT_NOSUID | MOUNT_NODEV | MOUNT_NOEXEC);
	return first;
}

void step_mask_path(const struct step *step)
{
	int target = open_in_root(string(step, MASK_PATH_PATH), O_PATH), tree;
	struct stat about;

	if (target < 0 && (errno == ENOENT || errno == ENOTDIR))
		return;
	if (target < 0 || fstat(target, &about) < 0)
		fail("%s", "");
	tree = S_ISDIR(about.st_mode) ? empty_tree(string(step, MASK_PATH_LABEL)) : null_tree();
	if (tree < 0 || move_mount_fd(tree, target) < 0)
		fail("%s", "");
	if (!S_ISDIR(about.st_mode))
		close(tree);
	close(target);
}
