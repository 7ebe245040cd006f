#include "workload.h"

#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Windows start at 4,096 places: enough that neighbours differ, few enough to stay in the cache. */
enum { WINDOW_BITS = 12, WORDS_MOST = 2048 };

static uint64_t scatter(uint64_t x)
{
    x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9u;
    x = (x ^ (x >> 27)) * 0x94d049bb133111ebu;
    return x ^ (x >> 31);
}

static uint64_t draw(struct draws *draws)
{
    return scatter(draws->state += 0x9e3779b97f4a7c15u);
}

static uint64_t draw_below(struct draws *draws, uint64_t limit)
{
    return (uint64_t)(((unsigned __int128)draw(draws) * limit) >> 64);
}

static double draw_real(struct draws *draws)
{
    return (double)(draw(draws) >> 11) * 0x1.0p-53;
}

/* The area under x^-theta from 1 to x, and its inverse. */
static double zipf_area(double x, double theta)
{
    return theta == 1.0 ? log(x) : (pow(x, 1.0 - theta) - 1.0) / (1.0 - theta);
}

static double zipf_point(double area, double theta)
{
    return theta == 1.0 ? exp(area) : pow(1.0 + area * (1.0 - theta), 1.0 / (1.0 - theta));
}

static void zipf_open(struct workload *load)
{
    double theta = load->theta;

    load->zipf_high = zipf_area((double)load->keys + 0.5, theta);
    load->zipf_low = zipf_area(1.5, theta) - 1.0;
    load->zipf_skip = 2.0 - zipf_point(zipf_area(2.5, theta) - pow(2.0, -theta), theta);
}

/* Rejection-inversion (Hörmann and Derflinger): a point under the smooth curve, kept when it lies
 * under the staircase too. No table of the ranks, so that a hundred million keys cost nothing. */
static uint64_t zipf_draw(const struct workload *load, struct draws *draws)
{
    double theta = load->theta;

    for (;;) {
        double area = load->zipf_high + draw_real(draws) * (load->zipf_low - load->zipf_high);
        double x = zipf_point(area, theta);
        double rank = floor(x + 0.5);

        if (rank < 1.0) rank = 1.0;
        if (rank > (double)load->keys) rank = (double)load->keys;
        if (rank - x <= load->zipf_skip || area >= zipf_area(rank + 0.5, theta) - pow(rank, -theta))
            return (uint64_t)rank - 1;
    }
}

/* A permutation of 0 .. keys-1 without a table: four rounds of a Feistel network permute the
 * numbers below a power of four, and one that falls beyond the keys goes round again. */
static uint64_t shuffled(const struct workload *load, uint64_t number)
{
    unsigned bits = load->shuffle_bits;
    uint64_t mask = ((uint64_t)1 << bits) - 1;

    do {
        uint64_t high = number >> bits, low = number & mask;
        for (uint64_t round = 1; round <= 4; round++) {
            uint64_t mixed = high ^ (scatter(low + (round << 40)) & mask);
            high = low;
            low = mixed;
        }
        number = high << bits | low;
    } while (number >= load->keys);
    return number;
}

static uint64_t draw_key(const struct workload *load, struct draws *draws)
{
    uint64_t key;

    switch (load->distribution) {
    case KEYS_ZIPF:
        /* Popular keys must not lie side by side in memory because they were filled in one after
         * the other: a step by a prime scatters the ranks over all keys. */
        return zipf_draw(load, draws) * 2654435761u % load->keys;
    case KEYS_SEQUENTIAL:
    case KEYS_SHUFFLED:
        key = draws->next_key % load->keys;
        draws->next_key += draws->step;
        return load->distribution == KEYS_SHUFFLED ? shuffled(load, key) : key;
    default:
        return draw_below(draws, load->keys);
    }
}

const char *workload_value(const struct workload *load, uint32_t key)
{
    return load->letters + ((key * 2654435769u) >> (32 - WINDOW_BITS));
}

static size_t write_digits(char *out, uint64_t number, unsigned width)
{
    for (unsigned i = width; i-- > 0; number /= 10) out[i] = (char)('0' + number % 10);
    return width;
}

static unsigned digits_of(uint64_t number)
{
    unsigned digits = 1;

    while (number >= 10) number /= 10, digits++;
    return digits;
}

/* A number whose length is known only now is a whole word: header, digits, end of line. */
static size_t write_number_word(char *out, uint64_t number)
{
    unsigned digits = digits_of(number);
    char *at = out;

    *at++ = '$';
    at += write_digits(at, digits, digits_of(digits));
    *at++ = '\r', *at++ = '\n';
    at += write_digits(at, number, digits);
    *at++ = '\r', *at++ = '\n';
    return (size_t)(at - out);
}

static uint64_t score_of(uint64_t key, uint64_t span)
{
    return (uint64_t)(((unsigned __int128)scatter(key + 0x5851f42d4c957f2du) * span) >> 64);
}

