/* geo_internal: between the files of the noun. */
#ifndef COATCHECK_STRUCTS_GEO_INTERNAL_H
#define COATCHECK_STRUCTS_GEO_INTERNAL_H

#include "coatcheck/structs/geo.h"

#define LONGITUDE_MAX 180.0
#define LATITUDE_MAX 85.05112878
#define BITS 26
#define EARTH_RADIUS 6372797.560856

/* A cell of the grid of 2^bits by 2^bits. A place on the very edge falls to one that is not in it.
 */
struct cell {
    uint32_t x, y;
};

struct cell geo_cell_of(struct geo_point point, double latitude_max, unsigned bits);

/* Bits of x and y in turns, y's first. */
uint64_t geo_weave(struct cell cell);

/* Where the cell begins, and where the one behind it does: west to east, south to north. */
struct span {
    double min, max;
};
struct span geo_longitudes(struct cell cell, unsigned bits);
struct span geo_latitudes(struct cell cell, unsigned bits);

double geo_radians(double degrees);
double geo_degrees(double radians);

#endif
