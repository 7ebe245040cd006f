#include "coatcheck/acl/rules.h"

#include <string.h>
#include "coatcheck/acl/options.h"
#include "coatcheck/base/mem.h"
#include "rules_internal.h"

/* ---- made, copied, freed */

void selector_init(struct selector *selector)
{
    *selector = (struct selector){0};
    selector->channels.all = option_int(&acl_options.acl_pubsub_default) == ACL_ALL_CHANNELS;
}

void patterns_clear(struct patterns *patterns)
{
    for (unsigned i = 0; i < patterns->count; i++) mem_free(patterns->of[i].at);
    mem_free(patterns->of);
    *patterns = (struct patterns){0};
}

void selector_fini(struct selector *selector)
{
    patterns_clear(&selector->keys);
    patterns_clear(&selector->channels);
    for (unsigned i = 0; i < selector->first_count; i++) mem_free(selector->first[i].word);
    mem_free(selector->first);
    text_fini(&selector->commands);
}

/* Room for one more; grown by doubling. False: no memory, and `failed` is set. */
static bool room_for_one(void **of, unsigned count, unsigned *room, size_t each, bool *failed)
{
    unsigned wanted = *room ? *room * 2 : 4;
    void *grown;

    if (count < *room) return true;
    grown = mem_resize(*of, wanted * each);
    if (!grown) {
        *failed = true;
        return false;
    }
    *of = grown;
    *room = wanted;
    return true;
}

/* "key:*" and the like, which most patterns are. */
static bool is_plain_prefix(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (strchr("*?[\\", text.at[i])) return text.at[i] == '*' && i > 0 && i + 1 == text.len;
    }
    return false;
}

static void add_pattern(struct rules *rules, struct patterns *patterns, unsigned access, struct bytes text)
{
    char *copy;

    for (unsigned i = 0; i < patterns->count; i++) {
        struct pattern *known = &patterns->of[i];

        if (!bytes_equal(bytes_of(known->at, known->len), text)) continue;
        known->access |= access;
        return;
    }
    if (!room_for_one((void **)&patterns->of, patterns->count, &patterns->room, sizeof *patterns->of, &rules->failed))
        return;
    copy = mem_alloc(text.len + 1);
    if (!copy) {
        rules->failed = true;
        return;
    }
    memcpy(copy, text.at, text.len);
    patterns->of[patterns->count++] = (struct pattern){
        .access = access, .plain_prefix = is_plain_prefix(text), .at = copy, .len = text.len};
}

static struct selector *add_selector(struct rules *rules)
{
    if (!room_for_one((void **)&rules->selectors, rules->count, &rules->room, sizeof *rules->selectors,
                      &rules->failed))
        return NULL;
    selector_init(&rules->selectors[rules->count]);
    return &rules->selectors[rules->count++];
}

static void drop_selectors_from(struct rules *rules, unsigned first)
{
    while (rules->count > first) selector_fini(&rules->selectors[--rules->count]);
}

struct rules *rules_new(void)
{
    struct rules *rules = mem_alloc_zeroed(sizeof *rules);

    if (rules && !add_selector(rules)) rules_free(&rules);
    return rules;
}

void rules_free(struct rules **rules)
{
    if (!*rules) return;
    drop_selectors_from(*rules, 0);
    mem_free((*rules)->selectors);
    mem_free((*rules)->passwords);
    mem_free(*rules);
    *rules = NULL;
}

static void copy_patterns(struct rules *rules, struct patterns *to, const struct patterns *from)
{
    to->all = from->all;
    for (unsigned i = 0; i < from->count; i++) {
        add_pattern(rules, to, from->of[i].access, bytes_of(from->of[i].at, from->of[i].len));
    }
}

/* Its commands, by the words that made them. */
static void copy_commands(struct rules *rules, struct selector *to, const struct selector *from)
{
    struct bytes rest = text_bytes(&from->commands);

    selector_take_command(rules, to, from->future ? BYTES("+@all") : BYTES("-@all"));
    while (rest.len > 0) {
        const char *end = memchr(rest.at, ' ', rest.len);
        struct bytes word = bytes_of(rest.at, end ? (size_t)(end - rest.at) : rest.len);

        selector_take_command(rules, to, word);
        rest = bytes_of(rest.at + word.len + !!end, rest.len - word.len - !!end);
    }
}