static uint64_t share_of_span(const struct workload *load, uint64_t key, uint64_t span)
{
    return (uint64_t)((unsigned __int128)key * span / load->keys);
}

size_t workload_write(const struct workload *load, const struct shape *shape, struct draws *draws,
                      char *out, uint32_t *keys)
{
    char *at = out;
    uint64_t key = 0, number = 0;
    bool drawn = false; /* by a score that came before its key */

    for (unsigned i = 0; i < shape->n_pieces; i++) {
        const struct piece *piece = &shape->pieces[i];

        switch (piece->kind) {
        case PIECE_BYTES:
            memcpy(at, piece->at, piece->len);
            at += piece->len;
            break;
        case PIECE_KEY:
            if (!drawn) key = draw_key(load, draws);
            drawn = false;
            *keys++ = (uint32_t)key;
            at += write_digits(at, key, piece->width);
            break;
        case PIECE_VALUE:
            memcpy(at, workload_value(load, (uint32_t)key), load->value_size);
            at += load->value_size;
            break;
        case PIECE_NUMBER:
            number = piece->from + draw_below(draws, piece->span + 1);
            at += write_number_word(at, number);
            break;
        case PIECE_STEP:
            number += piece->from;
            at += write_number_word(at, number);
            break;
        case PIECE_SCORE:
            key = draw_key(load, draws);
            drawn = true;
            number = score_of(key, piece->span) + draw_below(draws, piece->from + 1);
            at += write_number_word(at, number);
            break;
        case PIECE_DEADLINE:
            at += write_number_word(at, piece->from + share_of_span(load, key, piece->span));
            break;
        }
    }
    return (size_t)(at - out);
}

/* Reading a command.
 * Words are turned into RESP once; what never changes is run together into one piece of bytes. */

struct builder {
    struct workload *load;
    struct shape *shape;
    size_t n_bytes;
    size_t since; /* where the piece of bytes that is still open begins */
};

static struct piece *piece_new(struct builder *to, enum piece_kind kind)
{
    struct piece *piece = &to->shape->pieces[to->shape->n_pieces++];

    *piece = (struct piece){.kind = kind};
    return piece;
}

static void bytes_close(struct builder *to)
{
    struct piece *piece;

    if (to->n_bytes == to->since) return;
    piece = piece_new(to, PIECE_BYTES);
    piece->at = to->shape->bytes + to->since;
    piece->len = to->n_bytes - to->since;
    to->shape->most_bytes += piece->len;
    to->since = to->n_bytes;
}

static void bytes_add(struct builder *to, const char *at, size_t len)
{
    memcpy(to->shape->bytes + to->n_bytes, at, len);
    to->n_bytes += len;
}

static void header_add(struct builder *to, char mark, size_t number)
{
    char line[32];

    bytes_add(to, line, (size_t)snprintf(line, sizeof line, "%c%zu\r\n", mark, number));
}

/* A hole inside a word: how many bytes it fills and how long its text is; false if it is none. */
static bool hole_read(const struct workload *load, const char *at, struct piece *hole,
                      size_t *filled, int *text_len)
{
    unsigned width = 12;
    int end = 0;

    if (strncmp(at, "{v}", 3) == 0) {
        *hole = (struct piece){.kind = PIECE_VALUE};
        *filled = load->value_size;
        *text_len = 3;
        return true;
    }
    if (strncmp(at, "{k}", 3) == 0)
        end = 3;
    else if (sscanf(at, "{k:%u}%n", &width, &end) != 1 || end == 0)
        return false;
    if (width < 1 || width > 64) return false;
    *hole = (struct piece){.kind = PIECE_KEY, .width = width};
    *filled = width;
    *text_len = end;
    return true;
}

static size_t word_length(const struct workload *load, const char *word)
{
    struct piece hole;
    size_t total = 0, filled;
    int text_len;

    while (*word) {
        if (*word == '{' && hole_read(load, word, &hole, &filled, &text_len)) {
            total += filled;
            word += text_len;
        } else {
            total++;
            word++;
        }
    }
    return total;
}

static bool word_add_number(struct builder *to, const char *word)
{
    unsigned long long low, high;
    struct piece *piece;
    int end = 0;

    if (sscanf(word, "{r:%llu-%llu}%n", &low, &high, &end) == 2 && end && !word[end]) {
        if (low > high) return false;
        bytes_close(to);
        piece = piece_new(to, PIECE_NUMBER);
        piece->from = low;
        piece->span = high - low;
    } else if (sscanf(word, "{d:%llu+%llu}%n", &low, &high, &end) == 2 && end && !word[end]) {
        bytes_close(to);
        piece = piece_new(to, PIECE_DEADLINE);
        piece->from = low;
        piece->span = high;
    } else if (sscanf(word, "{s:%llu+%llu}%n", &low, &high, &end) == 2 && end && !word[end]) {
        bytes_close(to);
        piece = piece_new(to, PIECE_SCORE);
        piece->span = low;
        piece->from = high;
    } else if (sscanf(word, "{n:%llu}%n", &low, &end) == 1 && end && !word[end]) {
        bytes_close(to);
        piece_new(to, PIECE_STEP)->from = low;
    } else {
        return false;
    }
    to->shape->most_bytes += 32;
    return true;
}

