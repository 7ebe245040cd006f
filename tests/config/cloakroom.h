/* cloakroom: the options of a room that only the tests know, one of each kind and flag. */
#ifndef TESTS_CONFIG_CLOAKROOM_H
#define TESTS_CONFIG_CLOAKROOM_H

#include <string.h>
#include "coatcheck/config/registry.h"

enum { LEVEL_DEBUG, LEVEL_NOTICE = 2, LEVEL_WARNING };

static const struct option_word level_words[] = {
    {"debug", LEVEL_DEBUG}, {"notice", LEVEL_NOTICE}, {"warning", LEVEL_WARNING}, {NULL, 0}};

#define CLOAK_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                 \
    BOOL(locked, "locked", 0, OPTION_LIVE, "keep the door locked")                                 \
    INT(hooks, "hooks", 100, 1, 65535, OPTION_LIVE, "hooks on the wall")                           \
    INT(cold_ms, "cold-ms", 0, -5, INT64_MAX, OPTION_LIVE,                                         \
        "milliseconds that the door stands open")                                                  \
    INT(port, "port", 6379, 0, 65535, OPTION_AT_START, "TCP port to listen on")                    \
    SIZE(pocket, "pocket", 1048576, 1024, INT64_MAX, OPTION_LIVE, "bytes that fit into a pocket")  \
    SIZE(attic, "attic", 0, 0, 1073741824, OPTION_LIVE, "bytes that the attic holds")              \
    WORD(level, "level", LEVEL_NOTICE, level_words, OPTION_LIVE, "how much is told")               \
    TEXT(sign, "sign", "", OPTION_LIVE, "what the sign above the door says")                       \
    TEXT(secret, "secret", "", OPTION_LIVE | OPTION_SECRET, "what opens the back door")            \
    TEXT(doors, "doors", "front -back", OPTION_LIVE | OPTION_LIST, "doors that are opened")        \
    TEXT(rename, "rename", "", OPTION_AT_START | OPTION_REPEATS, "a coat and its new name")        \
    TEXT(limits, "limits", "a 0 0", OPTION_LIVE | OPTION_REPEATS, "limits, class by class")        \
    TEXT(folder, "folder", "/var", OPTION_LIVE | OPTION_PROTECTED, "where coats are put by")
OPTION_STRUCT(cloak, CLOAK_OPTIONS);

#define OPTIONS_HERE cloak_options
#define OPTION_HOOKS_HERE cloak_option_hooks
OPTION_DEFINE(cloak, CLOAK_OPTIONS)

/* Every option at its default again, and no hook. */
static inline void cloakroom_tidy(void)
{
    for (unsigned i = 0; i < cloak_option_set.count; i++) {
        const struct option_row *row = &cloak_option_set.rows[i];

        *row->hooks = (struct option_hooks){0};
        if (row->kind == OPTION_TEXT) {
            ((struct option_text *)row->value)->at = row->initial_text;
        } else {
            *(_Atomic int64_t *)row->value = row->initial;
        }
    }
}

/* What `into` holds, as C text until the next call. */
static inline const char *said(struct text *into)
{
    text_add_char(into, 0);
    into->len--;
    return into->at;
}

#endif
