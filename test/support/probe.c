/* Tries from inside of a container what it should not be able to do. Static, so that it runs in any image. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static const char *outcome(long result)
{
	return result < 0 ? strerrorname_np(errno) : "ok";
}

/* "NAME NUMBER ARGUMENT…": one system call in a process of its own, since it might work. */
static void call(char *text)
{
	char *name = strtok(text, " ");
	long words[7] = {0};
	int status;

	for (int index = 0; index < 7; index++) {
		char *word = strtok(NULL, " ");

		if (!word)
			break;
		words[index] = (long)strtoull(word, NULL, 0);
	}
	fflush(stdout);
	if (fork() == 0) {
		pid_t self = getpid();
		long result = syscall(words[0], words[1], words[2], words[3], words[4], words[5], words[6]);

		if (syscall(SYS_getpid) == self && getppid() != self)
			printf("%s %s\n", name, outcome(result));
		fflush(stdout);
		_exit(0);
	}
	while (wait(&status) > 0)
		if (WIFSIGNALED(status))
			printf("%s signal %d\n", name, WTERMSIG(status));
}

/* keyctl(KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING, 0) by the door of 32-bit programs: a filter must know its numbers too. */
static void call_by_i386(void)
{
#ifdef __x86_64__
	long result;

	__asm__ volatile("int $0x80" : "=a"(result) : "a"(288L), "b"(0L), "c"(-3L), "d"(0L) : "memory", "r8", "r9", "r10", "r11");
	printf("keyctl-i386 %s\n", (int)result < 0 ? strerrorname_np(-(int)result) : "ok");
#endif
}

/* Every process that shows up but this one: may its program be opened for writing (CVE-2019-5736)? */
static void hunt(int seconds)
{
	time_t end = time(NULL) + seconds;
	char path[64], target[256];

	printf("hunting\n");
	fflush(stdout);
	while (time(NULL) < end && access("/stop", F_OK) < 0) {
		DIR *folder = opendir("/proc");
		struct dirent *entry;

		while ((entry = readdir(folder))) {
			ssize_t length;
			int fd;

			if (atoi(entry->d_name) < 2 || atoi(entry->d_name) == getpid())
				continue;
			snprintf(path, sizeof path, "/proc/%d/exe", atoi(entry->d_name));
			length = readlink(path, target, sizeof target - 1);
			target[length > 0 ? length : 0] = 0;
			fd = open(path, O_WRONLY);
			if (fd < 0 && errno == ETXTBSY) {
				int readable = open(path, O_RDONLY);

				snprintf(path, sizeof path, "/proc/self/fd/%d", readable);
				for (int attempt = 0; fd < 0 && attempt < 2000; attempt++)
					fd = open(path, O_WRONLY);
				close(readable);
			}
			if (fd >= 0)
				printf("writable %s\n", target), close(fd);
			else if (strstr(target, "memfd:") || strstr(target, "helper"))
				printf("seen %s %s\n", target, strerrorname_np(errno));
		}
		closedir(folder);
	}
	printf("hunted\n");
}

int main(int count, char **arguments)
{
	if (count > 2 && strcmp(arguments[1], "call") == 0) {
		for (int index = 2; index < count; index++)
			call(arguments[index]);
	} else if (count == 2 && strcmp(arguments[1], "call-i386") == 0) {
		call_by_i386();
	} else if (count == 2 && strcmp(arguments[1], "fds") == 0) {
		for (int fd = 0; fd < 1024; fd++)
			if (fcntl(fd, F_GETFD) >= 0)
				printf("%d ", fd);
		printf("\n");
	} else if (count == 3 && strcmp(arguments[1], "hunt") == 0) {
		hunt(atoi(arguments[2]));
	} else if (count == 3 && strcmp(arguments[1], "take") == 0) {
		/* Takes so many MiB of memory and touches them. */
		size_t size = strtoull(arguments[2], NULL, 0) << 20;
		char *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

		if (memory == MAP_FAILED)
			return 1;
		for (size_t at = 0; at < size; at += 4096)
			memory[at] = 1;
		printf("took %s\n", arguments[2]);
		fflush(stdout);
		pause();
	} else if (count == 3 && strcmp(arguments[1], "fork") == 0) {
		/* Forks so many children that wait; says how many came to be, and why no more. */
		int wanted = atoi(arguments[2]), made = 0;

		for (; made < wanted; made++) {
			pid_t child = fork();

			if (child == 0)
				pause(), _exit(0);
			if (child < 0)
				break;
		}
		printf("%d %s\n", made, made < wanted ? strerrorname_np(errno) : "ok");
	} else {
		return 2;
	}
	return 0;
}
