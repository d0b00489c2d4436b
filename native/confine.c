/* What the program may do beyond its user's rights: labels of AppArmor and SELinux, and Landlock. */
#include <sys/stat.h>
#include <sys/xattr.h>

#include "gantry.h"

static int ruleset = -1;

/* The first of the files that this kernel has, of this thread, in a procfs that nobody can have covered: what is written
 * elsewhere would leave the program unconfined without a word (CVE-2019-16884, CVE-2025-52881). */
static int open_attribute(const struct step *step)
{
	char path[64];
	int fd = -1;

	errno = ENOENT;
	for (unsigned index = SET_ATTRIBUTE_FILES; fd < 0 && errno == ENOENT && index < step->strings; index++) {
		snprintf(path, sizeof path, "thread-self/attr/%s", string(step, index));
		fd = proc_open(path, O_WRONLY);
	}
	return fd;
}

void step_set_attribute(const struct step *step)
{
	const struct span *value = span(step, SET_ATTRIBUTE_VALUE);
	int fd = open_attribute(step);

	if (fd < 0 && errno == ENOENT && number(step, SET_ATTRIBUTE_OPTIONAL))
		return;
	if (fd < 0)
		fail("attribute");
	if (write(fd, string(step, SET_ATTRIBUTE_VALUE), value->length) != (ssize_t)value->length)
		fail("%s", "");
	close(fd);
}

/* At once, and not at the next execve: for an init that stays. */
void change_profile(const char *name)
{
	char text[4096];
	int length = snprintf(text, sizeof text, "changeprofile %s", name), fd = proc_open("thread-self/attr/apparmor/current", O_WRONLY);

	if (fd < 0 && errno == ENOENT)
		fd = proc_open("thread-self/attr/current", O_WRONLY);
	if (fd < 0 || length >= (int)sizeof text || write(fd, text, (size_t)length) != length)
		fail("AppArmor profile");
	close(fd);
}

/* The same for SELinux, whose policy must allow it (process: setcurrent, dyntransition). */
void change_label(const char *label)
{
	int fd = proc_open("thread-self/attr/current", O_WRONLY);

	if (fd < 0 || write(fd, label, strlen(label)) != (ssize_t)strlen(label))
		fail("SELinux label");
	close(fd);
}

/* For file systems whose mount takes no label, as a mount of message queues is one of many of the same. */
void step_label_root_of_mount(const struct step *step)
{
	int fd = open_in_root(string(step, LABEL_ROOT_OF_MOUNT_PATH), O_RDONLY | O_DIRECTORY);
	const char *label = string(step, LABEL_ROOT_OF_MOUNT_LABEL);

	if (fd < 0)
		fail("%s", "");
	if (!is_on(fd, (long)number(step, LABEL_ROOT_OF_MOUNT_MAGIC))) {
		errno = EXDEV;
		fail("something else is mounted there");
	}
	if (fsetxattr(fd, "security.selinux", label, span(step, LABEL_ROOT_OF_MOUNT_LABEL)->length + 1, 0) < 0)
		fail("%s", "");
	close(fd);
}

void step_landlock_ruleset(const struct step *step)
{
	struct landlock_ruleset rules = {number(step, LANDLOCK_RULESET_FILES), number(step, LANDLOCK_RULESET_NETWORK), number(step, LANDLOCK_RULESET_SCOPE)};

	/* An older kernel takes the longer structure as long as what it does not know is zero. */
	ruleset = (int)syscall(NR_LANDLOCK_CREATE_RULESET, &rules, sizeof rules, 0);
	if (ruleset < 0)
		fail("%s", "");
}

/* A file has no rights of a folder: the kernel refuses them. */
void step_landlock_path(const struct step *step)
{
	int fd = open_in_root(string(step, LANDLOCK_PATH_PATH), O_PATH);
	struct landlock_path_rule rule = {number(step, LANDLOCK_PATH_FOLDER_ACCESS), fd};
	struct stat about;

	if (fd < 0 || fstat(fd, &about) < 0)
		fail("%s", "");
	if (!S_ISDIR(about.st_mode))
		rule.access = number(step, LANDLOCK_PATH_FILE_ACCESS);
	if (syscall(NR_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PATH, &rule, 0) < 0)
		fail("%s", "");
	close(fd);
}

void step_landlock_port(const struct step *step)
{
	struct landlock_port_rule rule = {number(step, LANDLOCK_PORT_ACCESS), number(step, LANDLOCK_PORT_PORT)};

	if (syscall(NR_LANDLOCK_ADD_RULE, ruleset, LANDLOCK_PORT, &rule, 0) < 0)
		fail("%s", "");
}

void step_landlock_restrict(const struct step *step)
{
	(void)step;
	if (syscall(NR_LANDLOCK_RESTRICT_SELF, ruleset, 0) < 0)
		fail("%s", "");
	close(ruleset);
}
