/* turn_bench: what a command costs between its bytes and those of its answer: parsed, dispatched, looked up, run,
 * counted and answered, without sockets. Not a test: it asserts nothing about time.
 *
 *     build/.../tests/turn_bench                               all cases: nanoseconds of processor time per command
 *     build/.../tests/turn_bench COMMAND PIPELINE COMMANDS     one case only, for tests/bench/instructions
 *
 * Sixteen clients a turn, with one command each or with a pipeline of them. 20,000 keys of 16 bytes, values of 64 and
 * counters, drawn evenly, all in the caches. COMMAND is one of GET SET INCR MGET MSET (of ten keys each). A turn never
 * runs out of time here: under an emulator it would, and be counted twice. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/random.h"
#include "coatcheck/base/text.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/engine/gate.h"
#include "coatcheck/engine/stats.h"
#include "coatcheck/engine/turn.h"
#include "coatcheck/keyspace/keyspace.h"
#include "coatcheck/keyspace/shard.h"
#include "coatcheck/wire/request.h"

#define CLIENTS 16
#define KEYS 20000
#define VALUE_LEN 64
#define MANY 10
#define TURNS_KEPT 64 /* different ones, said again and again */
#define AREA (1024 * 1024)

static const struct gate gates[] = {{"auth", gate_auth}, {NULL, NULL}};
static const struct session_host host = {.workers = NULL};

static struct keyspace *keyspace;
static struct turn *turn;
static struct session sessions[CLIENTS];
static struct outbox outboxes[CLIENTS];
static struct text inputs[TURNS_KEPT][CLIENTS];
static char *area;
static uint64_t dice = 42;

/* The linker puts this in the place of the clock's own: see above. */
uint64_t __wrap_clock_us_to_ticks(uint64_t us);
uint64_t __wrap_clock_us_to_ticks(uint64_t us)
{
    (void)us;
    return UINT64_MAX / 4;
}

static struct bytes key_name(char room[32], const char *kind, uint64_t number)
{
    return bytes_of(room, (size_t)snprintf(room, 32, "%s:%0*" PRIu64, kind, (int)(15 - strlen(kind)), number));
}

static void word_add(struct text *to, struct bytes word)
{
    text_addf(to, "$%zu\r\n", word.len);
    text_add(to, word);
    text_add(to, BYTES("\r\n"));
}

static void command_add(struct text *to, const char *name)
{
    bool sets = strstr(name, "SET") != NULL, many = *name == 'M';
    const char *kind = strcmp(name, "INCR") == 0 ? "counter" : "key";
    unsigned keys = many ? MANY : 1;
    char room[32], value[VALUE_LEN];

    memset(value, 'v', sizeof value);
    text_addf(to, "*%u\r\n", 1 + keys * (sets ? 2 : 1));
    word_add(to, bytes_of_text(name));
    for (unsigned i = 0; i < keys; i++) {
        word_add(to, key_name(room, kind, random_below(&dice, KEYS)));
        if (sets) word_add(to, bytes_of(value, sizeof value));
    }
}

static void inputs_write(const char *name, unsigned pipeline)
{
    for (unsigned i = 0; i < TURNS_KEPT; i++) {
        for (unsigned client = 0; client < CLIENTS; client++) {
            struct text *input = &inputs[i][client];

            text_fini(input);
            *input = (struct text){0};
            for (unsigned n = 0; n < pipeline; n++) command_add(input, name);
            text_add(input, bytes_of("\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", REQUEST_PADDING));
            input->len -= REQUEST_PADDING;
        }
    }
}

static void never_early(void *context, unsigned feed)
{
    (void)context;
    (void)feed;
    must(!"the area holds the answers of a turn");
}

static void turn_take(unsigned number)
{
    struct feed feeds[CLIENTS];

    for (unsigned i = 0; i < CLIENTS; i++) {
        const struct text *input = &inputs[number % TURNS_KEPT][i];

        feeds[i] = (struct feed){
            .unread_most = 1 << 20,
            .session = &sessions[i], .input = bytes_of(input->at, input->len), .outbox = &outboxes[i]};
    }
    turn_run(turn, feeds, CLIENTS, area, AREA, never_early, NULL);
    for (unsigned i = 0; i < CLIENTS; i++) {
        must(feeds[i].used == feeds[i].input.len && !feeds[i].close);
        must(feeds[i].output.len > 0 && feeds[i].output.at[0] != '-');
    }
}

static void put(struct bytes name, struct bytes value)
{
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    must(key_put_string(&key, &spot, value, NEVER) == OK);
    shard_leave(key.shard);
}

static void setup(void)
{
    struct keyspace_shape shape;
    char room[32], value[VALUE_LEN];

    clock_setup();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    gates_set(gates);
    keyspace = keyspace_new(&(struct keyspace_rules){.databases = 16, .one_thread = true});
    turn = turn_new(keyspace);
    area = mem_need(AREA);
    for (unsigned i = 0; i < CLIENTS; i++) session_init(&sessions[i]);
    memset(value, 'v', sizeof value);
    for (uint64_t i = 0; i < KEYS; i++) {
        put(key_name(room, "key", i), bytes_of(value, sizeof value));
        put(key_name(room, "counter", i), BYTES("1000"));
    }
    do {
        keyspace_housekeep(keyspace, 0, 1, 1000);
        keyspace_read_shape(keyspace, 0, &shape);
    } while (shape.groups_moving > 0);
}

static double cpu_ns(void)
{
    struct timespec now;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
    return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

/* Returns how many commands it ran: whole turns. */
static uint64_t run_case(unsigned pipeline, uint64_t commands)
{
    uint64_t turns = (commands + CLIENTS * pipeline - 1) / (CLIENTS * pipeline);

    for (uint64_t i = 0; i < turns; i++) turn_take((unsigned)i);
    return turns * CLIENTS * pipeline;
}

static void time_case(const char *name, unsigned pipeline)
{
    double best = 1e18;

    inputs_write(name, pipeline);
    run_case(pipeline, 100000);
    for (unsigned round = 0; round < 5; round++) {
        double began = cpu_ns();
        uint64_t commands = run_case(pipeline, 200000);
        double each = (cpu_ns() - began) / (double)commands;

        if (each < best) best = each;
    }
    printf("%-5s pipeline %-3u %8.1f ns\n", name, pipeline, best);
}

int main(int argc, char **argv)
{
    static const char *const names[] = {"GET", "SET", "INCR", "MGET", "MSET"};

    setup();
    if (argc == 4) {
        unsigned pipeline = (unsigned)atoi(argv[2]);

        must(pipeline >= 1 && pipeline <= 64);
        inputs_write(argv[1], pipeline);
        printf("%" PRIu64 "\n", run_case(pipeline, strtoull(argv[3], NULL, 10)));
        return 0;
    }
    for (unsigned i = 0; i < sizeof names / sizeof names[0]; i++) {
        time_case(names[i], 1);
        time_case(names[i], 16);
    }
    return 0;
}
