/* turn_bench: what a command costs between its bytes and those of its answer: parsed, dispatched, looked up, run,
 * counted and answered, without sockets. Not a test: it asserts nothing about time.
 *
 *     build/.../tests/turn_bench                               all cases: nanoseconds of processor time per command
 *     build/.../tests/turn_bench COMMAND PIPELINE COMMANDS     one case only, for tests/bench/instructions
 *
 * Sixteen clients a turn, with one command each or with a pipeline of them. 20,000 keys of 16 bytes, values of 64 and
 * counters, drawn evenly, a list, a set and a hash of 20,000 elements of 16 bytes and hashes of ten, all in the caches. COMMAND is one of
 * the cases below (MGET and MSET of ten keys each). A turn never runs out of time here: under an emulator it would, and be
 * counted twice. */
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
#include "coatcheck/values/hash.h"
#include "coatcheck/values/list.h"
#include "coatcheck/values/set.h"
#include "coatcheck/wire/request.h"

#define CLIENTS 16
#define KEYS 20000
#define VALUE_LEN 64
#define HASHES 1000 /* small ones */
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

/* The words of a command; those with a % are drawn. */
#define TEN(words) words words words words words words words words words words
static const struct bench_case {
    const char *name, *words;
} cases[] = {
    {"GET", "GET %key"},
    {"SET", "SET %key %value"},
    {"INCR", "INCR %counter"},
    {"MGET", "MGET" TEN(" %key")},
    {"MSET", "MSET" TEN(" %key %value")},
    {"LPUSH", "LPUSH list %element"},
    {"LPOP", "LPOP list"},
    {"RPUSH", "RPUSH list %element"},
    {"RPOP", "RPOP list"},
    {"SADD", "SADD set %element"},
    {"SISMEMBER", "SISMEMBER set %element"},
    {"HSET", "HSET hash %element %short"},
    {"HGET", "HGET hash %element"},
    {"HINCRBY", "HINCRBY %counts field:0000000007 7"},
};

#define CASES (sizeof cases / sizeof *cases)

static void drawn_add(struct text *to, const char *kind)
{
    char room[VALUE_LEN];

    memset(room, 'v', sizeof room);
    if (strcmp(kind, "value") == 0) {
        word_add(to, bytes_of(room, VALUE_LEN));
    } else if (strcmp(kind, "short") == 0) {
        word_add(to, bytes_of(room, 16));
    } else {
        word_add(to, key_name(room, kind, random_below(&dice, strcmp(kind, "counts") == 0 ? HASHES : KEYS)));
    }
}

static void command_add(struct text *to, const char *words)
{
    char copy[256], *rest = copy, *word;
    unsigned count = 1;

    must(strlen(words) < sizeof copy);
    strcpy(copy, words);
    for (const char *at = words; (at = strchr(at, ' ')); at++) count++;
    text_addf(to, "*%u\r\n", count);
    while ((word = strtok_r(rest, " ", &rest))) {
        if (*word == '%') {
            drawn_add(to, word + 1);
        } else {
            word_add(to, bytes_of_text(word));
        }
    }
}

static const char *words_of(const char *name)
{
    for (unsigned i = 0; i < CASES; i++) {
        if (strcmp(cases[i].name, name) == 0) return cases[i].words;
    }
    must(!"a case of that name");
    return NULL;
}

static void inputs_write(const char *words, unsigned pipeline)
{
    for (unsigned i = 0; i < TURNS_KEPT; i++) {
        for (unsigned client = 0; client < CLIENTS; client++) {
            struct text *input = &inputs[i][client];

            text_fini(input);
            *input = (struct text){0};
            for (unsigned n = 0; n < pipeline; n++) command_add(input, words);
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

static void put_container(struct bytes name, enum value_type type, void *container)
{
    struct key key;
    struct spot spot;

    key_init(&key, keyspace, 0, name);
    shard_enter(key.shard);
    key_find(&key, &spot);
    must(key_put_container(&key, &spot, type, &container, NEVER) == OK);
    shard_leave(key.shard);
}

/* Not by commands: those would be counted with the others. */
static void put_collections(void)
{
    struct list *list = list_new();
    struct hash *hash = hash_new();
    struct set *set = set_new();
    char room[32], digits[16];
    unsigned added;
    bool is_new;

    for (uint64_t i = 0; i < KEYS; i++) {
        struct bytes words[2] = {key_name(room, "element", i), bytes_of(digits, 16)};

        snprintf(digits, sizeof digits, "%015" PRIu64, i);
        must(list_push(list, LIST_RIGHT, words[0]) == OK);
        must(set_add(set, words[0], &is_new) == OK);
        must(hash_put_all(hash, words, 1, NEVER, &added) == OK);
    }
    put_container(BYTES("list"), VALUE_LIST, list);
    put_container(BYTES("hash"), VALUE_HASH, hash);
    put_container(BYTES("set"), VALUE_SET, set);
    for (uint64_t i = 0; i < HASHES; i++) {
        hash = hash_new();
        for (unsigned field = 0; field < 10; field++) {
            struct bytes words[2] = {key_name(room, "field", field), BYTES("123456")};

            must(hash_put_all(hash, words, 1, NEVER, &added) == OK);
        }
        put_container(key_name(room, "counts", i), VALUE_HASH, hash);
    }
}

static void setup(void)
{
    struct keyspace_shape shape;
    char room[32], value[VALUE_LEN];

    clock_setup();
    session_host = &host;
    commands_add(command_families, command_family_count);
    stats_setup(1);
    hash_kind_setup();
    list_setup();
    set_kind_setup();
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
    put_collections();
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

    inputs_write(words_of(name), pipeline);
    run_case(pipeline, 100000);
    for (unsigned round = 0; round < 5; round++) {
        double began = cpu_ns();
        uint64_t commands = run_case(pipeline, 200000);
        double each = (cpu_ns() - began) / (double)commands;

        if (each < best) best = each;
    }
    printf("%-9s pipeline %-3u %8.1f ns\n", name, pipeline, best);
}

int main(int argc, char **argv)
{
    setup();
    if (argc == 4) {
        unsigned pipeline = (unsigned)atoi(argv[2]);

        must(pipeline >= 1 && pipeline <= 64);
        inputs_write(words_of(argv[1]), pipeline);
        printf("%" PRIu64 "\n", run_case(pipeline, strtoull(argv[3], NULL, 10)));
        return 0;
    }
    for (unsigned i = 0; i < CASES; i++) {
        time_case(cases[i].name, 1);
        time_case(cases[i].name, 16);
    }
    return 0;
}
