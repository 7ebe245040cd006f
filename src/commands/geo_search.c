/* geo_search: members near a place: answered, or stored at another key. */
#include <math.h>
#include "coatcheck/commands/geo.h"
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"
#include "coatcheck/structs/nearby.h"

/* ---- what is asked for ---- */

/* What a command says by its name and by the place of its words, and what it leaves to options. */
enum searching {
    FROM_PLACE = 1,  /* GEORADIUS: the centre and the radius come first */
    FROM_MEMBER = 2, /* GEORADIUSBYMEMBER */
    MAY_STORE = 4,   /* STORE and STOREDIST are options of theirs */
    CHOOSES = 8,     /* GEOSEARCH: centre and shape are options */
    STORES = 16      /* GEOSEARCHSTORE: so is STOREDIST, without a key */
};

enum order { AS_FOUND, RISING, FALLING };

struct search {
    unsigned kind;
    const struct zset *zset; /* NULL: no key, but the words are looked at all the same */
    struct geo_shape shape;
    bool has_center_by_member, has_center_by_place, has_radius, has_box;
    bool with_distance, with_hash, with_place;
    bool any;      /* the first ones found will do */
    int64_t count; /* 0: all */
    enum order order;
    unsigned store_word; /* 0: none */
    bool stores_distance;
};

/* `what` must be a number, and not a negative one: `which`. */
static bool read_size(struct call *call, unsigned i, const char *what, const char *which,
                      double *size)
{
    if (!number_read_double(call_arg(call, i), size)) {
        reply_errorf(call->reply, "ERR need numeric %s", what);
        return false;
    }
    if (!which || *size >= 0) return true;
    reply_errorf(call->reply, "ERR %s cannot be negative", which);
    return false;
}

static bool read_radius(struct call *call, unsigned i, struct geo_shape *shape)
{
    return read_size(call, i, "radius", "radius", &shape->radius) &&
           geo_read_unit(call, i + 1, &shape->unit);
}

/* Both are read before either is judged. */
static bool read_box(struct call *call, unsigned i, struct geo_shape *shape)
{
    shape->is_box = true;
    return read_size(call, i, "width", NULL, &shape->width) &&
           read_size(call, i + 1, "height", NULL, &shape->height) &&
           read_size(call, i, "width", "height or width", &shape->width) &&
           read_size(call, i + 1, "height", "height or width", &shape->height) &&
           geo_read_unit(call, i + 2, &shape->unit);
}

static bool read_member(struct call *call, struct search *search, unsigned i)
{
    if (!search->zset || geo_find_member(search->zset, call_arg(call, i), &search->shape.center))
        return true;
    reply_errorf(call->reply, "ERR could not decode requested zset member");
    return false;
}

/* What an option turned out to be: how many words it has, or one of these. */
enum { IS_NONE = 0, IS_WRONG = -1 };

static int read_flag(struct call *call, struct search *search, unsigned i)
{
    if (call_arg_is(call, i, "WITHDIST")) {
        search->with_distance = true;
    } else if (call_arg_is(call, i, "WITHHASH")) {
        search->with_hash = true;
    } else if (call_arg_is(call, i, "WITHCOORD")) {
        search->with_place = true;
    } else if (call_arg_is(call, i, "ANY")) {
        search->any = true;
    } else if (call_arg_is(call, i, "ASC")) {
        search->order = RISING;
    } else if (call_arg_is(call, i, "DESC")) {
        search->order = FALLING;
    } else if (search->kind & STORES && call_arg_is(call, i, "STOREDIST")) {
        search->stores_distance = true;
    } else {
        return IS_NONE;
    }
    return 1;
}

static int read_count(struct call *call, struct search *search, unsigned i)
{
    if (!call_read_int(call, i + 1, &search->count)) return IS_WRONG;
    if (search->count > 0) return 2;
    reply_errorf(call->reply, "ERR COUNT must be > 0");
    return IS_WRONG;
}

