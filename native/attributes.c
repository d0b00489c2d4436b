/* Attributes of a process that are one system call each. */
#include <net/if.h>
#include <stdlib.h>
#include <sys/personality.h>
#include <sys/socket.h>

#include "gantry.h"

/* A keyring of the container's own, not the one of whoever called; a kernel without keys is none the worse (runc goes on as well). */
void step_session_keyring(const struct step *step)
{
	const char *name = string(step, SESSION_KEYRING_NAME);
	uint32_t permissions = (uint32_t)number(step, SESSION_KEYRING_PERMISSIONS);
	long keyring = syscall(SYS_keyctl, KEY_JOIN_SESSION, name[0] ? name : NULL, 0, 0, 0);
	char description[256];
	const char *at = description;

	if (keyring < 0 && errno == ENOSYS)
		return;
	if (keyring < 0)
		fail("%s", "");
	if (!permissions)
		return;
	if (syscall(SYS_keyctl, KEY_DESCRIBE, keyring, description, sizeof description - 1, 0) < 0)
		fail("describe");
	/* type;uid;gid;permissions;name */
	for (int field = 0; at && field < 3; field++)
		at = (at = strchr(at, ';')) ? at + 1 : NULL;
	permissions |= at ? (uint32_t)strtoul(at, NULL, 16) : 0;
	if (syscall(SYS_keyctl, KEY_SET_PERMISSIONS, keyring, permissions, 0, 0) < 0)
		fail("permissions");
}

void step_scheduler(const struct step *step)
{
	struct scheduler_attributes attributes = {
		.size = sizeof attributes,
		.policy = (uint32_t)number(step, SCHEDULER_POLICY),
		.flags = number(step, SCHEDULER_FLAGS),
		.nice = (int32_t)number(step, SCHEDULER_NICE),
		.priority = (uint32_t)number(step, SCHEDULER_PRIORITY),
		.runtime = number(step, SCHEDULER_RUNTIME),
		.deadline = number(step, SCHEDULER_DEADLINE),
		.period = number(step, SCHEDULER_PERIOD),
	};

	if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0)
		fail("%s", "");
}

void step_io_priority(const struct step *step)
{
	if (syscall(SYS_ioprio_set, 1, 0, (int)number(step, IO_PRIORITY_VALUE)) < 0)
		fail("%s", "");
}

void step_personality(const struct step *step)
{
	if (personality((unsigned long)number(step, PERSONALITY_PERSONA)) < 0)
		fail("%s", "");
}

/* The kernel takes one off the number of bits: set_mempolicy(2), BUGS. */
void step_memory_policy(const struct step *step)
{
	const struct span *nodes = span(step, MEMORY_POLICY_NODES);
	unsigned long mask[128] = {0};
	size_t size = nodes->length <= sizeof mask ? nodes->length : sizeof mask;

	memcpy(mask, string(step, MEMORY_POLICY_NODES), size);
	if (syscall(SYS_set_mempolicy, (int)number(step, MEMORY_POLICY_MODE), size ? mask : NULL, size ? size * 8 + 1 : 0) < 0)
		fail("%s", "");
}

void step_cpu_affinity(const struct step *step)
{
	const struct span *processors = span(step, CPU_AFFINITY_PROCESSORS);

	if (number(step, CPU_AFFINITY_EARLY))
		return;	/* by the parent, before the clone */
	if (syscall(SYS_sched_setaffinity, 0, (size_t)processors->length, string(step, CPU_AFFINITY_PROCESSORS)) < 0)
		fail("%s", "");
}

static int open_network(const struct step *step, int pid)
{
	char path[40];

	if (string(step, NETLINK_NAMESPACE_PATH)[0])
		return open(string(step, NETLINK_NAMESPACE_PATH), O_RDONLY | O_CLOEXEC);
	snprintf(path, sizeof path, "/proc/%d/ns/net", pid);
	return open(path, O_RDONLY | O_CLOEXEC);
}

static bool put(char *message, size_t size, uint64_t at, uint32_t value)
{
	if (at + sizeof value > size)
		return errno = EINVAL, false;
	memcpy(message + at, &value, sizeof value);
	return true;
}

/* Sends one message and waits for its acknowledgement. */
bool netlink_send(const struct step *step, int pid)
{
	const struct span *message = span(step, NETLINK_MESSAGE);
	struct netlink_answer answer = {.error = -EPROTO};
	char bytes[1024];
	int error, network = -1, fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, 0);
	bool is_ready = fd >= 0 && message->length <= sizeof bytes;

	memcpy(bytes, string(step, NETLINK_MESSAGE), is_ready ? message->length : 0);
	if (is_ready && number(step, NETLINK_NAMESPACE_AT))
		is_ready = (network = open_network(step, pid)) >= 0 && put(bytes, message->length, number(step, NETLINK_NAMESPACE_AT), (uint32_t)network);
	if (is_ready && number(step, NETLINK_INDEX_AT))
		is_ready = put(bytes, message->length, number(step, NETLINK_INDEX_AT), if_nametoindex(string(step, NETLINK_NAME)));
	if (is_ready)
		is_ready = send(fd, bytes, message->length, 0) == (ssize_t)message->length &&
			   recv(fd, &answer, sizeof answer, 0) >= (ssize_t)offsetof(struct netlink_answer, rest) && answer.type == NETLINK_ERROR;
	error = is_ready ? -answer.error : errno;
	close(network);
	close(fd);
	errno = error;
	return is_ready && error == 0;
}

void step_netlink(const struct step *step)
{
	if (!number(step, NETLINK_OUTSIDE) && !netlink_send(step, 0))
		fail("%s", "");
}
