/* load: asks a server for a living, and says how it answered, as one JSON object on stdout.
 * Ends with 0 only if every request was answered, and answered right. */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netdb.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>

#include "loop.h"

static const char usage[] =
    "load [options] --command 'GET key:{k}' [--command ...]\n"
    "  --host H --port N | --unix PATH    where the server listens (127.0.0.1:6379)\n"
    "  --clients N                        connections (50)\n"
    "  --pipeline N                       requests of a connection that are out at once (1)\n"
    "  --threads N                        threads that share the connections (1)\n"
    "  --requests N | --seconds S         how long to ask (5 seconds)\n"
    "  --rate N                           requests a second whatever comes back; their time then\n"
    "                                     runs from when they were due (0: replies are waited "
    "for)\n"
    "  --keys N                           how many keys {k} is drawn from (1000000)\n"
    "  --distribution D                   uniform, zipf[:THETA] (0.99), sequential or shuffled\n"
    "                                     (uniform)\n"
    "  --first-key N                      where sequential or shuffled keys begin (0)\n"
    "  --value-size N                     bytes of {v} (64)\n"
    "  --expect E                         any, ok, pong, integer, value, values, bulk or\n"
    "                                     items:N (what the command's name promises)\n"
    "  --churn                            a new connection for each batch of requests\n"
    "  --seed N                           of the dice (1)\n"
    "  --timeout S                        give up when no reply comes for so long (30)\n"
    "  --server-pid PID                   measure the processor time of this process too\n"
    "Holes of a command: {k} {k:DIGITS} {v} {r:LOW-HIGH} {n:STEP} {d:FIRST+SPAN} {s:SPAN+JITTER}\n";

enum { THREADS_MOST = 64 };

struct settings {
    const char *host, *port, *unix_path;
    const char *commands[WORKLOAD_COMMANDS];
    unsigned n_commands;
    enum distribution distribution;
    double theta;
    int expect; /* -1: by the command's name */
    unsigned items;
    bool churn;

    /* whole ones too: a double holds them all */
    double clients, pipeline, threads, requests, keys, first_key, value_size, seed, server_pid;
    double seconds, rate, timeout_s;
};

static const struct number_option {
    const char *name;
    size_t at; /* in struct settings */
    double least, most;
} number_options[] = {
#define NUMBER(option, field, least, most)                                                         \
    {                                                                                              \
        option, offsetof(struct settings, field), least, most                                      \
    }
    NUMBER("clients", clients, 1, 1e6),
    NUMBER("pipeline", pipeline, 1, 1e6),
    NUMBER("threads", threads, 1, THREADS_MOST),
    NUMBER("requests", requests, 1, 1e15),
    NUMBER("keys", keys, 1, 4e9),
    NUMBER("first-key", first_key, 0, 4e9),
    NUMBER("value-size", value_size, 0, 512 << 20),
    NUMBER("seed", seed, 0, 1e15),
    NUMBER("server-pid", server_pid, 1, 1 << 30),
    NUMBER("seconds", seconds, 0.001, 1e6),
    NUMBER("rate", rate, 0, 1e8),
    NUMBER("timeout", timeout_s, 0.001, 1e6),
#undef NUMBER
};

enum { NUMBERS = sizeof number_options / sizeof number_options[0] };

struct runner {
    pthread_t thread;
    struct plan plan;
    struct tally tally;
    struct loop *loop;
    pthread_barrier_t *start;
};

static void give_up(const char *what, const char *detail)
{
    fprintf(stderr, "load: %s%s%s\n", what, detail ? ": " : "", detail ? detail : "");
    exit(2);
}

static double number_or_give_up(const char *text, double least, double most)
{
    char *end;
    double number = strtod(text, &end);

    if (end == text || *end || !(number >= least && number <= most))
        give_up("not a fitting number", text);
    return number;
}

static enum distribution distribution_read(const char *text, double *theta)
{
    if (strcmp(text, "uniform") == 0) return KEYS_UNIFORM;
    if (strcmp(text, "sequential") == 0) return KEYS_SEQUENTIAL;
    if (strcmp(text, "shuffled") == 0) return KEYS_SHUFFLED;
    if (strncmp(text, "zipf", 4)) give_up("no such distribution", text);
    if (text[4] == ':') *theta = number_or_give_up(text + 5, 0.01, 10);
    return KEYS_ZIPF;
}

static int expect_read(const char *text, unsigned *items)
{
    static const char *const names[] = {"any", "ok", "pong", "integer", "value", "values", "bulk"};

    for (int i = 0; i < (int)(sizeof names / sizeof names[0]); i++)
        if (strcmp(text, names[i]) == 0) return i;
    if (strncmp(text, "items:", 6) == 0) {
        *items = (unsigned)number_or_give_up(text + 6, 0, 1e9);
        return EXPECT_ITEMS;
    }
    give_up("no such kind of reply", text);
    return -1;
}

