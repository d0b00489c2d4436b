/* The root: where it comes from, how it becomes "/", how it is tied to the host. */
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "gantry.h"

void step_set_propagation(const struct step *step)
{
	uint64_t flags = number(step, SET_PROPAGATION_FLAGS);

	if (flags && mount(NULL, "/", NULL, flags, NULL) < 0)
		fail("%s", "");
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

	if (tree < 0 || set_propagation(tree, number(step, ROOT_BIND_PROPAGATION)) < 0)
		fail("%s", "");
	attach_root(tree);
}

/* pivot_root(".", ".") stacks the old root on the new one, where it is taken off again: pivot_root(2), NOTES. It is named by a
 * descriptor, since "." is the new one still, and it is untied from the host's mounts first: what is taken off of mounts that
 * are shared with the host is taken off there too. */
void step_pivot_root(const struct step *step)
{
	int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	(void)step;
	if (old < 0 || fchdir(root_fd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0)
		fail("%s", "");
	if (fchdir(old) < 0 || mount(NULL, ".", NULL, MS_SLAVE | MS_REC, NULL) < 0)
		fail("untie the old root");
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail("leave the old root");
	close(old);
}

/* What the host shows of itself would still be there to be read below the new root. Where it cannot be taken off (another user
 * namespace has locked it), it is covered. */
void step_detach_path(const struct step *step)
{
	const char *path = string(step, DETACH_PATH_PATH);

	if (mount(NULL, path, NULL, MS_SLAVE | MS_REC, NULL) < 0) {
		/* ENOENT, EINVAL: it was below another one that is off already */
		if (errno != ENOENT && errno != EINVAL)
			fail("%s", "");
	} else if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 && mount("tmpfs", path, "tmpfs", MS_RDONLY, "size=4k,nr_inodes=2") < 0) {
		fail("%s", "");
	}
}

/* The new root lies over "/" already (attach_root): what is left is to go there. */
void step_move_root(const struct step *step)
{
	(void)step;
	if (fchdir(root_fd) < 0 || chroot(".") < 0 || chdir("/") < 0)
		fail("%s", "");
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
