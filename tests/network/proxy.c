/* SPDX-License-Identifier: Apache-2.0 */
/* The fault proxy: one thread, one poll loop, every link a pair of sockets with a small buffer
 * each way. */

#include "proxy.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "records.h"

#define LINKS_MAX       64u
#define BUFFER_SIZE     16384u
#define TICK_MS         50
#define SETTLE_MS       10000u
#define TLS_HEADER_SIZE 5u
#define TLS_APPLICATION 23u
#define CLIENT          0
#define SERVER          1
#define UP              0 /* flows, by who sends */
#define DOWN            1

struct flow {
    uint8_t bytes[BUFFER_SIZE];
    size_t len;
    size_t at; /* sent of them */
    uint64_t total;
    uint64_t ready_at; /* of PROXY_SLOW: not before */
    bool ended;        /* the sender sent FIN ... */
    bool told;         /* ... and the receiver has it */
    struct records records;
};

enum link_state {
    LINK_FREE = 0,
    LINK_OPEN,
    LINK_STALLED,  /* only waits for the client to go */
    LINK_DRAINING, /* has sent FIN: what the client still sends would make it a reset */
};

struct link {
    enum link_state state;
    int fd[2];
    struct flow flow[2];
    struct proxy_fault fault;
};

struct proxy {
    int listener;
    uint16_t port;
    uint16_t upstream;
    pthread_t thread;
    struct link links[LINKS_MAX]; /* the thread's own */

    pthread_mutex_t lock; /* over all below */
    pthread_cond_t idle;
    bool stopping;
    uint32_t active;
    const struct proxy_fault *faults;
    size_t fault_count;
    bool repeat;
    struct proxy_counts counts;
};

static uint64_t now_ms(void)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000u + (uint64_t)now.tv_nsec / 1000000u;
}

/* ---- counting ---- */

static void count(struct proxy *p, struct flow *flow, bool down, size_t len)
{
    (void)pthread_mutex_lock(&p->lock);
    if (down) {
        p->counts.down += len;
        records_count(&flow->records, flow->bytes + flow->at, len, &p->counts);
    } else {
        p->counts.up += len;
    }
    (void)pthread_mutex_unlock(&p->lock);
}

/* ---- links ---- */

static void make_reset(int fd)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    (void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &hard, sizeof(hard));
}

static void close_end(struct link *link, int end)
{
    if (link->fd[end] >= 0)
        (void)close(link->fd[end]);
    link->fd[end] = -1;
}

static void end_link(struct proxy *p, struct link *link)
{
    close_end(link, CLIENT);
    close_end(link, SERVER);
    link->state = LINK_FREE;
    (void)pthread_mutex_lock(&p->lock);
    if (--p->active == 0)
        (void)pthread_cond_broadcast(&p->idle);
    (void)pthread_mutex_unlock(&p->lock);
}

/* The moment has come. */
static void fire(struct proxy *p, struct link *link)
{
    if (link->fault.kind == PROXY_STALL) {
        link->state = LINK_STALLED;
        return;
    }
    make_reset(link->fd[SERVER]);
    close_end(link, SERVER);
    if (link->fault.kind == PROXY_RST) {
        make_reset(link->fd[CLIENT]);
        end_link(p, link);
        return;
    }
    (void)shutdown(link->fd[CLIENT], SHUT_WR);
    link->state = LINK_DRAINING;
}

static bool is_due(const struct link *link, int way)
{
    return link->fault.kind != PROXY_PASS && (link->fault.upward ? UP : DOWN) == way &&
           link->flow[way].total >= link->fault.after;
}

/* How much may go now. */
static size_t allowance(const struct link *link, int way, uint64_t now)
{
    const struct flow *flow = &link->flow[way];
    size_t len = flow->len - flow->at;

    if (link->fault.kind == PROXY_PASS || (link->fault.upward ? UP : DOWN) != way)
        return len;
    if (flow->total < link->fault.after) {
        uint64_t left = link->fault.after - flow->total;
        return left < len ? (size_t)left : len;
    }
    if (now < flow->ready_at)
        return 0;
    return link->fault.piece < len ? link->fault.piece : len;
}

