#include <math.h>
#include "geo_internal.h"

/* Slack for what is ruled out by a rougher sum than the one that decides. */
#define SLACK 1e-9

double geo_radians(double degrees)
{
    return degrees * (M_PI / 180.0);
}

double geo_degrees(double radians)
{
    return radians / (M_PI / 180.0);
}

/* ---- cells ---- */

bool geo_is_place(struct geo_point point)
{
    return point.longitude >= -LONGITUDE_MAX && point.longitude <= LONGITUDE_MAX &&
           point.latitude >= -LATITUDE_MAX && point.latitude <= LATITUDE_MAX;
}

struct cell geo_cell_of(struct geo_point point, double latitude_max, unsigned bits)
{
    double cells = (double)((uint64_t)1 << bits);
    double x = (point.longitude + LONGITUDE_MAX) / (2 * LONGITUDE_MAX);
    double y = (point.latitude + latitude_max) / (2 * latitude_max);

    return (struct cell){(uint32_t)(x * cells), (uint32_t)(y * cells)};
}

/* Every bit moved to twice its place. */
static uint64_t spread(uint32_t bits)
{
    uint64_t word = bits;

    word = (word | word << 16) & 0x0000ffff0000ffffu;
    word = (word | word << 8) & 0x00ff00ff00ff00ffu;
    word = (word | word << 4) & 0x0f0f0f0f0f0f0f0fu;
    word = (word | word << 2) & 0x3333333333333333u;
    return (word | word << 1) & 0x5555555555555555u;
}

static uint32_t gather(uint64_t word)
{
    word &= 0x5555555555555555u;
    word = (word | word >> 1) & 0x3333333333333333u;
    word = (word | word >> 2) & 0x0f0f0f0f0f0f0f0fu;
    word = (word | word >> 4) & 0x00ff00ff00ff00ffu;
    word = (word | word >> 8) & 0x0000ffff0000ffffu;
    return (uint32_t)(word | word >> 16);
}

uint64_t geo_weave(struct cell cell)
{
    return spread(cell.x) << 1 | spread(cell.y);
}

uint64_t geo_encode(struct geo_point point)
{
    return geo_weave(geo_cell_of(point, LATITUDE_MAX, BITS));
}

static struct span span_of(uint32_t i, double half, unsigned bits)
{
    double cells = (double)((uint64_t)1 << bits);

    return (struct span){-half + i / cells * (2 * half),
                         -half + (uint32_t)(i + 1) / cells * (2 * half)};
}

struct span geo_longitudes(struct cell cell, unsigned bits)
{
    return span_of(cell.x, LONGITUDE_MAX, bits);
}

struct span geo_latitudes(struct cell cell, unsigned bits)
{
    return span_of(cell.y, LATITUDE_MAX, bits);
}

static double middle(struct span span, double limit)
{
    double at = (span.min + span.max) / 2;

    return at > limit ? limit : at < -limit ? -limit : at;
}

/* As x86-64 converts without asking; in C it would be undefined for what does not fit. */
static uint64_t bits_of_score(double score)
{
    if (score >= -0x1p63 && score < 0x1p63) return (uint64_t)(int64_t)score;
    if (score >= 0x1p63 && score < 0x1p64) return (uint64_t)score;
    return score > 0 ? 0 : (uint64_t)1 << 63;
}

struct geo_point geo_of_score(double score)
{
    uint64_t bits = bits_of_score(score);
    struct cell cell = {gather(bits >> 1), gather(bits)};

    return (struct geo_point){middle(geo_longitudes(cell, BITS), LONGITUDE_MAX),
                              middle(geo_latitudes(cell, BITS), LATITUDE_MAX)};
}

/* Ten letters are 50 of the 52 bits; for an eleventh there are not enough. */
void geo_write_hash(struct geo_point point, char *into)
{
    static const char letters[] = "0123456789bcdefghjkmnpqrstuvwxyz";
    uint64_t bits = geo_weave(geo_cell_of(point, 90, BITS));

    for (unsigned i = 0; i < GEO_HASH_LEN - 1; i++) into[i] = letters[bits >> (47 - 5 * i) & 31];
    into[GEO_HASH_LEN - 1] = letters[0];
}

/* ---- distances ---- */

static double along_meridian(double latitude_a, double latitude_b)
{
    return EARTH_RADIUS * fabs(latitude_b - latitude_a);
}

/* By the haversine formula, in radians: from a, whose latitude has this cosine, to b. */
static double distance_from(double longitude_a, double latitude_a, double cosine_a,
                            double longitude_b, double latitude_b)
{
    double v = sin((longitude_b - longitude_a) / 2), u;

    if (v == 0.0) return along_meridian(latitude_a, latitude_b);
    u = sin((latitude_b - latitude_a) / 2);
    return 2.0 * EARTH_RADIUS * asin(sqrt(u * u + cosine_a * cos(latitude_b) * v * v));
}

double geo_distance(struct geo_point a, struct geo_point b)
{
    double latitude = geo_radians(a.latitude);

    return distance_from(geo_radians(a.longitude), latitude, cos(latitude),
                         geo_radians(b.longitude), geo_radians(b.latitude));
}

/* The greatest difference in longitude between the centre and what is within `angle` of it. */
static double reach_of(double angle, double latitude)
{
    double sine;

    if (!(fabs(latitude) + angle < M_PI / 2)) return INFINITY;
    sine = sin(angle) / cos(latitude);
    return sine < 1 ? asin(sine) * (1 + SLACK) + SLACK : INFINITY;
}

void geo_probe_init(struct geo_probe *probe, const struct geo_shape *shape)
{
    double longitude = geo_radians(shape->center.longitude),
           latitude = geo_radians(shape->center.latitude);

    *probe = (struct geo_probe){.center = shape->center,
                                .longitude = longitude,
                                .latitude = latitude,
                                .cosine = cos(latitude),
                                .is_box = shape->is_box,
                                .radius = shape->radius * shape->unit,
                                .width = shape->width * shape->unit,
                                .height = shape->height * shape->unit,
                                .far_longitude = INFINITY};
    probe->far_latitude =
        (shape->is_box ? probe->height / 2 : probe->radius) / EARTH_RADIUS * (1 + SLACK) + SLACK;
    if (!shape->is_box) probe->far_longitude = reach_of(probe->radius / EARTH_RADIUS, latitude);
}

static bool box_has(const struct geo_probe *probe, struct geo_point point)
{
    struct geo_point beside = {probe->center.longitude, point.latitude};

    return geo_distance(point, beside) <= probe->width / 2;
}

bool geo_probe_has(const struct geo_probe *probe, struct geo_point point, double *distance)
{
    double latitude = geo_radians(point.latitude), longitude = geo_radians(point.longitude);
    double apart = fabs(longitude - probe->longitude);

    if (fabs(latitude - probe->latitude) > probe->far_latitude) return false;
    if (apart > probe->far_longitude && 2 * M_PI - apart > probe->far_longitude) return false;
    if (probe->is_box &&
        (along_meridian(latitude, probe->latitude) > probe->height / 2 || !box_has(probe, point)))
        return false;
    *distance =
        distance_from(probe->longitude, probe->latitude, probe->cosine, longitude, latitude);
    /* Right across the earth rounding can leave no number, which counts as within. */
    return probe->is_box || !(*distance > probe->radius);
}
