/* Sources of bind mounts: trees of mounts, taken off the host's before there is a root, and whose owners their files show. */
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "gantry.h"

/* What the monitor opens for init has numbers from here on, in order. */
#define FIRST_SOURCE 64

/* Descriptors and one, 0 for none: of init, and what the monitor has opened for it. */
static int slots[PLAN_MAX_SLOTS], early[PLAN_MAX_SLOTS];
static bool mapped[PLAN_MAX_SLOTS], has_early;

static int tree_of(const int *trees, uint64_t slot)
{
	if (slot < PLAN_MAX_SLOTS && trees[slot] > 0)
		return trees[slot] - 1;
	errno = EBADF;
	return -1;
}

int slot_tree(uint64_t slot)
{
	return tree_of(slots, slot);
}

bool slot_fill(uint64_t slot, int tree)
{
	if (slot >= COUNT(slots) || slots[slot] > 0)
		return errno = EINVAL, false;
	slots[slot] = tree + 1;
	return true;
}

void slot_close(uint64_t slot)
{
	close(slot_tree(slot));
	slots[slot] = 0;
}

/* The copy is tied to the host's mounts as those of this namespace are, or as `propagation` has it. */
static int open_source(const struct step *step)
{
	unsigned subtree = number(step, OPEN_SOURCE_RECURSIVE) ? AT_SUBTREE : 0;
	int tree = take_tree(AT_FDCWD, string(step, OPEN_SOURCE_PATH), OPEN_TREE_COPY | subtree);

	if (tree >= 0 && set_propagation(tree, number(step, OPEN_SOURCE_PROPAGATION)) < 0) {
		close(tree);
		return -1;
	}
	return tree;
}

/* Host paths are opened before the root exists, so that nothing in the container can have a hand in them. In a user namespace
 * the monitor's tree is the last resort: init's own has its attributes locked, this one would let the container change them. */
void step_open_source(const struct step *step)
{
	uint64_t slot = number(step, OPEN_SOURCE_SLOT);
	int tree, spare = tree_of(early, slot);

	if (spare >= 0 && mapped[slot]) {
		tree = spare;
	} else {
		tree = open_source(step);
		if (tree < 0 && errno == EACCES && spare >= 0)
			tree = spare;
		else if (spare >= 0)
			close(spare);
	}
	if (tree < 0)
		fail("%s", "");
	if (!slot_fill(slot, tree))
		fail("slot");
}

/* A mapping is taken from a user namespace, and a user namespace begins with a process: one that does nothing else. */
static int make_user_namespace(const char *users, const char *groups)
{
	struct clone3_args arguments = {.flags = NS_USER};
	char path[40];
	int namespace = -1, pid, hold[2];
	bool written = true;

	if (pipe2(hold, O_CLOEXEC) < 0)
		return -1;
	pid = (int)syscall(NR_CLONE3, &arguments, sizeof arguments);
	if (pid == 0) {
		close(hold[1]);
		_exit(read(hold[0], path, 1) != 0);
	}
	close(hold[0]);
	for (int map = 0; pid > 0 && written && map < 2; map++) {
		const char *text = map ? groups : users;
		int fd;

		snprintf(path, sizeof path, "%d/%s", pid, map ? "gid_map" : "uid_map");
		fd = proc_open(path, O_WRONLY);
		written = fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text);
		if (fd >= 0)
			close(fd);
	}
	if (pid > 0 && written) {
		snprintf(path, sizeof path, "%d/ns/user", pid);
		namespace = proc_open_link(path);
	}
	close(hold[1]);
	if (pid > 0) {
		int error = errno;

		waitpid(pid, NULL, __WALL);
		errno = error;
	}
	return namespace;
}

static bool map_ids(const struct step *step, const int *trees)
{
	uint64_t slot = number(step, MAP_IDS_SLOT);
	struct mount_attributes attributes = {.set = MOUNT_IDMAP};
	int tree = tree_of(trees, slot), namespace, result;

	if (tree < 0)
		return false;
	namespace = make_user_namespace(string(step, MAP_IDS_USERS), string(step, MAP_IDS_GROUPS));
	if (namespace < 0)
		return false;
	attributes.userns_fd = (uint64_t)namespace;
	result = set_attributes(tree, number(step, MAP_IDS_RECURSIVE), attributes);
	close(namespace);
	return mapped[slot] = result == 0;
}

void step_map_ids(const struct step *step)
{
	uint64_t slot = number(step, MAP_IDS_SLOT);

	if (slot < COUNT(mapped) && mapped[slot])
		return;
	if (!map_ids(step, slots))
		fail("%s", "");
}

/* For an init in a user namespace, which may not go where its root cannot, nor map ids: the monitor can. What fails here is
 * tried again by init, which tells. */
void open_sources_early(const struct plan *plan)
{
	int next = FIRST_SOURCE + preserved_fds;

	has_early = true;
	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step)) {
		if (step->op == STEP_OPEN_SOURCE) {
			uint64_t slot = number(step, OPEN_SOURCE_SLOT);
			int tree = open_source(step), place = tree < 0 ? -1 : fcntl(tree, F_DUPFD_CLOEXEC, next);

			if (tree >= 0)
				close(tree);
			if (place >= 0 && slot < COUNT(early) && !early[slot])
				early[slot] = (next = place + 1);
			else if (place >= 0)
				close(place);
		} else if (step->op == STEP_MAP_IDS) {
			map_ids(step, early);
		}
	}
	proc_forget();
}

/* In the monitor: they are init's now. */
void forget_sources(void)
{
	for (uint64_t slot = 0; has_early && slot < COUNT(early); slot++)
		if (early[slot] > 0) {
			close(early[slot] - 1);
			early[slot] = 0;
		}
}

/* In init: all descriptors from `first` on are closed but these, which have ascending numbers in any plan of ours. */
void close_all_but_sources(unsigned first)
{
	for (uint64_t slot = 0; has_early && slot < COUNT(early); slot++) {
		unsigned own = early[slot] > 0 ? (unsigned)early[slot] - 1 : 0;

		if (own < first)
			continue;
		if (own > first)
			syscall(NR_CLOSE_RANGE, first, own - 1, 0);
		first = own + 1;
	}
	syscall(NR_CLOSE_RANGE, first, ~0u, 0);
}