/* The centre and the shape of GEOSEARCH: one of each, but of the same kind again and again. */
static int read_choice(struct call *call, struct search *search, unsigned i, unsigned left)
{
    if (call_arg_is(call, i, "FROMMEMBER") && left > 1 && !search->has_center_by_place) {
        search->has_center_by_member = true;
        return read_member(call, search, i + 1) ? 2 : IS_WRONG;
    }
    if (call_arg_is(call, i, "FROMLONLAT") && left > 2 && !search->has_center_by_member) {
        search->has_center_by_place = true;
        return geo_read_place(call, i + 1, &search->shape.center) ? 3 : IS_WRONG;
    }
    if (call_arg_is(call, i, "BYRADIUS") && left > 2 && !search->has_box) {
        search->has_radius = true;
        return read_radius(call, i + 1, &search->shape) ? 3 : IS_WRONG;
    }
    if (call_arg_is(call, i, "BYBOX") && left > 3 && !search->has_radius) {
        search->has_box = true;
        return read_box(call, i + 1, &search->shape) ? 4 : IS_WRONG;
    }
    return IS_NONE;
}

static bool is_store(struct bytes word)
{
    return bytes_is(word, "STORE") || bytes_is(word, "STOREDIST");
}

static int read_option(struct call *call, struct search *search, unsigned i)
{
    unsigned left = call_argc(call) - i;
    int words = read_flag(call, search, i);

    if (words != IS_NONE) return words;
    if (call_arg_is(call, i, "COUNT") && left > 1) return read_count(call, search, i);
    if (search->kind & CHOOSES) return read_choice(call, search, i, left);
    if (search->kind & MAY_STORE && left > 1 && is_store(call_arg(call, i))) {
        search->store_word = i + 1;
        search->stores_distance = call_arg_is(call, i, "STOREDIST");
        return 2;
    }
    return IS_NONE;
}

/* What the options ask for must go together. False: answered. */
static bool check_options(struct call *call, const struct search *search)
{
    struct bytes name = call_arg(call, 0);
    int len = (int)name.len;

    if (search->store_word && (search->with_distance || search->with_hash || search->with_place)) {
        reply_errorf(call->reply,
                     "ERR %s is not compatible with WITHDIST, WITHHASH and WITHCOORD options",
                     search->kind & STORES ? "GEOSEARCHSTORE" : "STORE option in GEORADIUS");
    } else if (search->kind & CHOOSES && !search->has_center_by_member &&
               !search->has_center_by_place) {
        reply_errorf(call->reply,
                     "ERR exactly one of FROMMEMBER or FROMLONLAT can be specified for %.*s", len,
                     name.at);
    } else if (search->kind & CHOOSES && !search->has_radius && !search->has_box) {
        reply_errorf(call->reply, "ERR exactly one of BYRADIUS and BYBOX can be specified for %.*s",
                     len, name.at);
    } else if (search->any && search->count == 0) {
        reply_errorf(call->reply, "ERR the ANY argument requires COUNT argument");
    } else {
        return true;
    }
    return false;
}

/* False: answered. */
static bool read_search(struct call *call, struct search *search)
{
    unsigned i = search->kind & STORES ? 3 : 2;
    int words;

    if (search->kind & STORES) search->store_word = 1;
    if (search->kind & FROM_PLACE) {
        if (!geo_read_place(call, 2, &search->shape.center) ||
            !read_radius(call, 4, &search->shape))
            return false;
        i = 6;
    } else if (search->kind & FROM_MEMBER) {
        /* Without a set the radius is not looked at either. */
        if (!read_member(call, search, 2) ||
            (search->zset && !read_radius(call, 3, &search->shape)))
            return false;
        i = 5;
    }
    for (; i < call_argc(call); i += (unsigned)words) {
        words = read_option(call, search, i);
        if (words == IS_WRONG) return false;
        if (words == IS_NONE) {
            call_syntax_error(call);
            return false;
        }
    }
    if (!check_options(call, search)) return false;
    /* Some few of those that are found are the nearest ones, where not just any will do. */
    if (search->count > 0 && search->order == AS_FOUND && !search->any) search->order = RISING;
    return true;
}

