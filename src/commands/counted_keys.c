#include "coatcheck/commands/counted_keys.h"

#include <ctype.h>
#include <stdint.h>

/* As atoi(): with these redis-server looks for keys. Whether it is a number at all is for the
 * command to say. */
static int32_t read_number(struct bytes word)
{
    bool negative;
    int64_t number = 0;
    size_t i = 0;

    while (i < word.len && isspace((unsigned char)word.at[i])) i++;
    negative = i < word.len && word.at[i] == '-';
    if (i < word.len && (word.at[i] == '-' || word.at[i] == '+')) i++;
    for (; i < word.len && isdigit((unsigned char)word.at[i]); i++) {
        if (__builtin_mul_overflow(number, 10, &number) ||
            __builtin_add_overflow(number, word.at[i] - '0', &number)) {
            return negative ? 0 : -1;
        }
    }
    return (int32_t)(negative ? -number : number);
}

/* The keys after the number at word `at`, behind `count` places that are known. */
static int find_counted(const struct args *args, unsigned at, unsigned *places, int count)
{
    int32_t wanted = at < args->n ? read_number(args->of[at]) : 0;

    if (wanted < 1 || (uint32_t)wanted >= args->n - at) return -1;
    for (unsigned i = 1; i <= (uint32_t)wanted; i++) places[count++] = at + i;
    return count;
}

int counted_keys_find(const struct args *args, unsigned *places)
{
    return find_counted(args, 1, places, 0);
}

int counted_keys_find_timed(const struct args *args, unsigned *places)
{
    return find_counted(args, 2, places, 0);
}

int counted_keys_find_with_target(const struct args *args, unsigned *places)
{
    places[0] = 1;
    return find_counted(args, 2, places, 1);
}

const struct command_key_spec counted_keys_read[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .counted = true, .first = 1, .step = 1},
    {0},
};
const struct command_key_spec counted_keys_popped[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE,
     .index = 1,
     .counted = true,
     .first = 1,
     .step = 1},
    {0},
};
const struct command_key_spec counted_keys_popped_timed[] = {
    {.access = KEY_RW | KEY_ACCESS | KEY_DELETE,
     .index = 2,
     .counted = true,
     .first = 1,
     .step = 1},
    {0},
};
