#include "coatcheck/persist/lzf.h"

#include <endian.h>
#include <string.h>
#include "coatcheck/base/must.h"

#define LITERALS_MOST 32
#define DISTANCE_MOST 8192
#define MATCH_LEAST 3
#define MATCH_MOST 264

/* ---- packing ---- */

/* Places are remembered by a hash of the three bytes there: for short texts in a small table, as it has to be
 * cleared. */
#define PLACE_BITS_LEAST 6
#define PLACE_BITS_MOST 13

struct packer {
    size_t total, most;
    void (*emit)(void *context, struct bytes piece);
    void *context;
    size_t staged;
    uint8_t stage[2048];
};

/* Never more than `most` bytes in all. */
static void hand_on(struct packer *packer)
{
    if (packer->emit && packer->staged > 0 && packer->total <= packer->most)
        packer->emit(packer->context, bytes_of(packer->stage, packer->staged));
    packer->staged = 0;
}

/* Where so many bytes may be written, of which put_done() says how many were. */
static inline uint8_t *put_begin(struct packer *packer, size_t most)
{
    if (unlikely(sizeof packer->stage - packer->staged < most)) hand_on(packer);
    return packer->stage + packer->staged;
}

static inline void put_done(struct packer *packer, size_t len)
{
    packer->total += len;
    packer->staged += len;
}

/* From `at`, which goes on to `end`: pieces are short, so that all that there may be of one is copied where it can be. */
static inline void put_literals(struct packer *packer, const uint8_t *at, size_t len, const uint8_t *end)
{
    while (len > 0) {
        size_t piece = len < LITERALS_MOST ? len : LITERALS_MOST;
        uint8_t *to = put_begin(packer, 1 + LITERALS_MOST);

        *to = (uint8_t)(piece - 1);
        if (likely(end - at >= LITERALS_MOST)) {
            memcpy(to + 1, at, LITERALS_MOST);
        } else {
            memcpy(to + 1, at, piece);
        }
        put_done(packer, 1 + piece);
        at += piece;
        len -= piece;
    }
}

static inline void put_match(struct packer *packer, size_t distance, size_t len)
{
    uint8_t *head = put_begin(packer, 3);
    size_t far = distance - 1, more = len - 2, bytes = 0;

    if (more < 7) {
        head[bytes++] = (uint8_t)(more << 5 | far >> 8);
    } else {
        head[bytes++] = (uint8_t)(7 << 5 | far >> 8);
        head[bytes++] = (uint8_t)(more - 7);
    }
    head[bytes++] = (uint8_t)far;
    put_done(packer, bytes);
}

static inline uint32_t three_at(const uint8_t *at)
{
    return at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16;
}

static size_t match_length(const uint8_t *before, const uint8_t *at, const uint8_t *end)
{
    size_t most = (size_t)(end - at) < MATCH_MOST ? (size_t)(end - at) : MATCH_MOST, len = MATCH_LEAST;

    for (; len + 8 <= most; len += 8) {
        uint64_t a, b;

        memcpy(&a, before + len, sizeof a);
        memcpy(&b, at + len, sizeof b);
        if (a != b) return len + (size_t)__builtin_ctzll(le64toh(a ^ b)) / 8;
    }
    while (len < most && before[len] == at[len]) len++;
    return len;
}

static unsigned place_bits(size_t len)
{
    unsigned bits = PLACE_BITS_LEAST;

    while (bits < PLACE_BITS_MOST && (size_t)1 << bits < len) bits++;
    return bits;
}

size_t lzf_pack(struct bytes text, size_t most, void (*emit)(void *context, struct bytes piece), void *context)
{
    struct packer packer = {.most = most, .emit = emit, .context = context};
    const uint8_t *start = (const uint8_t *)text.at, *at = start, *literals = start, *end = start + text.len;
    uint32_t places[1 << PLACE_BITS_MOST]; /* one more than where it is; 0: nowhere */
    unsigned bits = place_bits(text.len);

    must(text.len <= UINT32_MAX - 1);
    memset(places, 0, sizeof *places << bits);
    while (end - at >= MATCH_LEAST) {
        uint32_t three = three_at(at), *place = &places[three * UINT32_C(2654435761) >> (32 - bits)];
        const uint8_t *before = start + *place - 1;
        bool found = *place > 0 && at - before <= DISTANCE_MOST && three_at(before) == three;

        *place = (uint32_t)(at - start) + 1;
        if (!found) {
            /* Where nothing has matched for long, nothing will: bytes are skipped ever faster. */
            size_t skip = 1 + (size_t)(at - literals) / 128;

            at += skip < (size_t)(end - at) ? skip : (size_t)(end - at);
            if (packer.total + (size_t)(at - literals) > most + LITERALS_MOST) return 0;
            continue;
        }

        size_t len = match_length(before, at, end);

        put_literals(&packer, literals, (size_t)(at - literals), end);
        put_match(&packer, (size_t)(at - before), len);
        if (packer.total > most) return 0;
        at += len;
        literals = at;
    }
    put_literals(&packer, literals, (size_t)(end - literals), end);
    if (packer.total > most) return 0;
    hand_on(&packer);
    return packer.total;
}

