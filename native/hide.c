/* What of the root is not to be changed, or not to be seen. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "gantry.h"

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