/* Move what can be moved one way. False: the link is over or no longer open. */
static bool pump(struct proxy *p, struct link *link, int way)
{
    struct flow *flow = &link->flow[way];
    int from = link->fd[way == UP ? CLIENT : SERVER];
    int to = link->fd[way == UP ? SERVER : CLIENT];

    if (flow->at == flow->len && !flow->ended) {
        ssize_t n = recv(from, flow->bytes, sizeof(flow->bytes), 0);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        flow->ended = n == 0;
        flow->len = n > 0 ? (size_t)n : 0;
        flow->at = 0;
    }
    size_t want = allowance(link, way, now_ms());
    if (want > 0) {
        ssize_t n = send(to, flow->bytes + flow->at, want, MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return false;
        if (n > 0) {
            count(p, flow, way == DOWN, (size_t)n);
            flow->at += (size_t)n;
            flow->total += (uint64_t)n;
            flow->ready_at = now_ms() + link->fault.every_ms;
        }
    }
    if (flow->ended && flow->at == flow->len && !flow->told) {
        (void)shutdown(to, SHUT_WR);
        flow->told = true;
    }
    return true;
}

static void serve_open(struct proxy *p, struct link *link)
{
    for (int way = UP; way <= DOWN; way++) {
        bool alive = pump(p, link, way);
        if (link->fault.kind != PROXY_SLOW && is_due(link, way)) {
            fire(p, link);
            return;
        }
        if (!alive) {
            /* whoever is left is to see it as it was: as a reset */
            make_reset(link->fd[CLIENT]);
            make_reset(link->fd[SERVER]);
            end_link(p, link);
            return;
        }
    }
    if (link->flow[UP].told && link->flow[DOWN].told)
        end_link(p, link);
}

static void serve_draining(struct proxy *p, struct link *link)
{
    uint8_t waste[BUFFER_SIZE];
    ssize_t n = recv(link->fd[CLIENT], waste, sizeof(waste), 0);

    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
        end_link(p, link);
}

/* ---- sockets ---- */

static bool prepare(int fd)
{
    int one = 1;
    int flags = fcntl(fd, F_GETFL);
    return flags >= 0 && fcntl(fd, F_SETFL, flags | O_NONBLOCK) == 0 &&
           setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one)) == 0;
}

static struct sockaddr_in loopback(uint16_t port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return address;
}

static int connect_upstream(uint16_t port)
{
    const struct sockaddr_in address = loopback(port);
    int fd = socket(AF_INET, SOCK_STREAM, 0);

    if (fd >= 0 &&
        (connect(fd, (const struct sockaddr *)&address, sizeof(address)) != 0 || !prepare(fd))) {
        (void)close(fd);
        fd = -1;
    }
    return fd;
}

static struct link *free_link(struct proxy *p)
{
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (p->links[i].state == LINK_FREE)
            return &p->links[i];
    }
    return NULL;
}

/* Take a client; what awaits it is decided by how many came before. */
static void take_client(struct proxy *p)
{
    struct link *link = free_link(p);
    int fd = accept(p->listener, NULL, NULL);

    if (fd < 0)
        return;
    int server = link != NULL && prepare(fd) ? connect_upstream(p->upstream) : -1;
    if (server < 0) {
        make_reset(fd);
        (void)close(fd);
        return;
    }
    memset(link, 0, sizeof(*link));
    link->state = LINK_OPEN;
    link->fd[CLIENT] = fd;
    link->fd[SERVER] = server;
    (void)pthread_mutex_lock(&p->lock);
    size_t index = p->counts.connections++;
    if (index >= p->fault_count && p->repeat)
        index = p->fault_count - 1u;
    if (index < p->fault_count)
        link->fault = p->faults[index];
    p->active++;
    (void)pthread_mutex_unlock(&p->lock);
    serve_open(p, link);
}

/* ---- the thread ---- */

/* Events to wait for at both ends; how long at most. */
static int watch(const struct link *link, struct pollfd ends[2], uint64_t now)
{
    int timeout = TICK_MS;

    ends[CLIENT] = (struct pollfd){.fd = link->fd[CLIENT]};
    ends[SERVER] = (struct pollfd){.fd = link->fd[SERVER]};
    if (link->state == LINK_STALLED) {
        ends[CLIENT].events = POLLRDHUP;
        ends[SERVER].fd = -1;
    } else if (link->state == LINK_DRAINING) {
        ends[CLIENT].events = POLLIN;
    }
    for (int way = UP; way <= DOWN && link->state == LINK_OPEN; way++) {
        const struct flow *flow = &link->flow[way];
        if (flow->at == flow->len && !flow->ended)
            ends[way == UP ? CLIENT : SERVER].events |= POLLIN;
        else if (flow->at < flow->len && allowance(link, way, now) > 0)
            ends[way == UP ? SERVER : CLIENT].events |= POLLOUT;
        else if (flow->at < flow->len && flow->ready_at - now < (uint64_t)timeout)
            timeout = (int)(flow->ready_at - now);
    }
    return timeout;
}