static void copy_selector(struct rules *rules, const struct selector *from)
{
    struct selector *to = add_selector(rules);

    if (!to) return;
    to->channels.all = false;
    copy_patterns(rules, &to->keys, &from->keys);
    copy_patterns(rules, &to->channels, &from->channels);
    copy_commands(rules, to, from);
    if (text_failed(&to->commands)) rules->failed = true;
}

static void add_password(struct rules *rules, const struct password *password)
{
    for (unsigned i = 0; i < rules->password_count; i++) {
        if (password_equal(&rules->passwords[i], password)) return;
    }
    if (room_for_one((void **)&rules->passwords, rules->password_count, &rules->password_room,
                     sizeof *rules->passwords, &rules->failed))
        rules->passwords[rules->password_count++] = *password;
}

struct rules *rules_copy(const struct rules *rules)
{
    struct rules *copy = mem_alloc_zeroed(sizeof *copy);

    if (!copy) return NULL;
    copy->flags = rules->flags;
    for (unsigned i = 0; i < rules->password_count; i++) add_password(copy, &rules->passwords[i]);
    for (unsigned i = 0; i < rules->count; i++) copy_selector(copy, &rules->selectors[i]);
    if (copy->failed) rules_free(&copy);
    return copy;
}

/* ---- one word */

static struct bytes after(struct bytes word, size_t skip)
{
    return bytes_of(word.at + skip, word.len - skip);
}

static bool has_odd_byte(struct bytes text)
{
    for (size_t i = 0; i < text.len; i++) {
        if (text.at[i] == ' ' || text.at[i] == '\t' || text.at[i] == '\n' || text.at[i] == '\r' ||
            text.at[i] == '\v' || text.at[i] == '\f' || text.at[i] == '\0')
            return true;
    }
    return false;
}

/* "%R~pattern", "%RW~pattern", "~pattern". */
static enum refusal take_key_pattern(struct rules *rules, struct selector *selector, struct bytes word)
{
    unsigned access = 0;
    size_t at = 1;

    if (word.at[0] == '~') {
        access = PATTERN_READ | PATTERN_WRITE;
    } else {
        for (; at < word.len && word.at[at] != '~'; at++) {
            unsigned one = word.at[at] == 'R' || word.at[at] == 'r'   ? PATTERN_READ
                           : word.at[at] == 'W' || word.at[at] == 'w' ? PATTERN_WRITE
                                                                      : 0;

            if (one == 0 || access & one) return REFUSED_SYNTAX;
            access |= one;
        }
        if (access == 0 || at == word.len) return REFUSED_SYNTAX;
        at++;
    }
    if (selector->keys.all) return REFUSED_KEYS_AFTER_ALL;
    word = after(word, at);
    if (has_odd_byte(word)) return REFUSED_SYNTAX;
    if (access == (PATTERN_READ | PATTERN_WRITE) && bytes_equal(word, BYTES("*"))) {
        patterns_clear(&selector->keys);
        selector->keys.all = true;
    } else {
        add_pattern(rules, &selector->keys, access, word);
    }
    return TAKEN;
}

static enum refusal take_channel_pattern(struct rules *rules, struct selector *selector, struct bytes word)
{
    if (selector->channels.all) return REFUSED_CHANNELS_AFTER_ALL;
    word = after(word, 1);
    if (has_odd_byte(word)) return REFUSED_SYNTAX;
    if (bytes_equal(word, BYTES("*"))) {
        patterns_clear(&selector->channels);
        selector->channels.all = true;
    } else {
        add_pattern(rules, &selector->channels, 0, word);
    }
    return TAKEN;
}

enum refusal selector_take(struct rules *rules, struct selector *selector, struct bytes word)
{
    if (bytes_is(word, "allkeys") || bytes_equal(word, BYTES("~*"))) {
        patterns_clear(&selector->keys);
        selector->keys.all = true;
    } else if (bytes_is(word, "resetkeys")) {
        patterns_clear(&selector->keys);
    } else if (bytes_is(word, "allchannels") || bytes_equal(word, BYTES("&*"))) {
        patterns_clear(&selector->channels);
        selector->channels.all = true;
    } else if (bytes_is(word, "resetchannels")) {
        patterns_clear(&selector->channels);
    } else if (word.len > 0 && (word.at[0] == '~' || word.at[0] == '%')) {
        return take_key_pattern(rules, selector, word);
    } else if (word.len > 0 && word.at[0] == '&') {
        return take_channel_pattern(rules, selector, word);
    } else {
        return selector_take_command(rules, selector, word);
    }
    return TAKEN;
}

