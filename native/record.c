/* What stays when the monitor is gone: the exit record. And whether the kernel killed for memory. */
#include <stdlib.h>
#include <time.h>

#include "gantry.h"

enum { RECORD = 1024 };

static char counter_path[4096 + 32], temporary[4096];
static int record_fd = -1;
static uint64_t kills_before;

uint64_t clock_now(int clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * NANOSECONDS + (uint64_t)now.tv_nsec;
}

/* The line "oom_kill <count>": memory.oom_control of cgroup v1, memory.events of v2. */
static uint64_t count_kills(void)
{
	char text[1024];
	int fd = open(counter_path, O_RDONLY | O_CLOEXEC);
	ssize_t length = fd < 0 ? 0 : read(fd, text, sizeof text - 1);
	char *line;

	if (fd >= 0)
		close(fd);
	text[length > 0 ? length : 0] = 0;
	line = strstr(text, "oom_kill ");
	return line ? strtoull(line + 9, NULL, 10) : 0;
}

/* Finds the cgroup that counts: whichever of the plan's has such a file. */
void oom_watch(const struct plan *plan)
{
	if (plan_find(plan, STEP_JOIN_PROCESS))
		return;
	for (const struct step *step = plan_next(plan, NULL); step; step = plan_next(plan, step)) {
		if (step->op != STEP_ENTER_CGROUP)
			continue;
		snprintf(counter_path, sizeof counter_path, "%s/%s", string(step, ENTER_CGROUP_PATH),
			 number(step, ENTER_CGROUP_VERSION) == 2 ? "memory.events" : "memory.oom_control");
		if (access(counter_path, R_OK) == 0)
			break;
		counter_path[0] = 0;
	}
	kills_before = count_kills();
}

bool oom_happened(void)
{
	return counter_path[0] && count_kills() > kills_before;
}

/* The record is written into a file that is there from the beginning and has the room: a disk that is full at the end must not
 * cost the exit code. */
void record_open(const char *path)
{
	static const char room[RECORD];

	if ((size_t)snprintf(temporary, sizeof temporary, "%s.tmp", path) >= sizeof temporary)
		return;
	record_fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (record_fd >= 0 && write(record_fd, room, sizeof room) < 0)
		return;	/* full already: perhaps no longer at the end */
}

void record_abandon(void)
{
	if (record_fd < 0)
		return;
	close(record_fd);
	record_fd = -1;
	unlink(temporary);
}

/* Appears as a whole or not at all; safe against a killed process, not against a power cut. */
bool write_record(const char *path, const struct ending *ending)
{
	char text[RECORD], quoted[2 * sizeof ending->failure.text + 1];
	size_t at = 0;
	int length;

	for (const char *from = ending->failure.text; ending->failed && *from; from++) {
		if (*from == '"' || *from == '\\')
			quoted[at++] = '\\';
		quoted[at++] = (unsigned char)*from < ' ' ? ' ' : *from;
	}
	quoted[at] = 0;
	length = snprintf(text, sizeof text, "{\"version\":1,\"exitCode\":%d,\"signal\":%d,\"oomKilled\":%s,\"finishedAtNs\":\"%llu\"", ending->code,
			  ending->signal, ending->oom_killed ? "true" : "false", (unsigned long long)ending->finished_at);
	if (ending->failed)
		length += snprintf(text + length, sizeof text - (size_t)length, ",\"failure\":{\"step\":%u,\"errno\":%d,\"text\":\"%s\"}",
				   ending->failure.step, ending->failure.error, quoted);
	length += snprintf(text + length, sizeof text - (size_t)length, "}\n");
	if (record_fd < 0)
		record_open(path);
	if (record_fd >= 0 && pwrite(record_fd, text, (size_t)length, 0) == length && ftruncate(record_fd, length) == 0 &&
	    rename(temporary, path) == 0) {
		close(record_fd);
		record_fd = -1;
		return true;
	}
	record_abandon();
	return false;
}
