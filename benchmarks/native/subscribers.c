/*
 * Many subscribers in one thread, for the gateway and for what it is compared with.
 *
 * usage: subscribers PROTOCOL PORT PATH CONNECTIONS TASKS LINES SAMPLE SECONDS_MAX [HEADER]
 *
 * PROTOCOL is sse, socketio (one event a line), socketio-batch, redis or nats. Opens CONNECTIONS streams to
 * 127.0.0.1:PORT for the tasks bench-0 to bench-(TASKS-1), dealt out in turn; PATH (sse only) holds one %d for the
 * number of the task, HEADER (sse only) is one more line of the request. Prints "READY" once every stream is subscribed.
 *
 * The text of every line ends with "#SEQUENCE@NS": its number in its task, from 1, and the producer's CLOCK_MONOTONIC.
 * That is looked for in the bytes, whatever frames are around it. A number that is not the one behind the last is
 * counted as out of order; every SAMPLE-th line's age is kept. Ends when every stream has LINES lines, or has been closed
 * by the server (LINES 0: only that, and bytes are counted instead of lines), or after SECONDS_MAX. Prints one JSON object.
 */
#define _GNU_SOURCE
#include "clock.h"
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { READ_BYTES = 1 << 18, CARRY_BYTES = 1 << 12, MARK_BYTES = 48, CONNECTING_MAX = 64, STEPS = 4 };

/* What is sent, and what the answer must hold before the next is sent; %d is the number of the task. */
struct step {
    const char *send;
    const char *answer;
};

#define UPGRADE                                                                                                         \
    "GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\n"                   \
    "Connection: Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
#define SUBSCRIBE "\x81" "42/log-streaming,1[\"subscribe-to-logs\",{\"taskId\":\"bench-%d\""

static struct protocol {
    const char *name;
    struct step steps[STEPS];
} protocols[] = {
    {"sse", {{NULL, "\r\n\r\n"}}},
    {"socketio", {{UPGRADE, "\"sid\""}, {"\x81" "40/log-streaming,", "40/log-streaming,{"}, {SUBSCRIBE "}]", "43/log-streaming,1"}}},
    {"socketio-batch", {{UPGRADE, "\"sid\""}, {"\x81" "40/log-streaming,", "40/log-streaming,{"}, {SUBSCRIBE ",\"batch\":true}]", "43/log-streaming,1"}}},
    {"redis", {{"SUBSCRIBE bench-%d\r\n", "subscribe"}}},
    {"nats", {{"CONNECT {\"verbose\":false}\r\nSUB bench-%d 1\r\nPING\r\n", "PONG"}}},
};

struct stream {
    int fd;
    int step;
    size_t carried; /* bytes of an unfinished answer, or of an unfinished mark */
    char carry[CARRY_BYTES];
    long lines;
};

static struct protocol *protocol;
static struct stream *streams;
static const char *path, *header = "";
static long connections, tasks, lines_expected, sample_every, finished, closed, ready, announced;
static long total_lines, disorders;
static uint64_t total_bytes, first_ns, last_ns;
static uint64_t *ages;
static size_t ages_count, ages_room;

static void fail(const char *what)
{
    fprintf(stderr, "subscribers: %s: %s\n", what, strerror(errno));
    exit(2);
}

static void keep_age(uint64_t age)
{
    if (ages_count == ages_room) {
        ages_room = ages_room ? ages_room * 2 : 1 << 16;
        ages = realloc(ages, ages_room * sizeof *ages);
        if (!ages) fail("ages");
    }
    ages[ages_count++] = age;
}

static void take_line(struct stream *stream, long sequence, uint64_t sent, uint64_t now)
{
    if (!first_ns) first_ns = now;
    if (sequence != stream->lines + 1) disorders++;
    stream->lines++;
    total_lines++;
    if (stream->lines % sample_every == 0) keep_age(now > sent ? now - sent : 0);
    if (stream->lines == lines_expected) finished++;
}

/* Returns how many bytes at the end may be the beginning of a mark. */
static size_t take_marks(struct stream *stream, const char *data, size_t length, uint64_t now)
{
    const char *end = data + length, *at = data;
    while ((at = memchr(at, '#', (size_t)(end - at)))) {
        const char *c = at + 1;
        long sequence = 0;
        uint64_t sent = 0;
        while (c < end && *c >= '0' && *c <= '9') sequence = sequence * 10 + (*c++ - '0');
        if (c < end && (*c != '@' || c == at + 1)) {
            at++;
            continue;
        }
        if (c < end) c++;
        while (c < end && *c >= '0' && *c <= '9') sent = sent * 10 + (uint64_t)(*c++ - '0');
        if (c == end) return end - at <= MARK_BYTES ? (size_t)(end - at) : 0;
        take_line(stream, sequence, sent, now);
        at = c;
    }
    return 0;
}

static void send_step(struct stream *stream, int task)
{
    const char *what = protocol->steps[stream->step].send;
    char target[512], text[2048], frame[2056];
    int size;
    if (!what) {
        snprintf(target, sizeof target, path, task);
        size = snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n%s%s%s\r\n", target,
                        lines_expected ? "" : "Connection: close\r\n", header, *header ? "\r\n" : "");
    } else if (*what == '\x81') { /* a text frame, masked with zeros */
        size = snprintf(text, sizeof text, what + 1, task);
        memcpy(frame, "\x81\x80\0\0\0\0", 6);
        frame[1] = (char)(0x80 | size);
        if (size > 125) fail("the frame is too long");
        memcpy(frame + 6, text, (size_t)size);
        memcpy(text, frame, (size_t)(size += 6));
    } else {
        size = snprintf(text, sizeof text, what, task);
    }
    if (write(stream->fd, text, (size_t)size) != size) fail("request");
}