/* ---- searching ---- */

/* Adds what the shape has of an area, in the order of scores; where any will do, no more than are
 * wanted. */
static enum status search_area(const struct search *search, const struct geo_probe *probe,
                               const struct geo_area *area, struct nearby_list *found)
{
    struct zset_bound first = {.kind = ZSET_BY_SCORE, .score = area->first};
    struct zset_walk walk;
    uint64_t rank = zset_rank_of_first(search->zset, &first);
    double distance;

    if (rank == zset_count(search->zset)) return OK;
    zset_walk_from(&walk, search->zset, rank, false);
    while (zset_walk_next(&walk) && walk.score < area->end) {
        if (!geo_probe_has(probe, geo_of_score(walk.score), &distance)) continue;
        if (nearby_add(found, (struct nearby){walk.member, walk.score, distance}) != OK)
            return NO_MEMORY;
        if (search->any && found->count >= (uint64_t)search->count) break;
    }
    return OK;
}

static enum status run_search(const struct search *search, struct nearby_list *found)
{
    struct geo_area areas[GEO_AREAS];
    struct geo_probe probe;
    unsigned count = geo_areas(&search->shape, areas);
    size_t wanted;

    geo_probe_init(&probe, &search->shape);
    for (unsigned i = 0; i < count; i++) {
        if (search->any && found->count >= (uint64_t)search->count) break;
        if (search_area(search, &probe, &areas[i], found) != OK) return NO_MEMORY;
    }
    wanted = search->count > 0 && (uint64_t)search->count < found->count ? (size_t)search->count
                                                                         : found->count;
    if (search->order != AS_FOUND && nearby_sort(found, wanted, search->order == FALLING) != OK)
        return NO_MEMORY;
    found->count = wanted;
    return OK;
}

/* ---- answered and stored ---- */

static void reply_found(struct reply *reply, const struct search *search,
                        const struct nearby_list *found)
{
    unsigned more = search->with_distance + search->with_hash + search->with_place;

    reply_array(reply, found->count);
    for (size_t i = 0; i < found->count; i++) {
        const struct nearby *one = &found->of[i];

        if (more > 0) reply_array(reply, more + 1);
        reply_bulk(reply, one->member);
        if (search->with_distance) reply_distance(reply, one->distance / search->shape.unit);
        if (search->with_hash) reply_int(reply, (int64_t)one->score);
        if (search->with_place) reply_place(reply, geo_of_score(one->score));
    }
}

/* NULL: no memory. */
static struct zset *make_set(const struct search *search, const struct nearby_list *found)
{
    enum zset_change change;
    struct zset *zset;
    size_t longest = 0;

    for (size_t i = 0; i < found->count; i++) {
        if (found->of[i].member.len > longest) longest = found->of[i].member.len;
    }
    zset = zset_new_for(found->count, longest);
    for (size_t i = 0; zset && i < found->count; i++) {
        const struct nearby *one = &found->of[i];
        double score = search->stores_distance ? one->distance / search->shape.unit : one->score;

        /* Rounding leaves no number right across the earth, and with that redis-server ends. */
        if (isnan(score)) score = GEO_HALF_ROUND / search->shape.unit;
        if (zset_put(zset, one->member, score, &change) != OK) zset_free(&zset);
    }
    return zset;
}

/* The key that word `place` names: its shard has been entered. */
static const struct key *key_of_word(const struct call *call, unsigned place)
{
    for (unsigned k = 0; k < call->key_count; k++) {
        if (call->keys[k].name.at == call_arg(call, place).at) return &call->keys[k];
    }
    must(!"a key that is stored to is among those of the call");
    return NULL;
}

