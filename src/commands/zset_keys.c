#include "coatcheck/commands/zset_keys.h"

#include "coatcheck/base/number.h"

/* The keys after the number at word `at`, behind `count` places that are known. A number that makes no sense is
 * for the command to answer. */
static int find_counted(const struct args *args, unsigned at, unsigned *places, int count)
{
    int64_t wanted;

    if (at >= args->n || !number_read_int(args->of[at], &wanted) || wanted < 1 || wanted >= args->n - at) return -1;
    for (unsigned i = 1; i <= wanted; i++) places[count++] = at + i;
    return count;
}

int zset_find_counted_keys(const struct args *args, unsigned *places)
{
    return find_counted(args, 1, places, 0);
}

int zset_find_store_keys(const struct args *args, unsigned *places)
{
    places[0] = 1;
    return find_counted(args, 2, places, 1);
}
