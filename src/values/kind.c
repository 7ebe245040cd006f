#include "coatcheck/values/kind.h"

#include "coatcheck/base/must.h"

const struct value_kind *value_kinds[VALUE_TYPES];

static const char *const names[VALUE_TYPES] = {
    [VALUE_STRING] = "string", [VALUE_LIST] = "list", [VALUE_SET] = "set",
    [VALUE_ZSET] = "zset",     [VALUE_HASH] = "hash", [VALUE_STREAM] = "stream",
};

void value_kind_add(enum value_type type, const struct value_kind *kind)
{
    must(type < VALUE_TYPES && type != VALUE_STRING);
    value_kinds[type] = kind;
}

const char *value_type_name(enum value_type type)
{
    must(type < VALUE_TYPES);
    return names[type];
}
