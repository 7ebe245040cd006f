#include "coatcheck/engine/command.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* Names of up to 16 bytes, which is nearly all, are found in lower case, as two words: one multiplication to
 * hash, two compares to know. The few longer ones are looked at one by one. */
#define FOLDED_LEN 16
#define NAME_MAX_LEN 32
#define LONG_ONES_MAX 16
#define SLOTS 2048

struct folded {
    uint64_t low, high;
};

struct slot {
    struct folded name;
    const struct command *command;
};

static struct command *all[COMMANDS_MAX];
static unsigned all_count;
static struct slot slots[SLOTS];
static const struct command *long_ones[LONG_ONES_MAX];
static unsigned long_ones_count;

/* Letters of both cases alike, in eight bytes at once: a byte in 'A' … 'Z' gains bit 5. */
static inline uint64_t fold_word(uint64_t word)
{
    uint64_t low7 = word & 0x7f7f7f7f7f7f7f7fu;
    uint64_t from_a = low7 + 0x3f3f3f3f3f3f3f3fu;  /* bit 7: at least 'A' */
    uint64_t after_z = low7 + 0x2525252525252525u; /* bit 7: beyond 'Z' */
    uint64_t upper = (from_a & ~after_z & ~word) & 0x8080808080808080u;

    return word | upper >> 2;
}

static inline struct folded fold(const char *at, size_t len)
{
    struct folded name;

    memcpy(&name.low, at, 8);
    memcpy(&name.high, at + 8, 8);
    if (len < 8) {
        name.low &= (1ull << 8 * len) - 1;
        name.high = 0;
    } else if (len < 16) {
        name.high &= (1ull << 8 * (len - 8)) - 1;
    }
    name.low = fold_word(name.low);
    name.high = fold_word(name.high);
    return name;
}