/* ---- unpacking ---- */

struct unpacker {
    struct source *source;
    uint64_t packed; /* not yet taken */
    char *start, *at, *end;
};

static inline bool take(struct unpacker *unpacker, uint8_t *byte)
{
    if (unpacker->packed == 0) return false;
    unpacker->packed--;
    return source_read_byte(unpacker->source, byte);
}

static bool copy_literals(struct unpacker *unpacker, size_t len)
{
    if (unpacker->packed < len || (size_t)(unpacker->end - unpacker->at) < len) return false;
    unpacker->packed -= len;
    if (likely((size_t)(unpacker->source->end - unpacker->source->at) >= len)) {
        memcpy(unpacker->at, unpacker->source->at, len);
        unpacker->source->at += len;
    } else if (!source_read(unpacker->source, unpacker->at, len)) {
        return false;
    }
    unpacker->at += len;
    return true;
}

static bool copy_match(struct unpacker *unpacker, uint8_t head)
{
    size_t len = head >> 5, distance;
    uint8_t byte;

    if (len == 7) {
        if (!take(unpacker, &byte)) return false;
        len += byte;
    }
    len += 2;
    if (!take(unpacker, &byte)) return false;
    distance = ((size_t)(head & 31) << 8 | byte) + 1;
    if ((size_t)(unpacker->at - unpacker->start) < distance || (size_t)(unpacker->end - unpacker->at) < len)
        return false;
    if (distance >= len) {
        memcpy(unpacker->at, unpacker->at - distance, len);
        unpacker->at += len;
        return true;
    }
    /* They overlap: what is written is read again. */
    for (; len > 0; len--, unpacker->at++) *unpacker->at = unpacker->at[-(ptrdiff_t)distance];
    return true;
}

/* Copies `len` bytes from `distance` back: by eights, which write over what comes behind, where that is no matter. */
static inline void repeat(char *at, size_t distance, size_t len, size_t room)
{
    if (distance >= 8 && room >= len + 8) {
        for (size_t done = 0; done < len; done += 8) memcpy(at + done, at + done - distance, 8);
        return;
    }
    for (; len > 0; len--, at++) *at = at[-(ptrdiff_t)distance];
}

static inline void copy_short(char *at, const uint8_t *from, size_t len, size_t room, size_t left)
{
    if (room >= LITERALS_MOST && left >= LITERALS_MOST) {
        memcpy(at, from, LITERALS_MOST);
    } else {
        memcpy(at, from, len);
    }
}

/* As below, where all of the packed bytes are in one piece: most are. */
static bool unpack_piece(const uint8_t *from, size_t packed, char *into, size_t size)
{
    const uint8_t *behind = from + packed;
    char *at = into, *end = into + size;

    while (from < behind) {
        size_t head = *from++, len = head + 1, distance;

        if (head < LITERALS_MOST) {
            if ((size_t)(behind - from) < len || (size_t)(end - at) < len) return false;
            copy_short(at, from, len, (size_t)(end - at), (size_t)(behind - from));
            from += len;
            at += len;
            continue;
        }
        len = head >> 5;
        if (behind - from < (len == 7 ? 2 : 1)) return false;
        if (len == 7) len += *from++;
        len += 2;
        distance = ((head & 31) << 8 | *from++) + 1;
        if ((size_t)(at - into) < distance || (size_t)(end - at) < len) return false;
        repeat(at, distance, len, (size_t)(end - at));
        at += len;
    }
    return at == end;
}

bool lzf_unpack(struct source *source, uint64_t packed, char *into, size_t len)
{
    struct unpacker unpacker = {
        .source = source, .packed = packed, .start = into, .at = into, .end = into + len};

    if (likely((uint64_t)(source->end - source->at) >= packed)) {
        if (!unpack_piece(source->at, packed, into, len)) return source_fail(source, MALFORMED);
        source->at += packed;
        return true;
    }
    while (unpacker.packed > 0) {
        uint8_t head;
        bool good = take(&unpacker, &head);

        good = good && (head < LITERALS_MOST ? copy_literals(&unpacker, head + 1u) : copy_match(&unpacker, head));
        if (!good) return source_fail(source, MALFORMED);
    }
    return unpacker.at == unpacker.end || source_fail(source, MALFORMED);
}
