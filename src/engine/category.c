#include "coatcheck/engine/category.h"

#include <string.h>

const char *const category_names[CATEGORY_COUNT + 1] = {
#define ROW(name, text) text,
    CATEGORIES(ROW)
#undef ROW
        NULL};

#define BIT(name) (1u << CATEGORY_##name)

static const struct {
    uint32_t flag, categories;
} by_flag[] = {
    {COMMAND_WRITE, BIT(WRITE)},         {COMMAND_ADMIN, BIT(ADMIN) | BIT(DANGEROUS)},
    {COMMAND_PUBSUB, BIT(PUBSUB)},       {COMMAND_FAST, BIT(FAST)},
    {COMMAND_BLOCKING, BIT(BLOCKING)},   {COMMAND_CONNECTION, BIT(CONNECTION)},
    {COMMAND_DANGEROUS, BIT(DANGEROUS)}, {COMMAND_KEYSPACE, BIT(KEYSPACE)},
    {COMMAND_ADMINISTERS, BIT(ADMIN)},   {COMMAND_SORTS, BIT(LIST) | BIT(SET) | BIT(SORTEDSET)},
};

static const struct {
    const char *group;
    uint32_t categories;
} by_group[] = {
    {"generic", BIT(KEYSPACE)},
    {"string", BIT(STRING)},
    {"list", BIT(LIST)},
    {"set", BIT(SET)},
    {"hash", BIT(HASH)},
    {"sorted-set", BIT(SORTEDSET)},
    {"stream", BIT(STREAM)},
    {"bitmap", BIT(BITMAP)},
    {"hyperloglog", BIT(HYPERLOGLOG)},
    {"geo", BIT(GEO)},
    {"pubsub", BIT(PUBSUB)},
    {"transactions", BIT(TRANSACTION)},
    {"scripting", BIT(SCRIPTING)},
};

enum category category_find(struct bytes name)
{
    unsigned i = 0;

    while (i < CATEGORY_COUNT && !bytes_is(name, category_names[i])) i++;
    return (enum category)i;
}

static uint32_t categories_of_group(const struct command *command)
{
    /* A container does nothing by itself, WAIT is generic but about a connection, and SORT is about
     * three types. */
    if (command->subs || command->row->flags & (COMMAND_CONNECTION | COMMAND_SORTS)) return 0;
    for (size_t i = 0; i < sizeof by_group / sizeof by_group[0]; i++) {
        if (strcmp(command->family->group, by_group[i].group) == 0) return by_group[i].categories;
    }
    return 0;
}

uint32_t command_categories(const struct command *command)
{
    uint32_t flags = command->row->flags, categories = categories_of_group(command);

    for (size_t i = 0; i < sizeof by_flag / sizeof by_flag[0]; i++) {
        if (flags & by_flag[i].flag) categories |= by_flag[i].categories;
    }
    /* What a script does is known only when it runs, so the read-only ones do not count as reads.
     */
    if (flags & COMMAND_READ && !(categories & BIT(SCRIPTING))) categories |= BIT(READ);
    if (!(flags & COMMAND_FAST)) categories |= BIT(SLOW);
    return categories;
}
