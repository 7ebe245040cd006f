/* geo: members of a sorted set that are places: added, told, measured. */
#include "coatcheck/commands/geo.h"

#include <stdio.h>
#include "coatcheck/commands/table.h"
#include "coatcheck/commands/zset.h"

/* ---- words and replies ---- */

bool geo_read_place(struct call *call, unsigned i, struct geo_point *point)
{
    if (!call_read_double(call, i, &point->longitude) ||
        !call_read_double(call, i + 1, &point->latitude))
        return false;
    if (geo_is_place(*point)) return true;
    reply_errorf(call->reply, "ERR invalid longitude,latitude pair %f,%f", point->longitude,
                 point->latitude);
    return false;
}

bool geo_read_unit(struct call *call, unsigned i, double *metres)
{
    static const struct {
        const char *name;
        double metres;
    } units[] = {{"m", 1}, {"km", 1000}, {"ft", 0.3048}, {"mi", 1609.34}};

    for (unsigned u = 0; u < sizeof units / sizeof units[0]; u++) {
        if (!call_arg_is(call, i, units[u].name)) continue;
        *metres = units[u].metres;
        return true;
    }
    reply_errorf(call->reply, "ERR unsupported unit provided. please use M, KM, FT, MI");
    return false;
}

bool geo_find_member(const struct zset *zset, struct bytes member, struct geo_point *point)
{
    double score;

    if (!zset || !zset_score(zset, member, &score)) return false;
    *point = geo_of_score(score);
    return true;
}

void reply_distance(struct reply *reply, double distance)
{
    char digits[400];
    int len = snprintf(digits, sizeof digits, "%.4f", distance);

    reply_bulk(reply, bytes_of(digits, (size_t)len));
}

static void reply_degrees(struct reply *reply, double degrees)
{
    char digits[NUMBER_MAX_FLOAT_TEXT];

    reply_double_digits(reply,
                        bytes_of(digits, number_print_long_double(digits, sizeof digits, degrees)));
}

void reply_place(struct reply *reply, struct geo_point point)
{
    reply_array(reply, 2);
    reply_degrees(reply, point.longitude);
    reply_degrees(reply, point.latitude);
}

/* ---- GEOADD ---- */

static bool read_score(struct call *call, unsigned i, double *score)
{
    struct geo_point point;

    if (!geo_read_place(call, i, &point)) return false;
    *score = (double)geo_encode(point);
    return true;
}

/* Returns where the words that are no options begin. */
static unsigned read_add_options(const struct call *call, unsigned *flags)
{
    unsigned i = 2;

    *flags = 0;
    for (; i < call_argc(call); i++) {
        if (call_arg_is(call, i, "NX")) {
            *flags |= ZSET_ADD_NX;
        } else if (call_arg_is(call, i, "XX")) {
            *flags |= ZSET_ADD_XX;
        } else if (call_arg_is(call, i, "CH")) {
            *flags |= ZSET_ADD_CH;
        } else {
            break;
        }
    }
    return i;
}

static void cmd_geoadd(struct call *call)
{
    unsigned flags, first = read_add_options(call, &flags), words = call_argc(call) - first;

    if (words == 0 || words % 3 != 0 || (flags & ZSET_ADD_NX && flags & ZSET_ADD_XX)) {
        call_syntax_error(call);
    } else {
        zset_add(call, flags, &(struct zset_words){first, 3, read_score});
    }
}

/* ---- GEOPOS, GEOHASH, GEODIST ---- */

static void cmd_geopos(struct call *call)
{
    const struct zset *zset;
    struct geo_point point;

    if (!call_read_zset(call, 0, &zset)) return;
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) {
        if (geo_find_member(zset, call_arg(call, i), &point)) {
            reply_place(call->reply, point);
        } else {
            reply_null_array(call->reply);
        }
    }
}

static void cmd_geohash(struct call *call)
{
    const struct zset *zset;
    struct geo_point point;

    if (!call_read_zset(call, 0, &zset)) return;
    reply_array(call->reply, call_argc(call) - 2);
    for (unsigned i = 2; i < call_argc(call); i++) {
        char hash[GEO_HASH_LEN];

        if (geo_find_member(zset, call_arg(call, i), &point)) {
            geo_write_hash(point, hash);
            reply_bulk(call->reply, bytes_of(hash, sizeof hash));
        } else {
            reply_null(call->reply);
        }
    }
}

static void cmd_geodist(struct call *call)
{
    const struct zset *zset;
    struct geo_point a, b;
    double unit = 1;

    if (call_argc(call) == 5 && !geo_read_unit(call, 4, &unit)) return;
    if (call_argc(call) > 5) {
        call_syntax_error(call);
        return;
    }
    if (!call_read_zset(call, 0, &zset)) return;
    if (geo_find_member(zset, call_arg(call, 2), &a) &&
        geo_find_member(zset, call_arg(call, 3), &b)) {
        reply_distance(call->reply, geo_distance(a, b) / unit);
    } else {
        reply_null(call->reply);
    }
}

#define READS                                                                                      \
    .flags = COMMAND_READ, .keys = KEYS_ONE, .access = KEY_RO | KEY_ACCESS, .since = "3.2.0"

static const struct command_row rows[] = {
    {.name = "geoadd",
     .run = cmd_geoadd,
     .arity = -5,
     .flags = COMMAND_WRITE | COMMAND_DENYOOM,
     .keys = KEYS_ONE,
     .access = KEY_RW | KEY_UPDATE,
     .since = "3.2.0",
     .cost = "O(log(N)) where N is the number of members, for each one given",
     .syntax = "key [NX | XX] [CH] longitude latitude member [longitude latitude member ...]",
     .summary = "Adds places to a sorted set, or moves those that are there.",
     .history = "6.2.0: Added the `CH`, `NX` and `XX` options."},
    {.name = "geopos",
     .run = cmd_geopos,
     .arity = -2,
     READS,
     .cost = "O(M) where M is the number of members asked for",
     .syntax = "key member [member ...]",
     .summary = "Answers the longitudes and latitudes of members."},
    {.name = "geohash",
     .run = cmd_geohash,
     .arity = -2,
     READS,
     .cost = "O(M) where M is the number of members asked for",
     .syntax = "key member [member ...]",
     .summary = "Answers the geohashes of members, as they are known elsewhere."},
    {.name = "geodist",
     .run = cmd_geodist,
     .arity = -4,
     READS,
     .cost = "O(1)",
     .syntax = "key member1 member2 [M | KM | FT | MI]",
     .summary = "Answers the distance between two members."},
};

const struct command_family geo_commands = COMMAND_FAMILY("geo", rows);
