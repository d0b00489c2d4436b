/* Shared by the helper's files. The roles are in main.c; what a plan is, in plan.c; the protocol, in client.c. */
#ifndef GANTRY_H
#define GANTRY_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux_api.h"
#include "plan.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define NANOSECONDS 1000000000ull

/* ---- plan.c: a plan is a header and steps; every accessor below relies on plan_open() having accepted it. */
struct step {
	uint16_t op, numbers;
	uint32_t strings, length, reserved;
};
struct span {
	uint32_t offset, length;
};
struct plan {
	const uint8_t *bytes;
	uint32_t length, steps;
};
bool plan_open(struct plan *plan, const void *bytes, size_t length);
const struct step *plan_next(const struct plan *plan, const struct step *step);
const struct step *plan_find(const struct plan *plan, unsigned op);

static inline uint64_t number(const struct step *step, unsigned index)
{
	return ((const uint64_t *)(const void *)(step + 1))[index];
}
static inline const struct span *span(const struct step *step, unsigned index)
{
	return (const struct span *)(const void *)((const uint64_t *)(const void *)(step + 1) + step->numbers) + index;
}
static inline const char *string(const struct step *step, unsigned index)
{
	return (const char *)step + span(step, index)->offset;
}

/* ---- what init tells the monitor, over a socket that keeps messages apart */
enum { NOTE_READY = 1, NOTE_FAILED = 2, NOTE_CONSOLE = 3, NOTE_HOOKS = 4 };
#define NO_STEP 0xffffffffu
struct failure {
	uint32_t step;
	int32_t error;
	char text[248];
};
struct note {
	uint32_t kind;
	struct failure failure;
};
#define WORD_ASSEMBLE 'a'
#define WORD_EXECUTE 'x'
#define WORD_HOOKED 'h'

/* ---- spawn.c */
struct child {
	int pid, pidfd, status_fd;
	int input_fd, output_fd, error_fd;
	uint64_t start_time;
};
bool spawn_init(const struct plan *plan, const struct step *options, struct child *child, struct failure *failure);
uint64_t process_start_time(int pid);
bool write_file_at(int folder, const char *name, const char *text, size_t length);

/* ---- namespaces.c: where a user namespace is in the plan, a go-between stands between the two */
extern unsigned joined_kinds;	/* namespaces that init was born into, not to be joined again */
extern bool has_entered_cgroups, has_oom_score;
bool may_join(int fd, unsigned kind);
bool needs_go_between(const struct plan *plan);
long make_init(const struct plan *plan, uint64_t flags, int *pidfd, int *cgroup, struct failure *failure);
bool arrange_init(const struct plan *plan, int pid, struct failure *failure);
long clone_into(uint64_t flags, int *pidfd, int *cgroup);
bool failed(struct failure *failure, uint32_t step, const char *text);
bool netlink_send(const struct step *step, int pid);
extern bool keeps_groups;

/* ---- init.c */
extern int target_pidfd;
extern int monitor_fd, preserved_fds;	/* the descriptor of whom we report to; how many of the caller's stay from 3 on */
extern int start_fd, result_fd;	/* launch.c */
extern bool is_in_unified;	/* born in its cgroup of the unified hierarchy */
_Noreturn void init_run(const struct plan *plan);
_Noreturn void fail(const char *format, ...) __attribute__((format(printf, 1, 2)));
void send_note(const struct note *note, int fd);
void wait_for_word(char word);
void forget_monitor(void);
extern int console_fd;

/* ---- root.c: everything below the container's root goes through these */
extern int root_fd;
int open_below(int folder, const char *path, uint64_t flags, uint64_t resolve);
int open_in_root(const char *path, uint64_t flags);
int open_parent_in_root(const char *path, char *name, size_t size);
int ensure_in_root(const char *path, bool folder);
int proc_open(const char *path, uint64_t flags);
int proc_open_link(const char *path);
void proc_forget(void);
bool is_on(int fd, long magic);
bool is_root(int fd);
bool is_mount_root(int fd);
uint64_t mount_id(int fd);

/* ---- mount.c: what the others build on */
int take_tree(int folder, const char *path, unsigned flags);
int move_mount_fd(int tree, int target);
int set_attributes(int mount, bool recursive, struct mount_attributes attributes);
int set_propagation(int mount, uint64_t flags);
int new_context(const char *type);
long configure(int context, unsigned command, const char *key, const char *value);
int finish_context(int context, uint64_t attributes);
_Noreturn void fail_context(int context, const char *what);