static void store_found(struct call *call, const struct search *search,
                        const struct nearby_list *found)
{
    struct zset *zset = make_set(search, found);

    if (!call_ok(call, zset ? OK : NO_MEMORY)) return;
    if (call_put_zset(call, key_of_word(call, search->store_word), &zset,
                      search->kind & CHOOSES ? "geosearchstore" : "georadiusstore"))
        reply_int(call->reply, (int64_t)found->count);
}

static void do_search(struct call *call, unsigned kind)
{
    struct search search = {.kind = kind};
    struct nearby_list found = {0};

    if (!call_read_zset(call, kind & STORES ? 1 : 0, &search.zset) || !read_search(call, &search))
        return;
    if (call_ok(call, search.zset ? run_search(&search, &found) : OK)) {
        if (search.store_word) {
            store_found(call, &search, &found);
        } else {
            reply_found(call->reply, &search, &found);
        }
    }
    nearby_fini(&found);
}

static void cmd_geosearch(struct call *call)
{
    do_search(call, CHOOSES);
}

static void cmd_geosearchstore(struct call *call)
{
    do_search(call, CHOOSES | STORES);
}

static void cmd_georadius(struct call *call)
{
    do_search(call, FROM_PLACE | MAY_STORE);
}

static void cmd_georadius_ro(struct call *call)
{
    do_search(call, FROM_PLACE);
}

static void cmd_georadiusbymember(struct call *call)
{
    do_search(call, FROM_MEMBER | MAY_STORE);
}

static void cmd_georadiusbymember_ro(struct call *call)
{
    do_search(call, FROM_MEMBER);
}

/* ---- rows ---- */

/* Adds a place that is not there yet; returns how many there are. */
static int add_place(unsigned *places, int count, unsigned place)
{
    for (int k = 0; k < count; k++) {
        if (places[k] == place) return count;
    }
    places[count] = place;
    return count + 1;
}

/* The source, what redis-server tells as keys to be stored to, which is the word behind the first
 * STORE and the one behind the first STOREDIST; and what is stored to, the word behind the last of
 * them. */
static int find_keys(const struct args *args, unsigned from, unsigned *places)
{
    static const char *const keywords[] = {"STORE", "STOREDIST"};
    unsigned stored_to = 0;
    int count;

    if (args->n < 2) return -1;
    count = add_place(places, 0, 1);
    for (unsigned k = 0; k < 2; k++) {
        for (unsigned i = from; i + 1 < args->n; i++) {
            if (!bytes_is(args->of[i], keywords[k])) continue;
            count = add_place(places, count, i + 1);
            break;
        }
    }
    for (unsigned i = from; i + 1 < args->n; i++) {
        if (is_store(args->of[i])) stored_to = ++i;
    }
    return stored_to ? add_place(places, count, stored_to) : count;
}

static int find_radius_keys(const struct args *args, unsigned *places)
{
    return find_keys(args, 6, places);
}

static int find_radius_by_member_keys(const struct args *args, unsigned *places)
{
    return find_keys(args, 5, places);
}

static const struct command_key_spec store_specs[] = {
    {.access = KEY_OW | KEY_UPDATE, .index = 1, .step = 1},
    {.access = KEY_RO | KEY_ACCESS, .index = 2, .step = 1},
    {0},
};
static const struct command_key_spec radius_specs[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 6, .keyword = "STORE", .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 6, .keyword = "STOREDIST", .step = 1},
    {0},
};
static const struct command_key_spec radius_by_member_specs[] = {
    {.access = KEY_RO | KEY_ACCESS, .index = 1, .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 5, .keyword = "STORE", .step = 1},
    {.access = KEY_OW | KEY_UPDATE, .index = 5, .keyword = "STOREDIST", .step = 1},
    {0},
};

#define SEARCH_COST                                                                                \
    "O(N+log(M)+K*log(K)) where N is the number of members in the up to nine cells of a grid "     \
    "that cover the shape, M "                                                                     \
    "that of all members and K that of the result where it is sorted"