static void settings_word(struct settings *set, int option, const char *word)
{
    switch (option) {
    case 'h':
        set->host = word;
        return;
    case 'p':
        set->port = word;
        return;
    case 'u':
        set->unix_path = word;
        return;
    case 'd':
        set->distribution = distribution_read(word, &set->theta);
        return;
    case 'e':
        set->expect = expect_read(word, &set->items);
        return;
    case 'C':
        set->churn = true;
        return;
    case 'x':
        if (set->n_commands == WORKLOAD_COMMANDS) give_up("too many commands", NULL);
        set->commands[set->n_commands++] = word;
        return;
    case 'H':
        fputs(usage, stdout);
        exit(0);
    default:
        fputs(usage, stderr);
        exit(2);
    }
}

static void settings_read(struct settings *set, int argc, char **argv)
{
    struct option options[NUMBERS + 9] = {
        {"host", 1, 0, 'h'},   {"port", 1, 0, 'p'},    {"unix", 1, 0, 'u'},
        {"expect", 1, 0, 'e'}, {"command", 1, 0, 'x'}, {"distribution", 1, 0, 'd'},
        {"churn", 0, 0, 'C'},  {"help", 0, 0, 'H'},
    };

    for (int i = 0; i < NUMBERS; i++)
        options[8 + i] = (struct option){number_options[i].name, 1, 0, 256 + i};
    for (int option; (option = getopt_long(argc, argv, "", options, NULL)) != -1;) {
        if (option < 256) {
            settings_word(set, option, optarg);
            continue;
        }
        const struct number_option *row = &number_options[option - 256];
        *(double *)((char *)set + row->at) = number_or_give_up(optarg, row->least, row->most);
    }
    if (optind < argc || set->n_commands == 0)
        give_up("what shall be asked? see --help", argv[optind]);
    if (set->threads > set->clients) set->threads = set->clients;
}

static void target_find(const struct settings *set, struct target *target)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
    struct sockaddr_un *local = (struct sockaddr_un *)&target->address;
    int error;

    if (set->unix_path) {
        if (strlen(set->unix_path) >= sizeof local->sun_path) give_up("too long", set->unix_path);
        local->sun_family = AF_UNIX;
        strcpy(local->sun_path, set->unix_path);
        target->address_len = sizeof *local;
        return;
    }
    error = getaddrinfo(set->host, set->port, &hints, &found);
    if (error) give_up(set->host, gai_strerror(error));
    memcpy(&target->address, found->ai_addr, found->ai_addrlen);
    target->address_len = found->ai_addrlen;
    freeaddrinfo(found);
}

/* The clock that Linux keeps of a process counts all its threads, those that ended too, to the
 * nanosecond; /proc/PID/stat counts in steps of 10 ms. */
