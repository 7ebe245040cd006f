#include "keyspace/keyspace_help.h"
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>
#include "support/model.h"
#include "../../src/keyspace/group_internal.h"

#define DATABASES 3

struct world {
    struct keyspace *keyspace;
    struct model *model;
    uint64_t dice;
    int64_t now_ms;
};

static struct bytes some_value(uint64_t *dice, char *room, size_t size)
{
    size_t len;

    switch (random_below(dice, 8)) {
    case 0:
        return bytes_of(room, number_print_int(room, (int64_t)random_next(dice)));
    case 1:
        return bytes_of(room, number_print_int(room, (int64_t)random_below(dice, 1000) - 500));
    case 2:
        len = random_below(dice, size);
        break;
    default:
        len = random_below(dice, 100);
    }
    memset(room, 'a' + (int)random_below(dice, 26), len);
    return bytes_of(room, len);
}

static int64_t some_deadline(struct world *world)
{
    switch (random_below(&world->dice, 8)) {
    case 0:
        return world->now_ms + 1 + (int64_t)random_below(&world->dice, 500);
    case 1:
        return world->now_ms + 1 + (int64_t)random_below(&world->dice, 100000);
    case 2:
        return world->now_ms + 1 + (int64_t)random_below(&world->dice, (uint64_t)1 << 36);
    case 3:
        return world->now_ms + ((int64_t)1 << 41);
    default:
        return NEVER;
    }
}

static void compare_item(void *context, struct model_item *item)
{
    struct world *world = context;

    if (item->deadline_ms <= world->now_ms) {
        assert_false(exists(world->keyspace, item->db, item->key));
    } else {
        assert_true(holds(world->keyspace, item->db, item->key, item->value, item->deadline_ms));
    }
}

static void compare(struct world *world)
{
    model_each(world->model, compare_item, world);
    model_expire(world->model, world->now_ms);
    for (unsigned db = 0; db < DATABASES; db++) {
        assert_true(keyspace_count(world->keyspace, db) >= model_count(world->model, db));
    }
    keyspace_check(world->keyspace);
}

static void one_step(struct world *world, uint64_t names, unsigned removals_of_8)
{
    static char room[3000];
    char name_room[32];
    unsigned db = (unsigned)random_below(&world->dice, 10);
    struct bytes name = numbered(name_room, random_below(&world->dice, names));
    struct model_item *item;

    db = db < DATABASES ? db : 0;
    if (random_below(&world->dice, 8) < removals_of_8) {
        bool was = model_find(world->model, db, name, world->now_ms) != NULL;

        assert_int_equal(drop(world->keyspace, db, name), was);
        model_remove(world->model, db, name);
    } else if (random_below(&world->dice, 4) == 0) {
        item = model_find(world->model, db, name, world->now_ms);
        if (item) {
            assert_true(holds(world->keyspace, db, name, item->value, item->deadline_ms));
        } else {
            assert_false(exists(world->keyspace, db, name));
        }
    } else {
        struct bytes value = some_value(&world->dice, room, sizeof room);
        int64_t deadline_ms = some_deadline(world);

        assert_int_equal(put(world->keyspace, db, name, value, deadline_ms), OK);
        model_put(world->model, db, name, value, deadline_ms);
    }
}

static void open_world(struct world *world, unsigned shards, uint64_t seed)
{
    *world = (struct world){.keyspace = new_keyspace(shards, DATABASES),
                            .model = model_new(),
                            .dice = seed,
                            .now_ms = 1800000000000};
    clock_set_ms(world->now_ms);
}

static void close_world(struct world *world)
{
    keyspace_free(&world->keyspace);
    assert_null(world->keyspace);
    model_free(&world->model);
    clock_release();
}

static void a_long_random_run_agrees_with_a_plain_map(void **state)
{
    (void)state;
    for (unsigned shards = 1; shards <= 16; shards *= 16) {
        struct world world;

        open_world(&world, shards, shards);
        for (unsigned step = 0; step < 3000; step++) {
            one_step(&world, 600, 2);
            keyspace_check(world.keyspace);
        }
        for (unsigned step = 0; step < 200000; step++) {
            /* Grow, then shrink, then grow. */
            one_step(&world, 20000, step / 50000 % 2 ? 6 : 1);
            if (random_below(&world.dice, 64) == 0) {
                world.now_ms += (int64_t)random_below(&world.dice, 200);
                clock_set_ms(world.now_ms);
                keyspace_housekeep(world.keyspace, 0, 1, 1000);
            }
            if (step % 5000 == 0) compare(&world);
        }
        compare(&world);
        close_world(&world);
    }
}