#define READS                                                                                      \
    .flags = COMMAND_READ, .keys = KEYS_ONE, .access = KEY_RO | KEY_ACCESS, .cost = SEARCH_COST
#define MAY_WRITE                                                                                  \
    .flags = COMMAND_WRITE | COMMAND_DENYOOM | COMMAND_MOVABLE_KEYS, .keys = KEYS_ONE,             \
    .cost = SEARCH_COST
#define UNIT "<M | KM | FT | MI>"
#define SHAPE                                                                                      \
    "<FROMMEMBER member | FROMLONLAT longitude latitude> <BYRADIUS radius " UNIT                   \
    " | BYBOX width height " UNIT "> "                                                             \
    "[ASC | DESC] [COUNT count [ANY]]"
#define WITH "[WITHCOORD] [WITHDIST] [WITHHASH]"
#define UPPERCASE_UNITS "7.0.0: Added support for uppercase unit names."
#define ANY_OPTION "6.2.0: Added the `ANY` option for `COUNT`."

static const struct command_row rows[] = {
    {.name = "geosearch",
     .run = cmd_geosearch,
     .arity = -7,
     READS,
     .since = "6.2.0",
     .syntax = "key " SHAPE " " WITH,
     .summary = "Answers the members within a circle or a box.",
     .history = UPPERCASE_UNITS},
    {.name = "geosearchstore",
     .run = cmd_geosearchstore,
     .arity = -8,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = {1, 2, 1},
     .key_specs = store_specs,
     .since = "6.2.0",
     .cost = SEARCH_COST,
     .syntax = "destination source " SHAPE " [STOREDIST]",
     .summary = "Stores the members within a circle or a box as another sorted set.",
     .history = UPPERCASE_UNITS},
    {.name = "georadius",
     .run = cmd_georadius,
     .arity = -6,
     MAY_WRITE,
     .find_keys = find_radius_keys,
     .key_specs = radius_specs,
     .since = "3.2.0",
     .syntax = "key longitude latitude radius " UNIT " " WITH
               " [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]",
     .summary = "Answers or stores the members within a circle round a place.",
     .history = ANY_OPTION "\n" UPPERCASE_UNITS,
     .replaced_by = "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` argument",
     .deprecated_since = "6.2.0"},
    {.name = "georadius_ro",
     .run = cmd_georadius_ro,
     .arity = -6,
     READS,
     .since = "3.2.10",
     .syntax = "key longitude latitude radius " UNIT " " WITH " [COUNT count [ANY]] [ASC | DESC]",
     .summary = "Answers the members within a circle round a place: GEORADIUS without a STORE.",
     .history = ANY_OPTION,
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` argument",
     .deprecated_since = "6.2.0"},
    {.name = "georadiusbymember",
     .run = cmd_georadiusbymember,
     .arity = -5,
     MAY_WRITE,
     .find_keys = find_radius_by_member_keys,
     .key_specs = radius_by_member_specs,
     .since = "3.2.0",
     .syntax = "key member radius " UNIT " " WITH
               " [COUNT count [ANY]] [ASC | DESC] [STORE key] [STOREDIST key]",
     .summary = "Answers or stores the members within a circle round one of them.",
     .history = UPPERCASE_UNITS,
     .replaced_by =
         "`GEOSEARCH` and `GEOSEARCHSTORE` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .deprecated_since = "6.2.0"},
    {.name = "georadiusbymember_ro",
     .run = cmd_georadiusbymember_ro,
     .arity = -5,
     READS,
     .since = "3.2.10",
     .syntax = "key member radius " UNIT " " WITH " [COUNT count [ANY]] [ASC | DESC]",
     .summary = "Answers the members within a circle round one of them: GEORADIUSBYMEMBER without "
                "a STORE.",
     .replaced_by = "`GEOSEARCH` with the `BYRADIUS` and `FROMMEMBER` arguments",
     .deprecated_since = "6.2.0"},
};

const struct command_family geo_search_commands = COMMAND_FAMILY("geo", rows);