static double cpu_seconds(int pid)
{
    struct timespec t;
    clockid_t clock = CLOCK_PROCESS_CPUTIME_ID;

    if (pid && clock_getcpuclockid(pid, &clock)) return 0;
    return clock_gettime(clock, &t) ? 0 : (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void *runner_run(void *argument)
{
    struct runner *runner = argument;

    pthread_barrier_wait(runner->start);
    if (runner->loop) loop_run(runner->loop);
    return NULL;
}

/* What a thread gets of a number that all share: the first ones take what is left over. */
static uint64_t share_of(double all, double threads, unsigned thread)
{
    uint64_t whole = (uint64_t)all, parts = (uint64_t)threads;

    return whole / parts + (thread < whole % parts);
}

static void runner_open(struct runner *runner, const struct settings *set,
                        const struct workload *load, const struct target *target, unsigned index)
{
    runner->plan = (struct plan){
        .load = load,
        .target = *target,
        .pipeline = (unsigned)set->pipeline,
        .seconds = set->seconds,
        .clients = (unsigned)share_of(set->clients, set->threads, index),
        .requests = share_of(set->requests, set->threads, index),
        .rate = set->rate / set->threads,
        .churn = set->churn,
        .timeout_s = set->timeout_s,
        .draws = {(uint64_t)set->seed * 1000003 + index * 7919, (uint64_t)set->first_key + index,
                  (uint64_t)set->threads},
    };
    runner->loop = loop_open(&runner->plan, &runner->tally);
}

static void tally_join(struct tally *all, const struct tally *part)
{
    if (part->latency.max_ns > all->latency.max_ns) all->longest_at_ns = part->longest_at_ns;
    histogram_merge(&all->latency, &part->latency);
    all->replies += part->replies;
    all->errors += part->errors;
    all->wrong += part->wrong;
    all->misses += part->misses;
    all->failed |= part->failed;
    if (part->silence_ns > all->silence_ns) all->silence_ns = part->silence_ns;
    if (!all->start_ns || part->start_ns < all->start_ns) all->start_ns = part->start_ns;
    if (part->end_ns > all->end_ns) all->end_ns = part->end_ns;
    if (!all->complaint[0]) memcpy(all->complaint, part->complaint, sizeof all->complaint);
}

static void print_text(const char *text)
{
    putchar('"');
    for (; *text; text++) {
        if (*text == '"' || *text == '\\')
            printf("\\%c", *text);
        else if ((unsigned char)*text < 32 || (unsigned char)*text > 126)
            putchar('?');
        else
            putchar(*text);
    }
    putchar('"');
}

static void print_tally(const struct tally *all, double server_cpu_s, double load_cpu_s)
{
    static const struct {
        const char *name;
        double share;
    } quantiles[] = {{"p50", .5}, {"p90", .9}, {"p99", .99}, {"p999", .999}, {"p9999", .9999}};
    double seconds = (double)(all->end_ns - all->start_ns) * 1e-9;
    const struct histogram *latency = &all->latency;

    printf("{\"replies\": %llu, \"seconds\": %.6f, \"ops_per_second\": %.1f",
           (unsigned long long)all->replies, seconds,
           seconds > 0 ? (double)all->replies / seconds : 0);
    printf(", \"errors\": %llu, \"wrong\": %llu, \"misses\": %llu", (unsigned long long)all->errors,
           (unsigned long long)all->wrong, (unsigned long long)all->misses);
    printf(", \"server_cpu_s\": %.9f, \"load_cpu_s\": %.9f, \"latency_us\": {", server_cpu_s,
           load_cpu_s);
    for (int i = 0; i < 5; i++)
        printf("\"%s\": %.3f, ", quantiles[i].name,
               (double)histogram_quantile_ns(latency, quantiles[i].share) * 1e-3);
    printf("\"max\": %.3f, \"mean\": %.3f}", (double)latency->max_ns * 1e-3,
           latency->total ? latency->sum_ns / (double)latency->total * 1e-3 : 0);
    printf(", \"silence_us\": %.3f", (double)all->silence_ns * 1e-3);
    printf(", \"longest_at_s\": %.3f, \"failed\": %s, \"complaint\": ",
           latency->total ? (double)(all->longest_at_ns - all->start_ns) * 1e-9 : 0,
           all->failed ? "true" : "false");
    print_text(all->complaint);
    printf("}\n");
}

static void workload_prepare(struct workload *load, const struct settings *set)
{
    if (!workload_open(load, (uint64_t)set->keys, set->distribution, set->theta,
                       (size_t)set->value_size))
        give_up("out of memory", NULL);
    for (unsigned i = 0; i < set->n_commands; i++) {
        const char *wrong = workload_command(load, set->commands[i]);
        if (wrong) give_up(wrong, set->commands[i]);
        if (set->expect < 0) continue;
        load->shapes[i].expected = (enum expected)set->expect;
        load->shapes[i].n_items = set->items;
    }
}

int main(int argc, char **argv)
{
    struct settings set = {.host = "127.0.0.1",
                           .port = "6379",
                           .expect = -1,
                           .theta = 0.99,
                           .clients = 50,
                           .pipeline = 1,
                           .threads = 1,
                           .seconds = 5,
                           .keys = 1000000,
                           .value_size = 64,
                           .seed = 1,
                           .timeout_s = 30};
    struct workload load;
    struct target target = {0};
    struct tally all = {0};
    pthread_barrier_t start;
    static struct runner runners[THREADS_MOST];
    unsigned threads;

    settings_read(&set, argc, argv);
    threads = (unsigned)set.threads;
    workload_prepare(&load, &set);
    target_find(&set, &target);
    pthread_barrier_init(&start, NULL, threads + 1);
    for (unsigned i = 0; i < threads; i++) {
        runners[i].start = &start;
        runner_open(&runners[i], &set, &load, &target, i);
        if (pthread_create(&runners[i].thread, NULL, runner_run, &runners[i]))
            give_up("no thread", strerror(errno));
    }

    /* All connections stand: what the processor is charged from here on is for the requests. */
    double server_cpu_s = set.server_pid ? cpu_seconds((int)set.server_pid) : 0;
    double load_cpu_s = cpu_seconds(0);
    pthread_barrier_wait(&start);
    for (unsigned i = 0; i < threads; i++) pthread_join(runners[i].thread, NULL);
    if (set.server_pid) server_cpu_s = cpu_seconds((int)set.server_pid) - server_cpu_s;
    load_cpu_s = cpu_seconds(0) - load_cpu_s;

    for (unsigned i = 0; i < threads; i++) {
        tally_join(&all, &runners[i].tally);
        if (runners[i].loop) loop_close(&runners[i].loop);
    }
    workload_close(&load);
    print_tally(&all, server_cpu_s, load_cpu_s);
    return all.failed || all.errors || all.wrong ? 1 : 0;
}
