/*
 * The machine's own limit: the same events as the gateway's, written to sockets by a program that does nothing else.
 *
 * usage: writer PORT CONNECTIONS LINES LINES_PER_WRITE LINES_PER_SECOND
 *
 * Accepts CONNECTIONS streams on 127.0.0.1:PORT, answers each request with a header, and waits for a line on stdin. Then
 * it writes LINES events to every stream, LINES_PER_WRITE in each write; LINES_PER_SECOND 0 means as fast as the sockets
 * take them. It receives nothing, stores nothing, filters nothing and gives every stream the same bytes.
 */
#define _GNU_SOURCE
#include "clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENT_BYTES = 512 };

struct chunk {
    char *data;
    size_t size;
};

struct reader {
    int fd;
    long chunk;    /* the chunk that it is being given */
    size_t offset; /* bytes of it that were taken */
    int waits;     /* for room in its socket */
};

static void fail(const char *what)
{
    fprintf(stderr, "writer: %s: %s\n", what, strerror(errno));
    exit(2);
}

static struct chunk make_chunk(long first, long count)
{
    struct chunk chunk = {malloc((size_t)count * EVENT_BYTES), 0};
    if (!chunk.data) fail("memory");
    for (long line = first; line < first + count; line++)
        chunk.size += (size_t)sprintf(
            chunk.data + chunk.size,
            "id: 00c0ffee-%ld\ndata: {\"taskId\":\"bench-0\",\"workerId\":\"bench-worker\",\"sequence\":%ld,"
            "\"timestamp\":\"2026-01-01T00:00:00.000000000Z\",\"level\":\"INFO\",\"source\":\"stdout\",\"message\":\"[%7ld] CC build/objects/"
            "module_%03ld.o -O2 -g -Wall -Wextra -fPIC -Iinclude -DNDEBUG #%ld@%llu\"}\n\n",
            line, line, line, line % 977, line, (unsigned long long)clock_ns());
    return chunk;
}

static void give(struct reader *reader, struct chunk *chunks, long made, int poll, int number, int *waiting)
{
    while (!reader->waits && reader->chunk < made) {
        struct chunk *chunk = &chunks[reader->chunk];
        ssize_t size = send(reader->fd, chunk->data + reader->offset, chunk->size - reader->offset, MSG_NOSIGNAL);
        if (size < 0) {
            if (errno != EAGAIN) fail("send");
            struct epoll_event event = {.events = EPOLLOUT | EPOLLONESHOT, .data.u32 = (uint32_t)number};
            if (epoll_ctl(poll, EPOLL_CTL_MOD, reader->fd, &event) && epoll_ctl(poll, EPOLL_CTL_ADD, reader->fd, &event))
                fail("epoll");
            reader->waits = 1;
            ++*waiting;
            return;
        }
        reader->offset += (size_t)size;
        if (reader->offset == chunk->size) {
            reader->offset = 0;
            reader->chunk++;
        }
    }
}

int main(int argc, char **argv)
{
    if (argc != 6) {
        fprintf(stderr, "usage: writer PORT CONNECTIONS LINES LINES_PER_WRITE LINES_PER_SECOND\n");
        return 2;
    }
    int port = atoi(argv[1]), connections = atoi(argv[2]), one = 1, waiting = 0;
    long lines = atol(argv[3]), step = atol(argv[4]), rate = atol(argv[5]);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 2048)) fail("listen");
    struct reader *readers = calloc((size_t)connections, sizeof *readers);
    for (int i = 0; i < connections; i++) {
        static const char header[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n";
        char request[4096];
        readers[i].fd = accept(listener, NULL, NULL);
        setsockopt(readers[i].fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
        if (read(readers[i].fd, request, sizeof request) <= 0) { /* somebody looked whether we listen */
            close(readers[i--].fd);
            continue;
        }
        if (write(readers[i].fd, header, sizeof header - 1) < 0) fail("header");
        fcntl(readers[i].fd, F_SETFL, O_NONBLOCK);
    }
    char word[64];
    if (!fgets(word, sizeof word, stdin)) return 2;
    long chunk_count = (lines + step - 1) / step, made = 0;
    struct chunk *chunks = calloc((size_t)chunk_count, sizeof *chunks);
    int poll = epoll_create1(0);
    uint64_t started = clock_ns();
    while (made < chunk_count || waiting) {
        if (made < chunk_count) {
            if (rate) { /* the last line of the chunk is due now */
                uint64_t due = started + (uint64_t)((double)(made + 1) * (double)step / (double)rate * 1e9);
                struct timespec until = {(time_t)(due / 1000000000u), (long)(due % 1000000000u)};
                clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL);
            }
            long first = made * step + 1;
            chunks[made] = make_chunk(first, lines - first + 1 < step ? lines - first + 1 : step);
            made++;
        }
        for (int i = 0; i < connections; i++) give(&readers[i], chunks, made, poll, i, &waiting);
        if (!waiting) continue;
        struct epoll_event events[256];
        int wait_ms = waiting == connections || made == chunk_count ? -1 : 0;
        int count = epoll_wait(poll, events, 256, wait_ms);
        for (int k = 0; k < count; k++) {
            readers[events[k].data.u32].waits = 0;
            waiting--;
            give(&readers[events[k].data.u32], chunks, made, poll, (int)events[k].data.u32, &waiting);
        }
    }
    if (fgets(word, sizeof word, stdin)) return 0; /* stay until we are told to go, so that our CPU time can be read */
    return 0;
}
