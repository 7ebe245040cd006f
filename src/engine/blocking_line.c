/* blocking_line: who waits for which key: for each shard a small hash table of lines, made with the
 * first waiter and freed with the last. */
#include "blocking_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/keyspace/await.h"

#define LEAST_BUCKETS 4

/* What a shard keeps for us. */
struct waits {
    uint32_t lines;
    uint32_t buckets; /* a power of two */
    struct wait_line *first[];
};

static struct waits *waits_of(struct shard *shard)
{
    return *shard_waits(shard);
}

/* The upper bits of the hash have chosen the shard. */
static struct wait_line **bucket_of(struct waits *waits, uint64_t hash)
{
    return &waits->first[hash & (waits->buckets - 1)];
}

/* The same lines in another number of buckets. False: no memory, all is as it was. */
static bool waits_resize(struct shard *shard, uint32_t buckets)
{
    struct waits *old = waits_of(shard), *waits;

    waits = mem_alloc_zeroed(sizeof *waits + buckets * sizeof waits->first[0]);
    if (!waits) return false;
    waits->buckets = buckets;
    if (old) {
        waits->lines = old->lines;
        for (uint32_t i = 0; i < old->buckets; i++) {
            for (struct wait_line *line = old->first[i], *next; line; line = next) {
                struct wait_line **bucket = bucket_of(waits, line->hash);

                next = line->next;
                line->next = *bucket;
                *bucket = line;
            }
        }
        mem_free(old);
    }
    *shard_waits(shard) = waits;
    return true;
}

static bool is_line_of(const struct wait_line *line, const struct key *key)
{
    return line->hash == key->hash && line->db == key->db &&
           bytes_equal(bytes_of(line->name, line->name_len), key->name);
}

struct wait_line *line_of(const struct key *key)
{
    struct waits *waits = waits_of(key->shard);
    struct wait_line *line;

    if (!waits) return NULL;
    line = *bucket_of(waits, key->hash);
    while (line && !is_line_of(line, key)) line = line->next;
    return line;
}

struct wait_line *line_named(const struct key *key, const struct wait_line *after)
{
    struct waits *waits = waits_of(key->shard);
    struct wait_line *line;

    if (!waits) return NULL;
    line = after ? after->next : *bucket_of(waits, key->hash);
    while (line && !(line->hash == key->hash && bytes_equal(bytes_of(line->name, line->name_len), key->name))) {
        line = line->next;
    }
    return line;
}

void line_key(const struct wait_line *line, struct key *key)
{
    *key = (struct key){.name = bytes_of(line->name, line->name_len),
                        .hash = line->hash,
                        .shard = line->shard,
                        .db = line->db};
}

static struct wait_line *line_new(const struct key *key)
{
    struct waits *waits = waits_of(key->shard);
    struct wait_line *line, **bucket;

    if (key->name.len > UINT32_MAX) return NULL;
    line = mem_alloc(sizeof *line + key->name.len);
    if (!line) return NULL;
    if (!waits && !waits_resize(key->shard, LEAST_BUCKETS)) {
        mem_free(line);
        return NULL;
    }
    /* Without memory for more buckets the chains become longer. */
    if (waits && waits->lines >= waits->buckets) waits_resize(key->shard, waits->buckets * 2);
    waits = waits_of(key->shard);
    bucket = bucket_of(waits, key->hash);
    *line = (struct wait_line){.next = *bucket,
                               .shard = key->shard,
                               .hash = key->hash,
                               .first = {&line->first, &line->first},
                               .name_len = (uint32_t)key->name.len,
                               .db = (uint8_t)key->db};
    if (key->name.len > 0) memcpy(line->name, key->name.at, key->name.len);
    *bucket = line;
    waits->lines++;
    return line;
}

static void line_free(struct wait_line *line)
{
    struct shard *shard = line->shard;
    struct waits *waits = waits_of(shard);
    struct wait_line **at = bucket_of(waits, line->hash);

    must(!line->came);
    while (*at != line) at = &(*at)->next;
    *at = line->next;
    mem_free(line);
    if (--waits->lines == 0) {
        *shard_waits(shard) = NULL;
        mem_free(waits);
    } else if (waits->buckets > LEAST_BUCKETS && waits->lines < waits->buckets / 8) {
        waits_resize(shard, waits->buckets / 4);
    }
}

bool place_join(struct wait_place *place, struct waiter *waiter, const struct key *key,
                bool *joined)
{
    struct wait_line *line = line_of(key);

    *joined = false;
    if (!line && !(line = line_new(key))) return false;
    /* All of a waiter's places are taken while its shards are entered: nobody came after it. */
    if (line->first.prev != &line->first &&
        ((struct wait_place *)line->first.prev)->waiter == waiter)
        return true;
    *place = (struct wait_place){
        .link = {.next = &line->first, .prev = line->first.prev}, .line = line, .waiter = waiter};
    line->first.prev->next = &place->link;
    line->first.prev = &place->link;
    line->places++;
    *joined = true;
    return true;
}

void place_take_out(struct wait_place *place)
{
    place->link.prev->next = place->link.next;
    place->link.next->prev = place->link.prev;
    place->link.next = place->link.prev = &place->link;
}

void place_release(struct wait_place *place)
{
    place_take_out(place);
    if (--place->line->places == 0) line_free(place->line);
}

void lines_each_of(struct shard *shard, unsigned a, unsigned b, void (*see)(struct wait_line *line))
{
    struct waits *waits = waits_of(shard);

    for (uint32_t i = 0; i < waits->buckets; i++) {
        for (struct wait_line *line = waits->first[i]; line; line = line->next) {
            if (line->db == a || line->db == b) see(line);
        }
    }
}
