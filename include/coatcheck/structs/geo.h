/* geo: places on the earth as numbers of 52 bits, which stand in the order of a space-filling curve
 * (Morton 1966): what is near each other has mostly numbers near each other, and so a sorted set
 * can be searched by place.
 *
 *   longitude  -180 … 180                    26 bits, cell 0 the westernmost
 *   latitude   -85.05112878 … 85.05112878    26 bits, cell 0 the southernmost: where web maps end
 *   number     … x1 y1 x0 y0                 bits of the two cells in turns, the longitude's first
 *
 * A number stands for the middle of its cell, at most 0.4 m from the place that it was made of. The
 * earth is a sphere of 6372797.560856 m. Degrees in and out, metres for distances. The arithmetic
 * is redis-server's, operation for operation: so numbers, distances and what is just within a
 * circle are the same. */
#ifndef COATCHECK_STRUCTS_GEO_H
#define COATCHECK_STRUCTS_GEO_H

#include <stdbool.h>
#include <stdint.h>

#define GEO_HASH_LEN 11

struct geo_point {
    double longitude, latitude;
};

bool geo_is_place(struct geo_point point);

/* Of a place that is one. */
uint64_t geo_encode(struct geo_point point);

/* Of any score, also of one that was never a place: an infinite one too ends up somewhere. */
struct geo_point geo_of_score(double score);

/* The geohash as it is known elsewhere (Niemeyer 2008), over latitudes from -90 to 90: writes
 * GEO_HASH_LEN letters, of which the last says nothing. */
void geo_write_hash(struct geo_point point, char *into);

/* At most GEO_HALF_ROUND; right across the earth rounding may leave NaN. */
#define GEO_HALF_ROUND (6372797.560856 * 3.14159265358979323846)
double geo_distance(struct geo_point a, struct geo_point b);

/* A circle, or a box whose sides run north and east, as asked for in some unit. */
struct geo_shape {
    struct geo_point center;
    double unit; /* metres */
    bool is_box;
    double radius;
    double width, height;
};

/* Scores of a piece of the earth: first … end, `end` not included. */
struct geo_area {
    double first, end;
};

/* Pieces that hold all of the shape between them, in the order in which they are to be searched;
 * how many. */
#define GEO_AREAS 9
unsigned geo_areas(const struct geo_shape *shape, struct geo_area areas[GEO_AREAS]);

/* A shape made ready for many questions. */
struct geo_probe {
    struct geo_point center;
    double longitude, latitude, cosine; /* the centre's, in radians */
    bool is_box;
    double radius, width, height; /* metres */
    double far_latitude;  /* in radians: what is further north or south than this is outside for
                             certain */
    double far_longitude; /* and east or west; infinite where that cannot be said */
};
void geo_probe_init(struct geo_probe *probe, const struct geo_shape *shape);

/* Is it within the shape, and how far from the centre? */
bool geo_probe_has(const struct geo_probe *probe, struct geo_point point, double *distance);

#endif
