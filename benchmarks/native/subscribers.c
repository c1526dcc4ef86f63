/*
 * Many subscribers of Server-Sent Events in one thread.
 *
 * usage: subscribers PORT PATH CONNECTIONS TASKS LINES SAMPLE SECONDS_MAX
 *
 * Opens CONNECTIONS streams on 127.0.0.1:PORT; PATH holds one %d for the number of the task, 0 to TASKS-1, dealt out in
 * turn. Prints "READY" once every answer's header has arrived. Every stream expects LINES lines whose "sequence" runs
 * from 1 without holes; anything else is counted as out of order. A line's message ends with "@NS", the producer's
 * CLOCK_MONOTONIC; every SAMPLE-th line's age is kept. Ends when all have everything, or after SECONDS_MAX. Prints one
 * JSON object.
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

enum { READ_BYTES = 1 << 18, LINE_BYTES = 1 << 14, CONNECTING_MAX = 64 };
enum body { HEADER, PLAIN, CHUNK_SIZE, CHUNK_DATA, CHUNK_END };

struct stream {
    int fd;
    enum body body;
    size_t chunk_left;    /* bytes of the current chunk */
    size_t carried;       /* bytes of an unfinished line */
    char carry[LINE_BYTES];
    long lines;
    long disorders;
};

static struct stream *streams;
static long connections, tasks, lines_expected, sample_every, finished, closed_early, ready;
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

static void take_line(struct stream *stream, const char *line, size_t length, uint64_t now)
{
    static const char key[] = "\"sequence\":";
    if (length < 6 || memcmp(line, "data:", 5)) return;
    const char *at = memmem(line, length, key, sizeof key - 1);
    if (!at) return; /* a heartbeat or another notice */
    long sequence = strtol(at + sizeof key - 1, NULL, 10);
    if (sequence != stream->lines + 1) {
        stream->disorders++;
        disorders++;
    }
    stream->lines++;
    if (!total_lines++) first_ns = now;
    last_ns = now;
    if (stream->lines % sample_every == 0) {
        const char *stamp = memrchr(at, '@', (size_t)(line + length - at));
        if (stamp) {
            uint64_t sent = strtoull(stamp + 1, NULL, 10);
            keep_age(now > sent ? now - sent : 0);
        }
    }
    if (stream->lines == lines_expected) finished++;
}

static void take_text(struct stream *stream, char *text, size_t length, uint64_t now)
{
    while (length) {
        char *end = memchr(text, '\n', length);
        size_t part = end ? (size_t)(end - text) : length;
        if (stream->carried || !end) {
            if (stream->carried + part >= LINE_BYTES) fail("a line is too long");
            memcpy(stream->carry + stream->carried, text, part);
            stream->carried += part;
            if (!end) return;
            stream->carry[stream->carried] = 0;
            take_line(stream, stream->carry, stream->carried, now);
            stream->carried = 0;
        } else {
            take_line(stream, text, part, now);
        }
        text += part + 1;
        length -= part + 1;
    }
}

/* The header is short and comes with the first read; it is gathered in `carry`. Returns what is left of the read. */
static char *take_header(struct stream *stream, char *data, size_t *length)
{
    if (stream->carried + *length >= LINE_BYTES) {
        size_t room = LINE_BYTES - 1 - stream->carried;
        char *end = memmem(data, room, "\r\n\r\n", 4);
        if (!end) fail("the header is too long");
    }
    size_t part = *length < LINE_BYTES - 1 - stream->carried ? *length : LINE_BYTES - 1 - stream->carried;
    memcpy(stream->carry + stream->carried, data, part);
    size_t before = stream->carried;
    stream->carried += part;
    stream->carry[stream->carried] = 0;
    char *end = strstr(stream->carry, "\r\n\r\n");
    if (!end) {
        *length = 0;
        return data;
    }
    if (strncmp(stream->carry, "HTTP/1.1 200", 12)) {
        fprintf(stderr, "subscribers: refused: %.300s\n", stream->carry);
        exit(2);
    }
    *end = 0;
    stream->body = strcasestr(stream->carry, "transfer-encoding: chunked") ? CHUNK_SIZE : PLAIN;
    size_t used = (size_t)(end + 4 - stream->carry) - before;
    stream->carried = 0;
    ready++;
    *length -= used;
    return data + used;
}