static enum refusal drop_password(struct rules *rules, const struct password *password)
{
    for (unsigned i = 0; i < rules->password_count; i++) {
        if (!password_equal(&rules->passwords[i], password)) continue;
        rules->password_count--;
        memmove(&rules->passwords[i], &rules->passwords[i + 1],
                (rules->password_count - i) * sizeof *rules->passwords);
        return TAKEN;
    }
    return REFUSED_NO_SUCH_PASSWORD;
}

/* ">word" "#hash" "<word" "!hash" */
static enum refusal take_password(struct rules *rules, struct bytes word)
{
    struct password password;

    if (word.at[0] == '>' || word.at[0] == '<') {
        password = password_of(after(word, 1));
    } else if (!password_read(&password, after(word, 1))) {
        return REFUSED_BAD_HASH;
    }
    if (word.at[0] == '<' || word.at[0] == '!') return drop_password(rules, &password);
    rules->flags &= ~(unsigned)RULES_NO_PASSWORD;
    add_password(rules, &password);
    return TAKEN;
}

/* "(+get ~a)": a selector of its own. */
static enum refusal take_selector(struct rules *rules, struct bytes word)
{
    struct bytes rest = bytes_of(word.at + 1, word.len - 2);
    struct selector *selector = add_selector(rules);

    if (!selector) return TAKEN;
    while (rest.len > 0) {
        const char *end = memchr(rest.at, ' ', rest.len);
        struct bytes one = bytes_of(rest.at, end ? (size_t)(end - rest.at) : rest.len);

        if (one.len > 0) {
            enum refusal refusal = selector_take(rules, selector, one);

            if (refusal != TAKEN) return refusal;
        }
        rest = after(rest, one.len + !!end);
    }
    return TAKEN;
}

static void take_reset(struct rules *rules)
{
    drop_selectors_from(rules, 0);
    add_selector(rules);
    rules->flags = RULES_SANITIZE;
    rules->password_count = 0;
}

static enum refusal take_word(struct rules *rules, struct bytes word)
{
    if (word.len == 0) {
        /* redis-server takes it for nothing. */
    } else if (bytes_is(word, "on")) {
        rules->flags |= RULES_ON;
    } else if (bytes_is(word, "off")) {
        rules->flags &= ~(unsigned)RULES_ON;
    } else if (bytes_is(word, "nopass")) {
        rules->flags |= RULES_NO_PASSWORD;
        rules->password_count = 0;
    } else if (bytes_is(word, "resetpass")) {
        rules->flags &= ~(unsigned)RULES_NO_PASSWORD;
        rules->password_count = 0;
    } else if (bytes_is(word, "sanitize-payload")) {
        rules->flags = (rules->flags & ~(unsigned)RULES_SKIP_SANITIZE) | RULES_SANITIZE;
    } else if (bytes_is(word, "skip-sanitize-payload")) {
        rules->flags = (rules->flags & ~(unsigned)RULES_SANITIZE) | RULES_SKIP_SANITIZE;
    } else if (bytes_is(word, "reset")) {
        take_reset(rules);
    } else if (bytes_is(word, "clearselectors")) {
        drop_selectors_from(rules, 1);
    } else if (strchr("><#!", word.at[0])) {
        return take_password(rules, word);
    } else if (word.len > 1 && word.at[0] == '(' && word.at[word.len - 1] == ')') {
        return take_selector(rules, word);
    } else {
        return selector_take(rules, &rules->selectors[0], word);
    }
    return TAKEN;
}

/* ---- many words */

static void explain(enum refusal refusal, struct bytes word, struct text *why)
{
    static const char *const sentences[] = {
        [REFUSED_SYNTAX] = "Syntax error",
        [REFUSED_UNKNOWN] = "Unknown command or category name in ACL",
        [REFUSED_FIRST_WORD] = "Allowing first-arg of a subcommand is not supported",
        [REFUSED_KEYS_AFTER_ALL] =
            "Adding a pattern after the * pattern (or the 'allkeys' flag) is not valid and does not have any effect. "
            "Try 'resetkeys' to start with an empty list of patterns",
        [REFUSED_CHANNELS_AFTER_ALL] =
            "Adding a pattern after the * pattern (or the 'allchannels' flag) is not valid and does not have any "
            "effect. Try 'resetchannels' to start with an empty list of channels",
        [REFUSED_NO_SUCH_PASSWORD] = "The password you are trying to remove from the user does not exist",
        [REFUSED_BAD_HASH] =
            "The password hash must be exactly 64 characters and contain only lowercase hexadecimal characters",
    };

    text_addf(why, "Error in ACL SETUSER modifier '");
    text_add(why, word);
    text_addf(why, "': %s", sentences[refusal]);
}

