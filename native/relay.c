/* A relay holds a container's published ports and forwards what reaches them; it outlives the daemon.
 *
 *     gantry-helper relay --id ID (tcp|udp) LISTEN-ADDRESS PORT TARGET-ADDRESS PORT …
 *
 * It says "listening" or "failed ERRNO WHY" on stdout, then serves until it is killed. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>

#include "gantry.h"

enum { PORTS = 64, PAIRS = 512, BUFFER = 16384 };
/* A UDP "connection" is over when nothing came for this long (as conntrack's for streams). */
#define UDP_IDLE (120 * NANOSECONDS)

union address {
	struct sockaddr any;
	struct sockaddr_in v4;
	struct sockaddr_in6 v6;
};

static struct port {
	int fd;
	bool is_udp;
	union address target;
} ports[PORTS];
static unsigned port_count;

/* One direction of a TCP pair: what was read from `from` and not yet written to the other. */
struct flow {
	bool ended, passed_end;
	size_t start, end;
	char bytes[BUFFER];
};

static struct pair {
	bool in_use, is_udp, is_connecting;
	int fds[2];		/* TCP: client, target. UDP: -1, target */
	const struct port *port;
	union address client;
	uint64_t last_used;
	struct flow flows[2];	/* [0] from client to target, [1] back */
} pairs[PAIRS];

static socklen_t address_size(const union address *address)
{
	return address->any.sa_family == AF_INET6 ? sizeof address->v6 : sizeof address->v4;
}

static bool parse_address(const char *text, const char *port, union address *address)
{
	char *end;
	unsigned long value = strtoul(port, &end, 10);

	memset(address, 0, sizeof *address);
	if (*end || value == 0 || value > 65535)
		return false;
	if (inet_pton(AF_INET, text, &address->v4.sin_addr) == 1) {
		address->v4.sin_family = AF_INET;
		address->v4.sin_port = htons((uint16_t)value);
		return true;
	}
	address->v6.sin6_family = AF_INET6;
	address->v6.sin6_port = htons((uint16_t)value);
	return inet_pton(AF_INET6, text, &address->v6.sin6_addr) == 1;
}

static int open_port(bool is_udp, const union address *address)
{
	int fd = socket(address->any.sa_family, (is_udp ? SOCK_DGRAM : SOCK_STREAM) | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), on = 1;

	if (fd < 0)
		return -1;
	if (!is_udp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (address->any.sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, &address->any, address_size(address)) == 0 && (is_udp || listen(fd, 512) == 0))
		return fd;
	on = errno;
	close(fd);
	errno = on;
	return -1;
}

static struct pair *new_pair(void)
{
	for (unsigned index = 0; index < PAIRS; index++)
		if (!pairs[index].in_use) {
			for (int way = 0; way < 2; way++) {
				struct flow *flow = &pairs[index].flows[way];

				flow->ended = flow->passed_end = false;
				flow->start = flow->end = 0;
			}
			pairs[index].last_used = clock_now(CLOCK_MONOTONIC);
			return &pairs[index];
		}
	return NULL;
}

static void end_pair(struct pair *pair)
{
	for (int side = 0; side < 2; side++)
		if (pair->fds[side] >= 0)
			close(pair->fds[side]);
	pair->in_use = false;
}

static int connect_target(const struct port *port, int kind)
{
	int fd = socket(port->target.any.sa_family, kind | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd >= 0 && connect(fd, &port->target.any, address_size(&port->target)) < 0 && errno != EINPROGRESS) {
		close(fd);
		return -1;
	}
	return fd;
}

static void accept_pair(const struct port *port)
{
	int client = accept4(port->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC), target;
	struct pair *pair;

	if (client < 0)
		return;
	pair = new_pair();
	target = pair ? connect_target(port, SOCK_STREAM) : -1;
	if (target < 0) {
		close(client);
		return;
	}
	pair->in_use = pair->is_connecting = true;
	pair->is_udp = false;
	pair->fds[0] = client;
	pair->fds[1] = target;
	pair->port = port;
}