static void take_bytes(struct stream *stream, char *data, size_t length, uint64_t now)
{
    if (stream->body == HEADER) data = take_header(stream, data, &length);
    if (stream->body == PLAIN) {
        take_text(stream, data, length, now);
        return;
    }
    while (length) {
        if (stream->body == CHUNK_SIZE) { /* hexadecimal digits up to the line feed */
            char c = *data++;
            length--;
            if (c >= '0' && c <= '9') stream->chunk_left = stream->chunk_left * 16 + (size_t)(c - '0');
            else if (c >= 'a' && c <= 'f') stream->chunk_left = stream->chunk_left * 16 + (size_t)(c - 'a' + 10);
            else if (c >= 'A' && c <= 'F') stream->chunk_left = stream->chunk_left * 16 + (size_t)(c - 'A' + 10);
            else if (c == '\n') stream->body = CHUNK_DATA;
        } else if (stream->body == CHUNK_DATA) {
            size_t part = length < stream->chunk_left ? length : stream->chunk_left;
            take_text(stream, data, part, now);
            data += part;
            length -= part;
            stream->chunk_left -= part;
            if (!stream->chunk_left) stream->body = CHUNK_END;
        } else { /* "\r\n" behind the data */
            if (*data == '\n') stream->body = CHUNK_SIZE;
            data++;
            length--;
        }
    }
}

static void open_stream(long number, int port, const char *path, int poll)
{
    struct stream *stream = &streams[number];
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    char target[512], request[1024];
    stream->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (stream->fd < 0 || connect(stream->fd, (struct sockaddr *)&address, sizeof address)) fail("connect");
    snprintf(target, sizeof target, path, (int)(number % tasks));
    int size = snprintf(request, sizeof request,
                        "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n\r\n", target);
    if (write(stream->fd, request, (size_t)size) != size) fail("request");
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

int main(int argc, char **argv)
{
    if (argc != 8) {
        fprintf(stderr, "usage: subscribers PORT PATH CONNECTIONS TASKS LINES SAMPLE SECONDS_MAX\n");
        return 2;
    }
    int port = atoi(argv[1]);
    connections = atol(argv[3]);
    tasks = atol(argv[4]);
    lines_expected = atol(argv[5]);
    sample_every = atol(argv[6]);
    uint64_t deadline = clock_ns() + (uint64_t)(atof(argv[7]) * 1e9);
    streams = calloc((size_t)connections, sizeof *streams);
    char *buffer = malloc(READ_BYTES + 1);
    int poll = epoll_create1(0);
    struct epoll_event events[256];
    struct rusage before, after;
    long opened = 0, announced = 0;
    getrusage(RUSAGE_SELF, &before);
    while (finished + closed_early < connections && clock_ns() < deadline) {
        while (opened < connections && opened - ready < CONNECTING_MAX) open_stream(opened++, port, argv[2], poll);
        int count = epoll_wait(poll, events, 256, 100);
        for (int i = 0; i < count; i++) {
            struct stream *stream = &streams[events[i].data.u64];
            ssize_t size = read(stream->fd, buffer, READ_BYTES);
            if (size < 0 && (errno == EAGAIN || errno == EINTR)) continue;
            if (size <= 0) {
                epoll_ctl(poll, EPOLL_CTL_DEL, stream->fd, NULL);
                if (stream->lines < lines_expected) closed_early++;
                continue;
            }
            buffer[size] = 0;
            total_bytes += (uint64_t)size;
            take_bytes(stream, buffer, (size_t)size, clock_ns());
        }
        if (!announced && ready == connections) {
            announced = 1;
            getrusage(RUSAGE_SELF, &before);
            printf("READY\n");
            fflush(stdout);
        }
    }
    getrusage(RUSAGE_SELF, &after);
    qsort(ages, ages_count, sizeof *ages, by_value);
    double cpu = (double)(after.ru_utime.tv_sec - before.ru_utime.tv_sec + after.ru_stime.tv_sec - before.ru_stime.tv_sec) +
                 (double)(after.ru_utime.tv_usec - before.ru_utime.tv_usec + after.ru_stime.tv_usec - before.ru_stime.tv_usec) / 1e6;
    printf("{\"connections\": %ld, \"expected\": %ld, \"received\": %ld, \"disorders\": %ld, \"closed_early\": %ld, "
           "\"bytes\": %llu, \"first_ns\": %llu, \"last_ns\": %llu, \"cpu_seconds\": %.3f, \"samples\": %zu, "
           "\"p50_ms\": %.3f, \"p99_ms\": %.3f, \"max_ms\": %.3f}\n",
           connections, connections * lines_expected, total_lines, disorders, closed_early,
           (unsigned long long)total_bytes, (unsigned long long)first_ns, (unsigned long long)last_ns, cpu, ages_count,
           age_ms(0.5), age_ms(0.99), age_ms(1.0));
    return 0;
}