static inline unsigned slot_of(struct folded name)
{
    return (unsigned)(((name.low ^ name.high * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu) >> 53) % SLOTS;
}

static inline const struct command *find_folded(struct folded name)
{
    for (unsigned i = slot_of(name); slots[i].command; i = (i + 1) % SLOTS) {
        if (slots[i].name.low == name.low && slots[i].name.high == name.high) return slots[i].command;
    }
    return NULL;
}

static const struct command *find_long(struct bytes name)
{
    for (unsigned i = 0; i < long_ones_count; i++) {
        if (bytes_is(name, long_ones[i]->name)) return long_ones[i];
    }
    return NULL;
}

const struct command *commands_find(struct bytes name)
{
    if (unlikely(name.len > FOLDED_LEN)) return find_long(name);
    if (name.len == 0) return NULL;
    return find_folded(fold(name.at, name.len));
}

static struct folded fold_text(const char *text)
{
    char padded[FOLDED_LEN] = {0};

    memcpy(padded, text, strlen(text));
    return fold(padded, strlen(text));
}

static void rebuild_slots(void)
{
    memset(slots, 0, sizeof slots);
    long_ones_count = 0;
    for (unsigned n = 0; n < all_count; n++) {
        struct folded name;
        unsigned i;

        if (all[n]->parent || all[n]->name[0] == '\0') continue;
        if (strlen(all[n]->name) > FOLDED_LEN) {
            must(long_ones_count < LONG_ONES_MAX);
            long_ones[long_ones_count++] = all[n];
            continue;
        }
        name = fold_text(all[n]->name);
        for (i = slot_of(name); slots[i].command; i = (i + 1) % SLOTS) continue;
        slots[i] = (struct slot){.name = name, .command = all[n]};
    }
}

static struct command *add_row(const struct command_family *family, const struct command_row *row,
                               const struct command *parent)
{
    struct command *command = mem_need(sizeof *command);

    must(all_count < COMMANDS_MAX && strlen(row->name) <= NAME_MAX_LEN);
    *command = (struct command){.row = row, .parent = parent, .family = family, .number = all_count};
    snprintf(command->name, sizeof command->name, "%s", row->name);
    snprintf(command->full_name, sizeof command->full_name, "%s%s%s", parent ? parent->name : "",
             parent ? "|" : "", row->name);
    all[all_count++] = command;
    return command;
}

static void add_subs(struct command *container)
{
    const struct command_row *sub = container->row->subs;
    const struct command **list;
    unsigned count = 0;

    if (!sub) return;
    while (sub[count].name) count++;
    list = mem_need((count + 1) * sizeof *list);
    for (unsigned i = 0; i < count; i++) list[i] = add_row(container->family, &sub[i], container);
    list[count] = NULL;
    container->subs = list;
}

void commands_add(const struct command_family *const *families, unsigned count)
{
    for (unsigned f = 0; f < count; f++) {
        for (unsigned i = 0; i < families[f]->count; i++) {
            add_subs(add_row(families[f], &families[f]->rows[i], NULL));
        }
    }
    rebuild_slots();
}

bool commands_rename(struct bytes from, struct bytes to)
{
    struct command *command = NULL;

    for (unsigned n = 0; n < all_count; n++) {
        if (!all[n]->parent && bytes_is(from, all[n]->name)) command = all[n];
        if (!all[n]->parent && to.len > 0 && bytes_is(to, all[n]->name)) return false;
    }
    if (!command || to.len > NAME_MAX_LEN || (to.len > FOLDED_LEN && long_ones_count == LONG_ONES_MAX)) return false;
    for (size_t i = 0; i < to.len; i++) command->name[i] = (char)tolower((unsigned char)to.at[i]);
    command->name[to.len] = '\0';
    rebuild_slots();
    return true;
}

const struct command *commands_find_sub(const struct command *container, struct bytes name)
{
    for (const struct command *const *sub = container->subs; sub && *sub; sub++) {
        if (bytes_is(name, (*sub)->name)) return *sub;
    }
    return NULL;
}

const struct command *commands_find_full(struct bytes name)
{
    const char *bar = memchr(name.at, '|', name.len);
    char padded[NAME_MAX_LEN] = {0};
    size_t len = bar ? (size_t)(bar - name.at) : name.len;
    const struct command *command;

    if (len > NAME_MAX_LEN) return NULL;
    memcpy(padded, name.at, len);
    command = commands_find(bytes_of(padded, len));
    if (!command || !bar) return command;
    return commands_find_sub(command, bytes_of(bar + 1, name.len - len - 1));
}

unsigned commands_count(void)
{
    return all_count;
}

const struct command *commands_at(unsigned number)
{
    return all[number];
}

/* Optimal string alignment (Damerau-Levenshtein without moving a pair twice), three rows at a time. */
static unsigned distance(const char *a, size_t a_len, struct bytes b)
{
    unsigned rows[3][NAME_MAX_LEN + 1];
    unsigned *before = rows[0], *last = rows[1], *now = rows[2];

    for (unsigned j = 0; j <= b.len; j++) last[j] = j;
    for (unsigned i = 1; i <= a_len; i++) {
        unsigned *spare = before;

        now[0] = i;
        for (unsigned j = 1; j <= b.len; j++) {
            int ca = a[i - 1], cb = tolower((unsigned char)b.at[j - 1]);
            unsigned best = last[j - 1] + (ca != cb);

            if (last[j] + 1 < best) best = last[j] + 1;
            if (now[j - 1] + 1 < best) best = now[j - 1] + 1;
            if (i > 1 && j > 1 && ca == tolower((unsigned char)b.at[j - 2]) && cb == a[i - 2] &&
                before[j - 2] + 1 < best) {
                best = before[j - 2] + 1;
            }
            now[j] = best;
        }
        before = last;
        last = now;
        now = spare;
    }
    return last[b.len];
}

const char *commands_nearest(struct bytes name)
{
    const char *best = NULL;
    unsigned limit = name.len >= 6 ? 2 : 1;

    if (name.len < 2 || name.len > NAME_MAX_LEN) return NULL;
    for (unsigned n = 0; n < all_count; n++) {
        size_t len = strlen(all[n]->name);
        unsigned d;

        if (all[n]->parent || len == 0) continue;
        d = distance(all[n]->name, len, name);
        if (d <= limit) {
            best = all[n]->name;
            if (d <= 1) break;
            limit = d - 1;
        }
    }
    return best;
}