static void take_lines(struct stream *stream, const char *data, size_t size)
{
    last_ns = clock_ns();
    total_bytes += size;
    if (!lines_expected) { /* nothing is published before all are there */
        if (announced && !first_ns) first_ns = last_ns;
        return;
    }
    if (stream->carried) { /* finish the mark that the last read broke off */
        size_t part = size < MARK_BYTES ? size : MARK_BYTES;
        memcpy(stream->carry + stream->carried, data, part);
        const char *end = memchr(stream->carry + stream->carried, '"', part);
        if (!end && part == size) {
            stream->carried += part;
            if (stream->carried > 2 * MARK_BYTES) stream->carried = 0; /* it was none */
            return;
        }
        size_t used = end ? (size_t)(end + 1 - stream->carry) : stream->carried;
        take_marks(stream, stream->carry, used, last_ns);
        data += used - stream->carried;
        size -= used - stream->carried;
    }
    stream->carried = take_marks(stream, data, size, last_ns);
    memcpy(stream->carry, data + size - stream->carried, stream->carried);
}

/* The answers before the first line are short; they are gathered in `carry`. */
static void take_bytes(struct stream *stream, const char *data, size_t size, int task)
{
    if (stream->step == STEPS) {
        take_lines(stream, data, size);
        return;
    }
    struct step *step = &protocol->steps[stream->step];
    size_t before = stream->carried, part = size < CARRY_BYTES - before ? size : CARRY_BYTES - before;
    memcpy(stream->carry + before, data, part);
    stream->carried += part;
    char *answer = memmem(stream->carry, stream->carried, step->answer, strlen(step->answer));
    if (!answer) {
        if (stream->carried == CARRY_BYTES) fail("the answer is too long");
        return;
    }
    if (!memcmp(stream->carry, "HTTP/1.1 4", 10) || !memcmp(stream->carry, "HTTP/1.1 5", 10)) {
        fprintf(stderr, "subscribers: refused: %.*s\n", (int)stream->carried, stream->carry);
        exit(2);
    }
    size_t used = (size_t)(answer - stream->carry) + strlen(step->answer) - before;
    stream->carried = 0;
    if (++stream->step < STEPS && protocol->steps[stream->step].answer) {
        send_step(stream, task);
        return;
    }
    stream->step = STEPS;
    ready++;
    if (size > used) take_lines(stream, data + used, size - used);
}

static void open_stream(long number, int port, int poll)
{
    struct stream *stream = &streams[number];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    send_step(stream, (int)(number % tasks));
    fcntl(stream->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)number};
    if (epoll_ctl(poll, EPOLL_CTL_ADD, stream->fd, &event)) fail("epoll");
}

static int by_value(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

static double age_ms(double share)
{
    return ages_count ? (double)ages[(size_t)((double)(ages_count - 1) * share)] / 1e6 : 0;
}

static double cpu_seconds(void)
{
    struct rusage usage;
    getrusage(RUSAGE_SELF, &usage);
    return (double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
           (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
}

int main(int argc, char **argv)
{
    if (argc < 9) {
        fprintf(stderr, "usage: subscribers PROTOCOL PORT PATH CONNECTIONS TASKS LINES SAMPLE SECONDS_MAX [HEADER]\n");
        return 2;
    }
    for (size_t i = 0; i < sizeof protocols / sizeof *protocols; i++)
        if (!strcmp(protocols[i].name, argv[1])) protocol = &protocols[i];
    if (!protocol) fail("there is no such protocol");
    int port = atoi(argv[2]);
    path = argv[3];
    connections = atol(argv[4]);
    tasks = atol(argv[5]);
    lines_expected = atol(argv[6]);
    sample_every = atol(argv[7]);
    uint64_t deadline = clock_ns() + (uint64_t)(atof(argv[8]) * 1e9);
    if (argc > 9) header = argv[9];
    streams = calloc((size_t)connections, sizeof *streams);
    char *buffer = malloc(READ_BYTES);
    int poll = epoll_create1(0);
    struct epoll_event events[256];
    long opened = 0;
    double cpu = 0;
    while (finished + closed < connections && clock_ns() < deadline) {
        while (opened < connections && opened - ready < CONNECTING_MAX) open_stream(opened++, port, poll);
        int count = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            struct stream *stream = &streams[events[i].data.u64];
            ssize_t size = read(stream->fd, buffer, READ_BYTES);
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (size <= 0) {
                epoll_ctl(poll, EPOLL_CTL_DEL, stream->fd, NULL);
                if (!lines_expected || stream->lines < lines_expected) closed++;
                continue;
            }
            take_bytes(stream, buffer, (size_t)size, (int)((long)events[i].data.u64 % tasks));
        }
        if (!announced && ready == connections) {
            announced = 1;
            cpu = cpu_seconds();
            printf("READY\n");
            fflush(stdout);
        }
    }
    cpu = cpu_seconds() - cpu;
    qsort(ages, ages_count, sizeof *ages, by_value);
    printf("{\"connections\": %ld, \"expected\": %ld, \"received\": %ld, \"disorders\": %ld, \"closed\": %ld, "
           "\"bytes\": %llu, \"first_ns\": %llu, \"last_ns\": %llu, \"cpu_seconds\": %.3f, \"samples\": %zu, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
           connections, connections * lines_expected, total_lines, disorders, closed, (unsigned long long)total_bytes,
           (unsigned long long)first_ns, (unsigned long long)last_ns, cpu, ages_count, age_ms(0.5), age_ms(0.99), age_ms(1.0));
    return 0;
}
