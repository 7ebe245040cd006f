/* permit: rules held against a command and its words. */
#include "coatcheck/acl/rules.h"

#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/structs/glob.h"
#include "rules_internal.h"

/* Most commands have fewer words; their keys' places need no memory of their own. */
#define FEW_WORDS 64

bool rules_are_boundless(const struct rules *rules)
{
    const struct selector *own = &rules->selectors[0];

    if (!own->future || !own->keys.all || !own->channels.all) return false;
    for (unsigned n = 0; n < commands_count(); n++) {
        if (!selector_allows(own, n)) return false;
    }
    return true;
}

static bool allows_command(const struct selector *selector, const struct command *command, const struct args *args)
{
    if (likely(selector_allows(selector, command->number)) || command->row->flags & COMMAND_NO_AUTH) return true;
    for (unsigned i = 0; i < selector->first_count; i++) {
        const struct first_word *first = &selector->first[i];

        if (first->command == command->number && args->n > 1 && bytes_is(args->of[1], first->word)) return true;
    }
    return false;
}

static inline bool fits(const struct pattern *pattern, struct bytes text)
{
    if (likely(pattern->plain_prefix)) {
        return text.len >= pattern->len - 1 && memcmp(text.at, pattern->at, pattern->len - 1) == 0;
    }
    return glob_match(bytes_of(pattern->at, pattern->len), text);
}

static bool reaches_key(const struct patterns *keys, struct bytes key, unsigned access)
{
    unsigned needed = (access & KEY_ACCESS ? PATTERN_READ : 0u) |
                      (access & (KEY_INSERT | KEY_DELETE | KEY_UPDATE) ? PATTERN_WRITE : 0u);

    for (unsigned i = 0; i < keys->count; i++) {
        const struct pattern *pattern = &keys->of[i];

        if ((pattern->access & needed) != needed) continue;
        if (fits(pattern, key)) return true;
    }
    return false;
}

static enum permit permit_keys(const struct selector *selector, const struct command *command,
                               const struct args *args, unsigned *places, unsigned *place)
{
    const struct command_row *row = command->row;
    unsigned access;
    int count;

    if (likely(row->keys.first == 1 && row->keys.last == 1 && !row->find_keys && !row->key_specs) && args->n > 1) {
        access = row->find_access ? row->find_access(args, 0) : row->access;
        *place = 1;
        return access & KEY_NOT_KEY || reaches_key(&selector->keys, args->of[1], access) ? PERMITTED : NO_KEY;
    }
    count = command_keys_of(row, args, places);
    for (int k = 0; k < count; k++) {
        access = command_key_access(row, args, (unsigned)k, places[k]);
        if (access & KEY_NOT_KEY || reaches_key(&selector->keys, args->of[places[k]], access)) continue;
        *place = places[k];
        return NO_KEY;
    }
    return PERMITTED;
}

static bool reaches_channel(const struct patterns *channels, struct bytes channel, bool is_pattern)
{
    for (unsigned i = 0; i < channels->count; i++) {
        struct bytes pattern = bytes_of(channels->of[i].at, channels->of[i].len);

        /* What a pattern will match nobody knows yet: only the very same one is allowed. */
        if (is_pattern ? bytes_equal(pattern, channel) : fits(&channels->of[i], channel)) return true;
    }
    return false;
}

static enum permit permit_channels(const struct selector *selector, const struct command_row *row,
                                   const struct args *args, unsigned *place)
{
    unsigned end = row->channels == CHANNEL_FIRST ? 2 : args->n;

    for (unsigned i = 1; i < end && i < args->n; i++) {
        if (reaches_channel(&selector->channels, args->of[i], row->channels == CHANNEL_PATTERNS)) continue;
        *place = i;
        return NO_CHANNEL;
    }
    return PERMITTED;
}

static enum permit permit_by(const struct selector *selector, const struct command *command, const struct args *args,
                             unsigned *places, unsigned *place)
{
    enum permit permit = PERMITTED;

    *place = 0;
    if (!allows_command(selector, command, args)) return NO_COMMAND;
    if (!selector->keys.all && command_has_keys(command->row)) {
        permit = permit_keys(selector, command, args, places, place);
    }
    if (permit == PERMITTED && !selector->channels.all && command->row->channels != CHANNELS_NONE) {
        permit = permit_channels(selector, command->row, args, place);
    }
    return permit;
}

enum permit rules_permit(const struct rules *rules, const struct command *command, const struct args *args,
                         unsigned *place)
{
    unsigned few[FEW_WORDS], *places = few;
    enum permit refusal = NO_COMMAND;

    *place = 0;
    if (unlikely(args->n > FEW_WORDS)) {
        places = mem_alloc(args->n * sizeof *places);
        if (!places) return NO_COMMAND;
    }
    for (unsigned i = 0; i < rules->count; i++) {
        unsigned at;
        enum permit one = permit_by(&rules->selectors[i], command, args, places, &at);

        if (one == PERMITTED || one > refusal || (one == refusal && at > *place)) {
            refusal = one;
            *place = at;
        }
        if (one == PERMITTED) break;
    }
    if (unlikely(places != few)) mem_free(places);
    return refusal;
}

bool rules_permit_listening(const struct rules *rules, struct bytes name, bool is_pattern)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const struct patterns *channels = &rules->selectors[i].channels;

        if (channels->all || reaches_channel(channels, name, is_pattern)) return true;
    }
    return false;
}

bool rules_permit_reading_all(const struct rules *rules, const struct command *command)
{
    for (unsigned i = 0; i < rules->count; i++) {
        const struct selector *selector = &rules->selectors[i];
        bool reaches = selector->keys.all;

        for (unsigned k = 0; k < selector->keys.count && !reaches; k++) {
            const struct pattern *pattern = &selector->keys.of[k];

            reaches = pattern->access & PATTERN_READ && bytes_equal(bytes_of(pattern->at, pattern->len), BYTES("*"));
        }
        if (reaches && selector_allows(selector, command->number)) return true;
    }
    return false;
}
