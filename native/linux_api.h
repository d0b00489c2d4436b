/* What musl's headers do not have of the kernel's interface (include/uapi/linux). Numbers from 424 on are the same on all architectures. */
#ifndef GANTRY_LINUX_API_H
#define GANTRY_LINUX_API_H

#include <stdint.h>

#define NR_PIDFD_SEND_SIGNAL 424
#define NR_OPEN_TREE 428
#define NR_MOVE_MOUNT 429
#define NR_FSOPEN 430
#define NR_FSCONFIG 431
#define NR_FSMOUNT 432
#define NR_FSPICK 433
#define NR_PIDFD_OPEN 434
#define NR_CLONE3 435
#define NR_CLOSE_RANGE 436
#define NR_OPENAT2 437
#define NR_MOUNT_SETATTR 442
#define NR_LANDLOCK_CREATE_RULESET 444
#define NR_LANDLOCK_ADD_RULE 445
#define NR_LANDLOCK_RESTRICT_SELF 446

struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls, set_tid, set_tid_size, cgroup;
};
#define CLONE3_PIDFD 0x1000u
#define CLONE3_INTO_CGROUP 0x200000000ull

#define CLONE3_PARENT 0x00008000u

#define NS_TIME 0x00000080u
#define NS_USER 0x10000000u
#define NS_NET 0x40000000u
#define NS_MOUNT 0x00020000u
#define NS_CGROUP 0x02000000u
#define NS_USER 0x10000000u
#define NS_PID 0x20000000u

struct openat2_how {
	uint64_t flags, mode, resolve;
};
#define RESOLVE_WITHOUT_XDEV 0x01u
#define RESOLVE_WITHOUT_MAGICLINKS 0x02u
#define RESOLVE_WITHOUT_SYMLINKS 0x04u
#define RESOLVE_BELOW 0x08u
#define RESOLVE_INSIDE_ROOT 0x10u

#define OPEN_TREE_COPY 1u
#define AT_SUBTREE 0x8000u
#define MOVE_MOUNT_FROM_FD 0x04u
#define MOVE_MOUNT_TO_FD 0x40u

#define FSCONFIG_FLAG 0u
#define FSCONFIG_STRING 1u
#define FSCONFIG_CREATE 6u
#define FSCONFIG_RECONFIGURE 7u
#define FSPICK_BY_FD 9u	/* FSPICK_CLOEXEC | FSPICK_EMPTY_PATH */

struct mount_attributes {
	uint64_t set, clear, propagation, userns_fd;
};
#define MOUNT_READONLY 0x01u
#define MOUNT_NOSUID 0x02u
#define MOUNT_NODEV 0x04u
#define MOUNT_NOEXEC 0x08u
#define MOUNT_NOATIME 0x10u
#define MOUNT_STRICTATIME 0x20u
#define MOUNT_NODIRATIME 0x80u
#define MOUNT_IDMAP 0x100000u
#define MOUNT_NOSYMFOLLOW 0x200000u
#define MS_NOLINKS 0x100ul	/* the same for mount(2), */
#define ST_NOLINKS 0x2000ul	/* and in statfs(2) */

/* struct statx of statx(2), as far as it is looked at. */
struct file_facts {
	uint32_t mask, block_size;
	uint64_t attributes;
	uint32_t links, uid, gid;
	uint16_t mode, spare;
	uint64_t inode, size, blocks, attributes_mask;
	uint8_t times[64];
	uint32_t device_numbers[4];
	uint64_t mount_id, rest[13];
};
#define FACTS_INODE 0x100u
#define FACTS_MOUNT 0x1000u
#define FACT_IS_MOUNT_ROOT 0x2000u

#define CLOSE_ON_EXEC 4u

struct scheduler_attributes {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
	uint32_t clamp_min, clamp_max;
};

/* An acknowledgement of rtnetlink: a header, an errno, and what it answers to. */
struct netlink_answer {
	uint32_t length;
	uint16_t type, flags;
	uint32_t sequence, port;
	int32_t error;
	char rest[1024];
};
#define NETLINK_ERROR 2

#define KEY_JOIN_SESSION 1
#define KEY_SET_PERMISSIONS 5
#define KEY_DESCRIBE 6

struct capability_header {
	uint32_t version;
	int pid;
};
struct capability_data {
	uint32_t effective, permitted, inheritable;
};
#define CAPABILITY_VERSION_3 0x20080522u
#define CAPABILITY_MAX 63

struct filter_program {
	unsigned short length;
	const void *instructions;
};
#define SECCOMP_FILTER 1
#define FILTER_NEW_LISTENER 8u

struct landlock_ruleset {
	uint64_t files, network, scope;
};
struct landlock_path_rule {
	uint64_t access;
	int32_t folder;
} __attribute__((packed));
struct landlock_port_rule {
	uint64_t access, port;
};
#define LANDLOCK_PATH 1
#define LANDLOCK_PORT 2

#define MAGIC_PROC 0x9fa0
#define PROC_ROOT 1	/* its inode: include/linux/proc_fs.h */
#define MAGIC_DEVPTS 0x1cd1

#endif