/* A selector may come as several words, "(+get" and "~a)": gathered into one. How many words those were; 0: its end
 * is missing. */
static unsigned gather(const struct bytes *words, unsigned count, struct text *into)
{
    for (unsigned i = 0; i < count; i++) {
        if (i > 0) text_add_char(into, ' ');
        text_add(into, words[i]);
        if (words[i].len > 0 && words[i].at[words[i].len - 1] == ')') return i + 1;
    }
    return 0;
}

bool rules_take(struct rules *rules, const struct bytes *words, unsigned count, struct text *why)
{
    for (unsigned i = 0; i < count;) {
        struct text whole = {0};
        struct bytes word = words[i];
        enum refusal refusal;
        unsigned taken = 1;

        if (word.len > 0 && word.at[0] == '(' && word.at[word.len - 1] != ')') {
            taken = gather(words + i, count - i, &whole);
            if (taken == 0) {
                text_addf(why, "Unmatched parenthesis in acl selector starting at '");
                text_add(why, word);
                text_addf(why, "'.");
                text_fini(&whole);
                return false;
            }
            word = text_bytes(&whole);
            if (text_failed(&whole)) rules->failed = true;
        }
        refusal = take_word(rules, word);
        if (refusal != TAKEN) explain(refusal, word, why);
        text_fini(&whole);
        if (refusal != TAKEN) return false;
        i += taken;
    }
    for (unsigned i = 0; i < rules->count; i++) rules->failed |= text_failed(&rules->selectors[i].commands);
    if (rules->failed || rules->count == 0) text_addf(why, "there is no memory for these rules");
    return !rules->failed && rules->count > 0;
}

/* ---- told back */

void selector_print_keys(const struct selector *selector, struct text *into)
{
    const struct patterns *keys = &selector->keys;

    if (keys->all) text_addf(into, "~*");
    for (unsigned i = 0; i < keys->count; i++) {
        static const char *const marks[] = {"", "%R~", "%W~", "~"};

        text_addf(into, "%s%s", i > 0 ? " " : "", marks[keys->of[i].access]);
        text_add(into, bytes_of(keys->of[i].at, keys->of[i].len));
    }
}

void selector_print_channels(const struct selector *selector, struct text *into)
{
    const struct patterns *channels = &selector->channels;

    if (channels->all) text_addf(into, "&*");
    for (unsigned i = 0; i < channels->count; i++) {
        text_addf(into, "%s&", i > 0 ? " " : "");
        text_add(into, bytes_of(channels->of[i].at, channels->of[i].len));
    }
}

static void print_selector(const struct selector *selector, struct text *into)
{
    size_t before = into->len;

    selector_print_keys(selector, into);
    if (into->len > before) text_add_char(into, ' ');
    if (!selector->channels.all) text_addf(into, "resetchannels ");
    before = into->len;
    selector_print_channels(selector, into);
    if (into->len > before) text_add_char(into, ' ');
    selector_print_commands(selector, into);
}

void rules_print(const struct rules *rules, struct text *into)
{
    text_addf(into, rules->flags & RULES_ON ? "on " : "off ");
    if (rules->flags & RULES_NO_PASSWORD) text_addf(into, "nopass ");
    if (rules->flags & RULES_SKIP_SANITIZE) text_addf(into, "skip-sanitize-payload ");
    if (rules->flags & RULES_SANITIZE) text_addf(into, "sanitize-payload ");
    for (unsigned i = 0; i < rules->password_count; i++) {
        text_addf(into, "#%.*s ", PASSWORD_DIGITS, rules->passwords[i].digits);
    }
    print_selector(&rules->selectors[0], into);
    for (unsigned i = 1; i < rules->count; i++) {
        text_addf(into, " (");
        print_selector(&rules->selectors[i], into);
        text_add_char(into, ')');
    }
}

bool rules_know_password(const struct rules *rules, struct bytes word)
{
    struct password given = password_of(word);
    bool known = false;

    for (unsigned i = 0; i < rules->password_count; i++) known |= password_equal(&rules->passwords[i], &given);
    return known;
}