/* Moves bytes one way; a half-closed side is half-closed on the other when its last byte is through. False on an error. */
static bool move_flow(struct flow *flow, int from, int to)
{
	ssize_t length;

	if (!flow->ended && flow->start == flow->end) {
		length = recv(from, flow->bytes, BUFFER, 0);
		if (length < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		if (length == 0)
			flow->ended = true;
		flow->start = 0;
		flow->end = length > 0 ? (size_t)length : 0;
	}
	if (flow->start < flow->end) {
		length = send(to, flow->bytes + flow->start, flow->end - flow->start, MSG_NOSIGNAL);
		if (length < 0 && errno != EAGAIN && errno != EINTR)
			return false;
		flow->start += length > 0 ? (size_t)length : 0;
	}
	if (flow->ended && flow->start == flow->end && !flow->passed_end) {
		flow->passed_end = true;
		shutdown(to, SHUT_WR);
	}
	return true;
}

static void serve_tcp(struct pair *pair, short client, short target)
{
	if (pair->is_connecting) {
		int error = 0;
		socklen_t size = sizeof error;

		if (target == 0 && !(client & (POLLERR | POLLHUP)))
			return;
		getsockopt(pair->fds[1], SOL_SOCKET, SO_ERROR, &error, &size);
		if (error || target == 0) {
			end_pair(pair);
			return;
		}
		pair->is_connecting = false;
	}
	if (!move_flow(&pair->flows[0], pair->fds[0], pair->fds[1]) || !move_flow(&pair->flows[1], pair->fds[1], pair->fds[0]) ||
	    (pair->flows[0].passed_end && pair->flows[1].passed_end))
		end_pair(pair);
}

static struct pair *find_client(const struct port *port, const union address *client)
{
	for (unsigned index = 0; index < PAIRS; index++)
		if (pairs[index].in_use && pairs[index].is_udp && pairs[index].port == port && memcmp(&pairs[index].client, client, address_size(client)) == 0)
			return &pairs[index];
	return NULL;
}

static char datagram[65536];

static void receive_datagram(const struct port *port)
{
	union address client = {0};
	socklen_t size = sizeof client;
	ssize_t length = recvfrom(port->fd, datagram, sizeof datagram, 0, &client.any, &size);
	struct pair *pair;

	if (length < 0)
		return;
	pair = find_client(port, &client);
	if (!pair && (pair = new_pair()) != NULL) {
		int target = connect_target(port, SOCK_DGRAM);

		if (target < 0)
			return;
		pair->in_use = pair->is_udp = true;
		pair->is_connecting = false;
		pair->fds[0] = -1;
		pair->fds[1] = target;
		pair->port = port;
		pair->client = client;
	}
	if (pair && send(pair->fds[1], datagram, (size_t)length, MSG_NOSIGNAL) >= 0)
		pair->last_used = clock_now(CLOCK_MONOTONIC);
}

static void answer_datagram(struct pair *pair)
{
	ssize_t length = recv(pair->fds[1], datagram, sizeof datagram, 0);

	if (length >= 0)
		sendto(pair->port->fd, datagram, (size_t)length, MSG_NOSIGNAL, &pair->client.any, address_size(&pair->client));
	pair->last_used = clock_now(CLOCK_MONOTONIC);
}

/* Interest of one side: it may read while the flow from it is empty, and write while the flow to it is not. */
static struct pollfd side_poll(const struct pair *pair, int side)
{
	const struct flow *from = &pair->flows[side], *to = &pair->flows[!side];
	short events = 0;

	if (pair->is_udp)
		return (struct pollfd){side ? pair->fds[1] : -1, POLLIN, 0};
	if (pair->is_connecting)
		return (struct pollfd){side ? pair->fds[1] : -1, POLLOUT, 0};
	if (!from->ended && from->start == from->end)
		events |= POLLIN;
	if (to->start < to->end)
		events |= POLLOUT;
	return (struct pollfd){events ? pair->fds[side] : -1, events, 0};
}

_Noreturn static void serve_ports(void)
{
	static struct pollfd polls[PORTS + 2 * PAIRS];

	for (;;) {
		bool has_udp = false, is_full = true;
		uint64_t now;

		for (unsigned index = 0; index < PAIRS; index++) {
			struct pair *pair = &pairs[index];

			is_full &= pair->in_use;
			has_udp |= pair->in_use && pair->is_udp;
			for (int side = 0; side < 2; side++)
				polls[PORTS + 2 * index + (unsigned)side] = pair->in_use ? side_poll(pair, side) : (struct pollfd){-1, 0, 0};
		}
		for (unsigned index = 0; index < PORTS; index++)
			polls[index] = (struct pollfd){index < port_count && (ports[index].is_udp || !is_full) ? ports[index].fd : -1, POLLIN, 0};
		if (poll(polls, COUNT(polls), has_udp ? 10000 : -1) < 0)
			continue;
		now = clock_now(CLOCK_MONOTONIC);
		for (unsigned index = 0; index < PAIRS; index++) {
			struct pair *pair = &pairs[index];
			short client = polls[PORTS + 2 * index].revents, target = polls[PORTS + 2 * index + 1].revents;

			if (!pair->in_use)
				continue;
			if (pair->is_udp && target)
				answer_datagram(pair);
			else if (pair->is_udp && now - pair->last_used > UDP_IDLE)
				end_pair(pair);
			else if (!pair->is_udp && (client || target))
				serve_tcp(pair, client, target);
		}
		for (unsigned index = 0; index < port_count; index++)
			if (polls[index].revents && ports[index].is_udp)
				receive_datagram(&ports[index]);
			else if (polls[index].revents)
				accept_pair(&ports[index]);
	}
}

static int refuse(int error, const char *what, const char *address, const char *port)
{
	dprintf(STDOUT_FILENO, "failed %d cannot %s %s port %s: %s\n", error, what, address, port, strerror(error));
	return 1;
}

int relay_main(int count, char **arguments)
{
	int null;

	setsid();
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	prctl(PR_SET_PDEATHSIG, 0);
	prctl(PR_SET_NAME, "gantry-relay");
	syscall(NR_CLOSE_RANGE, 3, ~0u, 0);
	if (count >= 2 && strcmp(arguments[0], "--id") == 0) {
		count -= 2;	/* only seen in the process list: whose relay this is */
		arguments += 2;
	}
	if (count == 0 || count % 5)
		return refuse(EINVAL, "understand", "the arguments of the relay,", "?");
	for (; count; count -= 5, arguments += 5) {
		struct port *port = &ports[port_count];
		union address address;

		port->is_udp = strcmp(arguments[0], "udp") == 0;
		if (port_count == PORTS || (!port->is_udp && strcmp(arguments[0], "tcp") != 0) || !parse_address(arguments[1], arguments[2], &address) ||
		    !parse_address(arguments[3], arguments[4], &port->target))
			return refuse(EINVAL, "listen on", arguments[1], arguments[2]);
		port->fd = open_port(port->is_udp, &address);
		if (port->fd < 0)
			return refuse(errno, "listen on", arguments[1], arguments[2]);
		port_count++;
	}
	dprintf(STDOUT_FILENO, "listening\n");
	null = open("/dev/null", O_RDWR | O_CLOEXEC);
	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	serve_ports();
}
