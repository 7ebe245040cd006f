/* replay: a trace put to a server as a cache beside a store: GET, and SET of what it did not have.
 *
 *     replay PORT TRACE REQUESTS WARP_FILE REQUESTS_A_SECOND PID [SCALE]
 *
 * Requests go in batches; a key that comes twice ends a batch, so that each GET sees what the SET of its last miss
 * left. The clock of the server (warp.c) goes on by one second for so many requests. Prints misses per hundred
 * requests and bytes missed per hundred, of the second half, when the cache has long been full, and of all; the growth of
 * the server's resident memory at its highest, in MB; the keys that it holds in the end, and how many it has evicted. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include "trace.h"

#define BATCH 64
#define NAME "key:%012u" /* 16 bytes */

static int link_fd;
static FILE *in;
static char value[1 << 17];

static void fail(const char *what)
{
    perror(what);
    exit(1);
}

static void link_open(int port)
{
    struct sockaddr_in address = {
        .sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int on = 1;

    link_fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(link_fd, (struct sockaddr *)&address, sizeof address) != 0) fail("connect");
    setsockopt(link_fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    in = fdopen(dup(link_fd), "r");
    setvbuf(in, NULL, _IOFBF, 1 << 20);
}

static char out[BATCH * (sizeof value / 64 + 20000)];
static size_t out_len;

static void link_flush(void)
{
    for (size_t sent = 0; sent < out_len;) {
        ssize_t now = write(link_fd, out + sent, out_len - sent);

        if (now <= 0) fail("write");
        sent += (size_t)now;
    }
    out_len = 0;
}

static void ask_get(uint32_t key)
{
    out_len += (size_t)sprintf(out + out_len, "*2\r\n$3\r\nGET\r\n$16\r\n" NAME "\r\n", key);
}

static void ask_set(const struct trace *trace, uint32_t key, uint32_t rate)
{
    uint32_t size = trace->sizes[key], ttl_ms = (uint32_t)((uint64_t)trace->ttls[key] * 1000 / rate);

    out_len += (size_t)sprintf(out + out_len, "*%d\r\n$3\r\nSET\r\n$16\r\n" NAME "\r\n$%u\r\n", ttl_ms ? 5 : 3, key,
                               size);
    memcpy(out + out_len, value, size);
    out_len += size;
    out_len += (size_t)sprintf(out + out_len, "\r\n");
    if (ttl_ms) {
        /* Neither server takes a number with zeros before it. */
        int digits = snprintf(NULL, 0, "%u", ttl_ms);

        out_len += (size_t)sprintf(out + out_len, "$2\r\nPX\r\n$%d\r\n%u\r\n", digits, ttl_ms);
    }
}

/* True: there was a value. */
static int read_get(void)
{
    char line[256];
    long size;

    if (!fgets(line, sizeof line, in) || line[0] != '$') fail(line);
    size = strtol(line + 1, NULL, 10);
    if (size < 0) return 0;
    if (fread(value, 1, (size_t)size + 2, in) != (size_t)size + 2) fail("read");
    return 1;
}

static void read_ok(void)
{
    char line[256];

    if (!fgets(line, sizeof line, in)) fail("read");
    if (line[0] != '+') {
        fprintf(stderr, "replay: a SET was answered %s", line);
        exit(1);
    }
}

/* The number behind `field` in what INFO tells, or the reply of DBSIZE. */
static uint64_t ask_number(const char *words, const char *field)
{
    char line[256];
    uint64_t number = 0;
    long left;

    out_len = (size_t)sprintf(out, "%s\r\n", words);
    link_flush();
    if (!fgets(line, sizeof line, in)) fail("read");
    if (line[0] == ':') return strtoull(line + 1, NULL, 10);
    for (left = strtol(line + 1, NULL, 10) + 2; left > 0 && fgets(line, sizeof line, in); left -= (long)strlen(line)) {
        if (strncmp(line, field, strlen(field)) == 0) number = strtoull(line + strlen(field), NULL, 10);
    }
    return number;
}

static double resident_mb(int pid, const char *field)
{
    char path[64], line[256];
    double kb = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", pid);
    file = fopen(path, "r");
    while (file && fgets(line, sizeof line, file)) {
        if (strncmp(line, field, strlen(field)) == 0) kb = strtod(line + strlen(field) + 1, NULL);
    }
    if (file) fclose(file);
    return kb / 1024;
}

struct score {
    uint64_t requests, misses, asked, missed; /* the last two in bytes */
};

static void print_score(const struct score *all, const struct score *without)
{
    printf("%.3f\t%.3f\t", 100.0 * (double)(all->misses - without->misses) / (double)(all->requests - without->requests),
           100.0 * (double)(all->missed - without->missed) / (double)(all->asked - without->asked));
}

int main(int argc, char **argv)
{
    struct trace trace;
    const struct trace_row *row = trace_rows;
    struct score score = {0}, first_half = {0};
    volatile int64_t *clock_us;
    uint32_t rate, *last_batch, batch_number = 0;
    int pid = argc > 6 ? atoi(argv[6]) : 0, fd;
    double before;

    if (argc < 7) return 2;
    if (argc > 7) trace_scale = (unsigned)atoi(argv[7]);
    while (row->name && strcmp(row->name, argv[2]) != 0) row++;
    if (!row->name) return 2;
    trace_init(&trace, row, strtoull(argv[3], NULL, 10));
    fd = open(argv[4], O_RDWR);
    clock_us = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (clock_us == MAP_FAILED) fail("mmap");
    rate = (uint32_t)strtoul(argv[5], NULL, 10);
    last_batch = calloc(trace.key_count, sizeof *last_batch);
    link_open(atoi(argv[1]));
    before = resident_mb(pid, "VmRSS:");
    for (size_t at = 0; at < trace.requests;) {
        uint32_t batch[BATCH], absent[BATCH];
        unsigned count = 0, gone = 0;

        if (at >= trace.requests / 2 && first_half.requests == 0) first_half = score;
        batch_number++;
        while (count < BATCH && at < trace.requests && last_batch[trace.keys[at]] != batch_number) {
            last_batch[trace.keys[at]] = batch_number;
            score.asked += trace.sizes[trace.keys[at]];
            ask_get(trace.keys[at]);
            batch[count++] = trace.keys[at++];
        }
        *clock_us = (int64_t)at * 1000000 / rate;
        link_flush();
        for (unsigned i = 0; i < count; i++) {
            if (read_get()) continue;
            absent[gone++] = batch[i];
            score.missed += trace.sizes[batch[i]];
        }
        score.misses += gone;
        score.requests = at;
        for (unsigned i = 0; i < gone; i++) ask_set(&trace, absent[i], rate);
        link_flush();
        for (unsigned i = 0; i < gone; i++) read_ok();
    }
    print_score(&score, &first_half);
    print_score(&score, &(struct score){0});
    printf("%.1f\t", resident_mb(pid, "VmHWM:") - before);
    printf("%llu\t", (unsigned long long)ask_number("DBSIZE", ""));
    printf("%llu\n", (unsigned long long)ask_number("INFO stats", "evicted_keys:"));
    return 0;
}