/* ---- source.c: trees of mounts by number */
int slot_tree(uint64_t slot);
bool slot_fill(uint64_t slot, int tree);
void slot_close(uint64_t slot);
void open_sources_early(const struct plan *plan);
void forget_sources(void);
void close_all_but_sources(unsigned first);

/* ---- copy.c */
bool copy_contents(int from, int to);

/* ---- steps, one function each: source.c, mount.c, rootfs.c, hide.c, files.c, process.c */
typedef void step_function(const struct step *step);
step_function step_set_propagation, step_open_source, step_root_overlay, step_root_bind, step_mount_new, step_mount_source,
	step_change_mount, step_remount, step_map_ids, step_detach_path, step_move_root, step_pivot_root, step_readonly_path, step_mask_path, step_readonly_root, step_root_propagation;
step_function step_make_directory, step_make_device, step_make_link, step_open_console, step_sysctl;
step_function step_rlimit, step_oom_score, step_umask, step_session, step_bounding_set, step_set_user, step_set_capabilities,
	step_no_new_privileges, step_change_directory, step_seccomp, step_environment, step_execute;
step_function step_become_init;
/* confine.c */
void change_profile(const char *name);
void change_label(const char *label);
step_function step_set_attribute, step_label_root_of_mount, step_landlock_ruleset, step_landlock_path, step_landlock_port,
	step_landlock_restrict;
step_function step_become_root, step_new_time_namespace;
step_function step_session_keyring, step_scheduler, step_io_priority, step_personality, step_memory_policy, step_cpu_affinity, step_netlink;
step_function step_hook, step_await_hooks, step_find_program, step_await_start;

/* ---- listener.c: a seccomp filter that asks an agent */
extern int agent_fd;
bool agent_connect(const struct step *step);
step_function step_seccomp_listener;
void install_with_listener(unsigned flags, const struct filter_program *filter);

/* ---- log.c: the CRI log format, in numbered files */
enum { STREAM_OUT = 1, STREAM_ERROR = 2 };
void log_open(const char *folder, uint64_t number, uint64_t max_size, uint64_t max_files);
void log_write(int stream, const char *bytes, size_t length);
void log_finish(void);

/* ---- record.c */
struct ending {
	int32_t code, signal;
	bool oom_killed, failed;
	uint64_t finished_at;
	struct failure failure;
};
void oom_watch(const struct plan *plan);
bool oom_happened(void);
void record_open(const char *path);
void record_abandon(void);
bool write_record(const char *path, const struct ending *ending);
uint64_t clock_now(int clock);

/* ---- client.c: the protocol (src/supervise/frames.ts) */
#define PROTOCOL_VERSION 1u
#define CHUNK 16384u
#define CLIENTS 24
#define SPARE_CLIENTS 4
enum frame {
	FRAME_HELLO = 1, FRAME_READY = 2, FRAME_STARTED = 3, FRAME_FAILED = 4, FRAME_EXIT = 5, FRAME_OUTPUT = 6, FRAME_END = 7, FRAME_REPLY = 8,
	FRAME_START = 64, FRAME_ABANDON = 65, FRAME_RESIZE = 66, FRAME_ATTACH = 67, FRAME_INPUT = 68, FRAME_CLOSE_STDIN = 69
};
enum { ATTACH_STDIN = 1, ATTACH_STDOUT = 2, ATTACH_STDERR = 4, ATTACH_END = 8 };
struct frame_header {
	uint32_t length;
	uint16_t type, tag;
};
struct client {
	int fd;
	unsigned attached;
	bool deaf;		/* its socket takes nothing more */
	size_t in_length, consumed;	/* of `in`; bytes of an INPUT frame that stdin took already */
	size_t out_start, out_end;
	uint64_t progress;	/* when it last took something */
	struct buffers *buffers;
};
/* Apart from the clients, so that a monitor without any has none of these pages. */
struct buffers {
	char in[sizeof(struct frame_header) + CHUNK];
	char out[4 * CHUNK];
} __attribute__((aligned(4096)));
extern struct client clients[CLIENTS];
size_t frame_complete(const char *bytes, size_t length, struct frame_header *header);
void client_add(int fd);
void client_drop(struct client *client);
bool client_has_room(const struct client *client);
void client_queue(struct client *client, unsigned type, unsigned tag, const void *bytes, size_t length);
void client_flush(struct client *client);
void broadcast(unsigned attached, unsigned type, unsigned tag, const void *bytes, size_t length);

/* ---- roles */
int monitor_main(void);
int relay_main(int count, char **arguments);
int launch_main(const char *plan_fd);

#endif
