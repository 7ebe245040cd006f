#include "value_internal.h"

#include "coatcheck/base/must.h"
#include "coatcheck/base/number.h"

static bool read_word(const struct option_row *row, struct bytes given, int64_t *number,
                      struct text *why)
{
    for (const struct option_word *word = row->words; word->word; word++) {
        if (bytes_is(given, word->word)) {
            *number = word->number;
            return true;
        }
    }
    text_addf(why, "argument(s) must be one of the following: ");
    for (const struct option_word *word = row->words; word->word; word++) {
        text_addf(why, "%s%s", word == row->words ? "" : ", ", word->word);
    }
    return false;
}

static bool within_bounds(const struct option_row *row, int64_t number, struct text *why)
{
    if (number >= row->min && number <= row->max) return true;
    text_addf(why, "argument must be between %lld and %lld inclusive", (long long)row->min,
              (long long)row->max);
    return false;
}

/* Redis takes a size without digits for none: maxmemory "" switches it off. */
static bool read_size(struct bytes given, int64_t *number)
{
    char with_digit[4] = {'0'};

    if (number_read_size(given, number)) return true;
    if (given.len > 2) return false;
    if (given.len > 0) memcpy(with_digit + 1, given.at, given.len);
    return number_read_size(bytes_of(with_digit, given.len + 1), number) && *number == 0 &&
           (given.len == 0 || given.at[0] > '9');
}

/* "50%": 0 … 100, kept below zero. */
static bool read_percent(struct bytes given, int64_t *number)
{
    if (given.len < 2 || given.at[given.len - 1] != '%') return false;
    if (!number_read_int(bytes_of(given.at, given.len - 1), number)) return false;
    if (*number < 0 || *number > 100) return false;
    *number = -*number;
    return true;
}

/* Digits and no more, so many that no number holds them: a size, though out of every bound. */
static bool is_endless(struct bytes given)
{
    size_t digits = 0;

    while (digits < given.len && given.at[digits] >= '0' && given.at[digits] <= '9') digits++;
    return digits > 0 && digits == given.len;
}

bool value_read(const struct option_row *row, struct bytes given, int64_t *number, struct text *why)
{
    switch (row->kind) {
    case OPTION_BOOL:
        *number = bytes_is(given, "yes");
        if (*number || bytes_is(given, "no")) return true;
        text_addf(why, "argument must be 'yes' or 'no'");
        return false;
    case OPTION_INT:
        if (number_read_int(given, number)) return within_bounds(row, *number, why);
        text_addf(why, "argument couldn't be parsed into an integer");
        return false;
    case OPTION_SIZE:
        if (row->flags & OPTION_PERCENT && read_percent(given, number)) return true;
        if (read_size(given, number)) return within_bounds(row, *number, why);
        if (is_endless(given)) return within_bounds(row, -1, why);
        text_addf(why, "argument must be a memory value");
        return false;
    case OPTION_WORD:
        return read_word(row, given, number, why);
    case OPTION_TEXT:
        *number = 0;
        if (given.len == 0 || !memchr(given.at, 0, given.len)) return true;
        text_addf(why, "argument must not contain a zero byte");
        return false;
    }
    return false;
}

/* In the largest unit that divides it: "512mb". */
static void add_size(struct text *into, int64_t size)
{
    static const char units[] = "kmg";
    char unit = 0;

    for (const char *next = units; *next && size != 0 && size % 1024 == 0; next++) {
        size /= 1024;
        unit = *next;
    }
    text_add_int(into, size);
    if (unit) text_addf(into, "%cb", unit);
}

void value_expectation(const struct option_row *row, struct text *into)
{
    switch (row->kind) {
    case OPTION_BOOL:
        text_addf(into, "yes or no");
        return;
    case OPTION_INT:
        if (row->max == INT64_MAX) {
            text_addf(into, "a whole number from %lld", (long long)row->min);
        } else {
            text_addf(into, "a whole number from %lld to %lld", (long long)row->min,
                      (long long)row->max);
        }
        return;
    case OPTION_SIZE:
        text_addf(into, "a size such as 512mb, from ");
        add_size(into, row->min);
        if (row->max == INT64_MAX) return;
        text_addf(into, " to ");
        add_size(into, row->max);
        return;
    case OPTION_WORD:
        text_addf(into, "one of ");
        for (const struct option_word *word = row->words; word->word; word++) {
            text_addf(into, "%s%s", word == row->words ? "" : ", ", word->word);
        }
        return;
    case OPTION_TEXT:
        text_addf(into, row->flags & (OPTION_LIST | OPTION_REPEATS) ? "words" : "a text");
        return;
    }
}

void value_print_number(const struct option_row *row, int64_t number, struct text *into)
{
    switch (row->kind) {
    case OPTION_BOOL:
        text_addf(into, number ? "yes" : "no");
        return;
    case OPTION_WORD:
        for (const struct option_word *word = row->words; word->word; word++) {
            if (word->number != number) continue;
            text_addf(into, "%s", word->word);
            return;
        }
        must(false); /* only numbers of the list are ever stored */
        return;
    default:
        if (row->flags & OPTION_PERCENT && number < 0) {
            text_addf(into, "%lld%%", (long long)-number);
            return;
        }
        text_add_int(into, number);
        return;
    }
}

void value_print_initial(const struct option_row *row, struct text *into)
{
    if (row->kind == OPTION_TEXT) {
        text_add(into, bytes_of_text(row->initial_text ? row->initial_text : ""));
    } else {
        value_print_number(row, row->initial, into);
    }
}

static void add_word(struct text *into, struct bytes word)
{
    bool plain = word.len > 0 && word.at[0] != '#';

    for (size_t i = 0; i < word.len && plain; i++) {
        plain = word.at[i] > ' ' && word.at[i] < 0x7f && !strchr("\"'\\", word.at[i]);
    }
    if (plain) {
        text_add(into, word);
    } else {
        text_add_quoted(into, word);
    }
}

static void add_words(struct text *into, struct bytes words)
{
    size_t from = 0;

    for (size_t i = 0; i <= words.len; i++) {
        if (i < words.len && words.at[i] != ' ') continue;
        text_add_char(into, ' ');
        add_word(into, bytes_of(words.at + from, i - from));
        from = i + 1;
    }
}

void value_print_lines(const struct option_row *row, struct bytes printed, const char *prefix,
                       struct text *into)
{
    size_t from = 0;
    int64_t size;

    if (row->kind == OPTION_SIZE && number_read_int(printed, &size)) {
        text_addf(into, "%s%s ", prefix, row->name);
        add_size(into, size);
        text_add_char(into, '\n');
        return;
    }
    if (!(row->flags & (OPTION_LIST | OPTION_REPEATS))) {
        text_addf(into, "%s%s ", prefix, row->name);
        add_word(into, printed);
        text_add_char(into, '\n');
        return;
    }
    for (size_t i = 0; i <= printed.len; i++) {
        if (i < printed.len && printed.at[i] != '\n') continue;
        text_addf(into, "%s%s", prefix, row->name);
        add_words(into, bytes_of(printed.at + from, i - from));
        text_add_char(into, '\n');
        from = i + 1;
    }
}