/* A brace that opens no hole is a slip of the pen, and would be sent as it stands. */
static bool word_add(struct builder *to, const char *word)
{
    struct piece hole;
    size_t filled;
    int text_len;

    if (word_add_number(to, word)) return true;
    header_add(to, '$', word_length(to->load, word));
    while (*word) {
        if (*word == '{' && hole_read(to->load, word, &hole, &filled, &text_len)) {
            bytes_close(to);
            *piece_new(to, hole.kind) = hole;
            to->shape->most_bytes += filled;
            to->shape->n_keys += hole.kind == PIECE_KEY;
            word += text_len;
        } else if (*word == '{') {
            return false;
        } else {
            bytes_add(to, word++, 1);
        }
    }
    bytes_add(to, "\r\n", 2);
    return true;
}

static enum expected expected_of(const char *name, const struct shape *shape)
{
    static const struct {
        const char *name;
        enum expected expected;
    } known[] = {
        {"PING", EXPECT_PONG},    {"SET", EXPECT_OK},         {"MSET", EXPECT_OK},
        {"GET", EXPECT_VALUE},    {"MGET", EXPECT_VALUES},    {"INCR", EXPECT_INTEGER},
        {"DEL", EXPECT_INTEGER},  {"EXISTS", EXPECT_INTEGER}, {"EXPIRE", EXPECT_INTEGER},
        {"ZADD", EXPECT_INTEGER}, {"ZREM", EXPECT_INTEGER},   {"ZRANK", EXPECT_INTEGER},
        {"ZSCORE", EXPECT_BULK},  {"ZINCRBY", EXPECT_BULK},
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcasecmp(name, known[i].name)) continue;
        bool asks_value = known[i].expected == EXPECT_VALUE || known[i].expected == EXPECT_VALUES;
        return asks_value && shape->n_keys == 0 ? EXPECT_ANY : known[i].expected;
    }
    return EXPECT_ANY;
}

const char *workload_command(struct workload *load, const char *text)
{
    struct shape *shape = &load->shapes[load->n_shapes];
    struct builder to = {.load = load, .shape = shape};
    char *words[WORDS_MOST], *copy, *rest;
    unsigned n_words = 0;

    if (load->n_shapes == WORKLOAD_COMMANDS) return "too many commands";
    *shape = (struct shape){0};
    copy = rest = strdup(text);
    for (char *word; (word = strsep(&rest, " ")) && n_words < WORDS_MOST;)
        if (*word) words[n_words++] = word;
    if (n_words == 0 || rest) {
        free(copy);
        return n_words ? "too many words" : "an empty command";
    }

    /* A byte of text makes at most one piece or one byte; headers and ends are under 32 a word. */
    shape->pieces = calloc(strlen(text) + 2 * n_words + 1, sizeof *shape->pieces);
    shape->bytes = malloc(strlen(text) + 32 * (n_words + 1));
    header_add(&to, '*', n_words);
    bool understood = true;
    for (unsigned i = 0; i < n_words && understood; i++) understood = word_add(&to, words[i]);
    bytes_close(&to);
    shape->expected = expected_of(words[0], shape);
    free(copy);
    load->n_shapes++;
    if (!understood) return "no such hole in";
    return shape->n_keys > WORKLOAD_KEYS_A_COMMAND ? "too many keys" : NULL;
}

bool workload_open(struct workload *load, uint64_t keys, enum distribution distribution,
                   double theta, size_t value_size)
{
    static const char alphabet[] = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    struct draws draws = {.state = 42}; /* the same letters in every run: all must agree */
    size_t size = (1u << WINDOW_BITS) + value_size;

    *load = (struct workload){
        .keys = keys, .distribution = distribution, .theta = theta, .value_size = value_size};
    if (!(load->letters = malloc(size))) return false;
    for (size_t i = 0; i < size; i++)
        load->letters[i] = alphabet[draw_below(&draws, sizeof alphabet - 1)];
    if (distribution == KEYS_ZIPF) zipf_open(load);
    while (load->shuffle_bits < 31 && (uint64_t)1 << 2 * load->shuffle_bits < keys)
        load->shuffle_bits++;
    return true;
}

void workload_close(struct workload *load)
{
    for (unsigned i = 0; i < load->n_shapes; i++) {
        free(load->shapes[i].bytes);
        free(load->shapes[i].pieces);
    }
    free(load->letters);
    *load = (struct workload){0};
}