static void flushing_and_swapping_databases_agree_with_a_plain_map(void **state)
{
    struct world world;

    (void)state;
    open_world(&world, 4, 7);
    for (unsigned step = 0; step < 60000; step++) {
        one_step(&world, 2000, 1);
        if (random_below(&world.dice, 500) == 0) {
            unsigned a = (unsigned)random_below(&world.dice, DATABASES);
            unsigned b = (unsigned)random_below(&world.dice, DATABASES);

            keyspace_enter_all(world.keyspace);
            if (random_below(&world.dice, 8) == 0) {
                keyspace_flush_entered(world.keyspace, a);
                model_flush(world.model, a);
                assert_int_equal(keyspace_count(world.keyspace, a), 0);
            } else {
                assert_int_equal(keyspace_swap_entered(world.keyspace, a, b), OK);
                model_swap(world.model, a, b);
            }
            keyspace_leave_all(world.keyspace);
            compare(&world);
        }
        if (step % 100 == 0) keyspace_housekeep(world.keyspace, 0, 1, 100);
    }
    close_world(&world);
}

static void a_pointer_too_long_for_its_tag_stops_the_program(void **state)
{
    int status = 0;
    pid_t child = fork();

    (void)state;
    assert_true(child >= 0);
    if (child == 0) {
        freopen("/dev/null", "w", stderr);
        slot_make((struct entry *)((uintptr_t)1 << 47), 1);
        signal(SIGABRT, SIG_DFL);
        slot_make((struct entry *)((uintptr_t)1 << 48), 1);
        _exit(0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

static void tags_are_found_in_every_slot_and_nowhere_else(void **state)
{
    struct group group;
    uint64_t dice = 9;

    (void)state;
    for (unsigned round = 0; round < 20000; round++) {
        uint16_t tag = (uint16_t)(1 + random_below(&dice, round % 2 ? 3 : 65535)), wanted;
        uint32_t slots;

        memset(&group, 0, sizeof group);
        group.soonest = group.touched = group.frequency = tag; /* no slots, however they look */
        group.overflow = (uint8_t)tag;
        group.probation = (uint8_t)(tag >> 8);
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            uint16_t other = (uint16_t)(1 + random_below(&dice, round % 2 ? 3 : 65535));

            if (random_below(&dice, 3))
                group.slots[i] = (uint64_t)other << POINTER_BITS | (0x1000 + i * 16);
        }
        wanted = random_below(&dice, 4) ? tag : 0;
        slots = group_match(&group, wanted);
        for (unsigned i = 0; i < GROUP_SLOTS; i++) {
            bool is = slot_tag(group.slots[i]) == wanted;

            if (is) {
                assert_true(slots != 0);
                assert_ptr_equal(group_first_slot(&group, slots), &group.slots[i]);
                slots &= slots - 1;
            }
        }
        assert_int_equal(slots, 0);
    }
}

static void an_empty_table_shrinks_away_in_time(void **state)
{
    struct keyspace *keyspace = new_keyspace(4, 1);
    struct keyspace_shape shape;
    char room[32];
    int64_t now_ms = 1800000000000;

    (void)state;
    clock_set_ms(now_ms);
    for (uint64_t i = 0; i < 50000; i++) {
        assert_int_equal(put(keyspace, 0, numbered(room, i), BYTES("x"), NEVER), OK);
    }
    for (uint64_t i = 10; i < 50000; i++) assert_true(drop(keyspace, 0, numbered(room, i)));
    keyspace_read_shape(keyspace, 0, &shape);
    assert_true(shape.groups > 7000);
    for (unsigned i = 0; i < 600; i++) {
        clock_set_ms(now_ms += 100);
        keyspace_housekeep(keyspace, 0, 1, 1000);
        keyspace_check(keyspace);
    }
    keyspace_read_shape(keyspace, 0, &shape);
    assert_true(shape.groups < 16);
    for (uint64_t i = 0; i < 10; i++) assert_true(exists(keyspace, 0, numbered(room, i)));
    keyspace_free(&keyspace);
    clock_release();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_long_random_run_agrees_with_a_plain_map),
        cmocka_unit_test(flushing_and_swapping_databases_agree_with_a_plain_map),
        cmocka_unit_test(a_pointer_too_long_for_its_tag_stops_the_program),
        cmocka_unit_test(tags_are_found_in_every_slot_and_nowhere_else),
        cmocka_unit_test(an_empty_table_shrinks_away_in_time),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
