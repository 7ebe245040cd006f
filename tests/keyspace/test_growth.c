/* What one put of a growing table costs: a step of the move, and memory for a piece of the new array, never for all of it,
 * which for a large one would be milliseconds in the kernel. */
#include <sys/mman.h>
#include "coatcheck/base/slab.h"
#include "keyspace/keyspace_help.h"
#include "../../src/keyspace/shard_internal.h"

#define KEYS 200000
#define PAGES_MOST (((KEYS / 4) * sizeof(struct group)) / SLAB_PAGE)

/* Between one put and the next: a piece of 64 KB, and what the array's end and a chain may touch besides. */
#define PAGES_A_PUT (16 + 4)

static unsigned pages_behind(const struct group *groups, uint32_t count)
{
    static unsigned char resident[PAGES_MOST];
    size_t pages = (array_bytes(count) + SLAB_PAGE - 1) / SLAB_PAGE;
    unsigned found = 0;

    assert_true(pages <= PAGES_MOST);
    assert_int_equal(mincore((void *)(uintptr_t)groups, pages * SLAB_PAGE, resident), 0);
    for (size_t i = 0; i < pages; i++) found += resident[i] & 1;
    return found;
}

static struct bytes numbered_name(char room[32], unsigned number)
{
    return bytes_of(room, (size_t)snprintf(room, 32, "key:%u", number));
}

static void a_new_array_gets_its_memory_piece_by_piece(void **state)
{
    struct keyspace *keyspace;
    const struct table *table = NULL;
    const struct group *last = NULL;
    unsigned before = 0, large = 0;
    char room[32];

    (void)state;
#ifdef SLAB_BLOCKS_APART
    skip();
#endif
    keyspace = new_keyspace(1, 1);
    for (unsigned i = 0; i < KEYS; i++) {
        struct bytes name = numbered_name(room, i);
        unsigned behind;
        struct key key;

        assert_int_equal(put(keyspace, 0, name, BYTES("x"), NEVER), OK);
        key_init(&key, keyspace, 0, name);
        table = shard_table(key.shard, 0);
        if (!table->old || table->count < 4096) continue;
        behind = pages_behind(table->groups, table->count);
        if (table->groups != last) {
            large++;
            before = 0;
            last = table->groups;
        }
        if (behind > before + PAGES_A_PUT) fail_msg("one put had %u pages put behind", behind - before);
        before = behind;
    }
    assert_true(large >= 5);
    keyspace_check(keyspace);
    keyspace_free(&keyspace);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_new_array_gets_its_memory_piece_by_piece),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