static bool is_stopping(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    bool stopping = p->stopping;
    (void)pthread_mutex_unlock(&p->lock);
    return stopping;
}

static void serve(struct proxy *p, struct link *link, short client_events)
{
    if (link->state == LINK_OPEN)
        serve_open(p, link);
    else if (link->state == LINK_DRAINING)
        serve_draining(p, link);
    else if (link->state == LINK_STALLED &&
             (client_events & (POLLRDHUP | POLLHUP | POLLERR)) != 0) {
        make_reset(link->fd[SERVER]);
        end_link(p, link);
    }
}

static void *run(void *ctx)
{
    struct proxy *p = ctx;
    struct pollfd ends[1 + 2 * LINKS_MAX];

    while (!is_stopping(p)) {
        uint64_t now = now_ms();
        int timeout = TICK_MS;
        ends[0] = (struct pollfd){.fd = p->listener, .events = POLLIN};
        for (size_t i = 0; i < LINKS_MAX; i++) {
            struct pollfd *pair = &ends[1 + 2 * i];
            pair[CLIENT] = pair[SERVER] = (struct pollfd){.fd = -1};
            if (p->links[i].state == LINK_FREE)
                continue;
            int wait = watch(&p->links[i], pair, now);
            timeout = wait < timeout ? wait : timeout;
        }
        if (poll(ends, 1 + 2 * LINKS_MAX, timeout) < 0 && errno != EINTR)
            break;
        for (size_t i = 0; i < LINKS_MAX; i++)
            serve(p, &p->links[i], ends[1 + 2 * i].revents);
        if ((ends[0].revents & POLLIN) != 0)
            take_client(p);
    }
    for (size_t i = 0; i < LINKS_MAX; i++) {
        if (p->links[i].state != LINK_FREE)
            end_link(p, &p->links[i]);
    }
    return NULL;
}

/* ---- the outside ---- */

static bool start_listening(struct proxy *p)
{
    struct sockaddr_in address = loopback(0);
    socklen_t size = sizeof(address);

    p->listener = socket(AF_INET, SOCK_STREAM, 0);
    if (p->listener < 0 ||
        bind(p->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
        listen(p->listener, 64) != 0 ||
        getsockname(p->listener, (struct sockaddr *)&address, &size) != 0)
        return false;
    p->port = ntohs(address.sin_port);
    return true;
}

struct proxy *proxy_start(uint16_t upstream)
{
    struct proxy *p = calloc(1, sizeof(*p));

    if (p == NULL)
        return NULL;
    p->upstream = upstream;
    (void)pthread_mutex_init(&p->lock, NULL);
    (void)pthread_cond_init(&p->idle, NULL);
    if (!start_listening(p) || pthread_create(&p->thread, NULL, run, p) != 0) {
        if (p->listener >= 0)
            (void)close(p->listener);
        free(p);
        return NULL;
    }
    return p;
}

uint16_t proxy_port(const struct proxy *proxy)
{
    return proxy->port;
}

bool proxy_plan(struct proxy *p, const struct proxy_fault *faults, size_t n, bool repeat)
{
    struct timespec until;
    int problem = 0;

    (void)clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += SETTLE_MS / 1000u;
    (void)pthread_mutex_lock(&p->lock);
    while (p->active > 0 && problem == 0)
        problem = pthread_cond_timedwait(&p->idle, &p->lock, &until);
    p->faults = faults;
    p->fault_count = n;
    p->repeat = repeat && n > 0;
    memset(&p->counts, 0, sizeof(p->counts));
    (void)pthread_mutex_unlock(&p->lock);
    return problem == 0;
}

struct proxy_counts proxy_counts(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    struct proxy_counts counts = p->counts;
    (void)pthread_mutex_unlock(&p->lock);
    return counts;
}

void proxy_stop(struct proxy *p)
{
    (void)pthread_mutex_lock(&p->lock);
    p->stopping = true;
    (void)pthread_mutex_unlock(&p->lock);
    (void)pthread_join(p->thread, NULL);
    (void)close(p->listener);
    (void)pthread_cond_destroy(&p->idle);
    (void)pthread_mutex_destroy(&p->lock);
    free(p);
}
