/* The log: CRI format (time, stream, P or F, line), in numbered files that are never renamed. A full disk costs lines, never the container. */
#include <time.h>

#include "gantry.h"

enum { LINE = 16384, HEAD = 128 };

static struct {
	int folder, fd;
	uint64_t number, size, max_size, max_files;
	size_t pending;
	char buffer[2 * (LINE + HEAD)];
} file = {.folder = -1, .fd = -1};

static struct line {
	size_t length;
	char bytes[LINE];
} lines[2];

/* A monitor that was killed in the middle of a write has left part of a record: what follows must not be taken for the rest of it. */
static void open_file(void)
{
	char name[32], last = '\n';
	off_t end;

	snprintf(name, sizeof name, "%llu.log", (unsigned long long)file.number);
	file.fd = openat(file.folder, name, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
	end = file.fd < 0 ? 0 : lseek(file.fd, 0, SEEK_END);
	file.size = end > 0 ? (uint64_t)end : 0;
	if (end > 0 && pread(file.fd, &last, 1, end - 1) == 1 && last != '\n' && write(file.fd, "\n", 1) == 1)
		file.size++;
}

void log_open(const char *folder, uint64_t first, uint64_t max_size, uint64_t max_files)
{
	if (!folder[0])
		return;
	file.folder = open(folder, O_PATH | O_DIRECTORY | O_CLOEXEC);
	file.number = first;
	file.max_size = max_size;
	file.max_files = max_files;
	if (file.folder >= 0)
		open_file();
}

/* All or nothing, so that no reader meets half a record: what did not fit is cut off again. */
static void flush(void)
{
	size_t done = 0;

	if (file.fd < 0 && file.pending)
		open_file();
	while (file.fd >= 0 && done < file.pending) {
		ssize_t length = write(file.fd, file.buffer + done, file.pending - done);

		if (length < 0 && errno == EINTR)
			continue;
		if (length <= 0) {
			if (ftruncate(file.fd, (off_t)file.size) < 0)
				file.size += done;
			break;
		}
		done += (size_t)length;
	}
	if (done == file.pending)
		file.size += done;
	file.pending = 0;
}

static void rotate(void)
{
	char name[32];

	flush();
	if (file.fd >= 0)
		close(file.fd);
	file.number++;
	open_file();
	if (file.max_files && file.number > file.max_files) {
		snprintf(name, sizeof name, "%llu.log", (unsigned long long)(file.number - file.max_files));
		unlinkat(file.folder, name, 0);
	}
}

/* RFC 3339 in UTC with nanoseconds. The calendar is computed once for each second (days to civil date: the usual
 * shift of the year's start to March makes leap days the last of their year). */
static int format_time(char *text)
{
	static time_t second = -1;
	static char day[HEAD];
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		unsigned long days = (unsigned long)now.tv_sec / 86400 + 719468, rest = (unsigned long)now.tv_sec % 86400;
		unsigned long era = days / 146097, day_of_era = days % 146097;
		unsigned long year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36524 - day_of_era / 146096) / 365;
		unsigned long day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
		unsigned long shifted = (5 * day_of_year + 2) / 153, month = shifted < 10 ? shifted + 3 : shifted - 9;

		second = now.tv_sec;
		snprintf(day, sizeof day, "%04lu-%02lu-%02luT%02lu:%02lu:%02lu", (year_of_era + era * 400 + (month <= 2)) % 10000, month,
			 day_of_year - (153 * shifted + 2) / 5 + 1, rest / 3600, rest / 60 % 60, rest % 60);
	}
	return snprintf(text, HEAD, "%.32s.%09ldZ", day, now.tv_nsec);
}

/* The start of a record up to its tag. One moment is good for all lines of one read: formatting each costs more than the write. */
static struct head {
	size_t length;
	char text[HEAD];
} head;

static void stamp(int stream)
{
	head.length = (size_t)format_time(head.text);
	head.length += (size_t)snprintf(head.text + head.length, sizeof head.text - head.length, " %s F ", stream == STREAM_OUT ? "stdout" : "stderr");
}

static void record(char tag, const char *bytes, size_t length)
{
	size_t whole = head.length + length + 1;
	char *at;

	if (file.max_size && file.size + file.pending && file.size + file.pending + whole > file.max_size)
		rotate();
	if (file.pending + whole > sizeof file.buffer)
		flush();
	at = file.buffer + file.pending;
	memcpy(at, head.text, head.length);
	at[head.length - 2] = tag;
	memcpy(at + head.length, bytes, length);
	at[whole - 1] = '\n';
	file.pending += whole;
}

void log_write(int stream, const char *bytes, size_t length)
{
	struct line *line = &lines[stream == STREAM_ERROR];

	if (file.folder < 0)
		return;
	stamp(stream);
	while (length) {
		const char *newline = memchr(bytes, '\n', length);
		size_t part = newline ? (size_t)(newline - bytes) : length;

		if (part > LINE - line->length)
			part = LINE - line->length, newline = NULL;
		memcpy(line->bytes + line->length, bytes, part);
		line->length += part;
		bytes += part;
		length -= part;
		if (newline) {
			bytes++;
			length--;
			record('F', line->bytes, line->length);
			line->length = 0;
		} else if (line->length == LINE) {
			record('P', line->bytes, line->length);
			line->length = 0;
		}
	}
	flush();
}

/* What ended without a newline is a part of a line. */
void log_finish(void)
{
	for (int index = 0; index < 2; index++) {
		if (file.folder >= 0 && lines[index].length) {
			stamp(index ? STREAM_ERROR : STREAM_OUT);
			record('P', lines[index].bytes, lines[index].length);
		}
		lines[index].length = 0;
	}
	if (file.folder >= 0)
		flush();
}
