/* libFuzzer target (includes the files of the steps that assemble a root): whatever a plan says and whatever the kernel answers, no step
 * leaves its buffers or goes on for ever. No call reaches the kernel: answers are bytes of the input that follow the plan. */
#include <limits.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <termios.h>

#include "../gantry.h"

static struct {
	const uint8_t *at, *end;
	jmp_buf failed;
	unsigned calls;
} answers;

int monitor_fd = 3, preserved_fds = 2;

_Noreturn void fail(const char *format, ...)
{
	char text[248];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof text, format, arguments);
	va_end(arguments);
	longjmp(answers.failed, 1);
}

static unsigned next_answer(void)
{
	/* A step that asks this often does not end. */
	if (++answers.calls > 1000000)
		abort();
	return answers.at < answers.end ? *answers.at++ : 0;
}

static long answer(long good)
{
	static const int errors[] = {ENOENT, EINVAL, EPERM, EAGAIN, EEXIST, EACCES, ELOOP, ENOSYS};
	unsigned byte = next_answer();

	if (byte < 192)
		return good;
	errno = errors[byte % COUNT(errors)];
	return -1;
}

static long answer_bytes(void *to, size_t size)
{
	size_t length = next_answer();

	/* sometimes all that there is room for */
	length = length == 255 ? size : length < size ? length : size;
	for (size_t index = 0; index < length; index++)
		((uint8_t *)to)[index] = (uint8_t)(next_answer() | 1);
	return (long)answer((long)length);
}

static long fuzz_syscall(long call, ...)
{
	/* no child, and no descriptor of the fuzzer's own */
	return answer(call == NR_CLOSE_RANGE || call == NR_MOUNT_SETATTR || call == NR_MOVE_MOUNT || call == NR_FSCONFIG ? 0 : 100000 + (long)next_answer());
}

static int fuzz_stat(struct stat *about)
{
	static const mode_t modes[] = {S_IFDIR, S_IFREG, S_IFCHR, S_IFLNK};

	memset(about, 0, sizeof *about);
	about->st_mode = modes[next_answer() % COUNT(modes)] | 0755;
	about->st_rdev = makedev(1, next_answer() & 3);
	return (int)answer(0);
}

static int fuzz_statfs(struct statfs *about)
{
	memset(about, 0, sizeof *about);
	about->f_type = next_answer() & 1 ? MAGIC_PROC : MAGIC_DEVPTS;
	return (int)answer(0);
}

bool copy_contents(int from, int to)
{
	return answer(from + to) > 0;
}

void send_note(const struct note *note, int fd)
{
	answer(note->kind + (uint32_t)fd);
}

#define syscall(...) fuzz_syscall(__VA_ARGS__)
#define mount(...) ((int)answer(0))
#define umount2(...) ((int)answer(0))
#define chroot(path) ((void)(path), (int)answer(0))
#define chdir(path) ((void)(path), (int)answer(0))
#define fchdir(fd) ((void)(fd), (int)answer(0))
#define mknodat(folder, name, mode, device) ((void)(mode), (void)(device), strlen(name) > NAME_MAX ? abort() : (void)0, (int)answer(0))
#define symlinkat(...) ((int)answer(0))
#define unlinkat(...) ((int)answer(0))
#define mkdirat(...) ((int)answer(0))
#define fchownat(...) ((int)answer(0))
#define openat(...) ((int)answer(100000))
#define open(...) ((int)answer(100000))
#define ioctl(...) ((int)answer(100000))
#define write(fd, text, length) ((long)answer((long)(length)))
#define read(fd, to, size) answer_bytes(to, size)
#define readlinkat(folder, name, to, size) answer_bytes(to, size)
#define fstat(fd, about) ((void)(fd), fuzz_stat(about))
#define fstatat(folder, name, about, flags) fuzz_stat(about)
#define fstatfs(fd, about) ((void)(fd), fuzz_statfs(about))
#define close(fd) ((void)(fd))
#define pipe2(ends, flags) ((ends)[0] = (ends)[1] = 100000, (int)answer(0))
#define waitpid(...) ((int)answer(1))
#define fcntl(...) ((int)answer(100000 + (long)next_answer()))
#define _exit(status) abort()

#include "../files.c"
#include "../hide.c"
#include "../mount.c"
#include "../root.c"
#include "../rootfs.c"
#include "../source.c"

static step_function *const tried[STEP_LAST + 1] = {
	[STEP_SET_PROPAGATION] = step_set_propagation, [STEP_OPEN_SOURCE] = step_open_source, [STEP_ROOT_OVERLAY] = step_root_overlay,
	[STEP_ROOT_BIND] = step_root_bind, [STEP_MOUNT_NEW] = step_mount_new, [STEP_MOUNT_SOURCE] = step_mount_source,
	[STEP_MAKE_DIRECTORY] = step_make_directory, [STEP_MAKE_DEVICE] = step_make_device, [STEP_MAKE_LINK] = step_make_link,
	[STEP_OPEN_CONSOLE] = step_open_console, [STEP_PIVOT_ROOT] = step_pivot_root, [STEP_SYSCTL] = step_sysctl,
	[STEP_READONLY_PATH] = step_readonly_path, [STEP_MASK_PATH] = step_mask_path, [STEP_READONLY_ROOT] = step_readonly_root,
	[STEP_ROOT_PROPAGATION] = step_root_propagation, [STEP_CHANGE_MOUNT] = step_change_mount, [STEP_REMOUNT] = step_remount,
	[STEP_MAP_IDS] = step_map_ids, [STEP_DETACH_PATH] = step_detach_path, [STEP_MOVE_ROOT] = step_move_root,
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct plan plan;
	uint64_t *bytes;
	uint32_t length;

	/* the plan says how long it is; the answers come after it */
	if (size < 16)
		return 0;
	memcpy(&length, data + 8, sizeof length);
	if (length > size)
		return 0;
	bytes = malloc(length ? length : 1);
	memcpy(bytes, data, length);
	answers.at = data + length;
	answers.end = data + size;
	answers.calls = 0;
	memset(slots, 0, sizeof slots);
	memset(early, 0, sizeof early);
	memset(mapped, 0, sizeof mapped);
	has_early = false;
	proc_fd = root_fd = -1;
	if (plan_open(&plan, bytes, length)) {
		if (next_answer() & 1)
			open_sources_early(&plan);
		for (const struct step *step = plan_next(&plan, NULL); step; step = plan_next(&plan, step))
			if (tried[step->op] && setjmp(answers.failed) == 0)
				tried[step->op](step);
		close_all_but_sources(6);
		forget_sources();
	}
	free(bytes);
	return 0;
}
