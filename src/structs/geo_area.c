/* geo_area: a shape covered by a cell of the grid and the eight round it, the finest grid for which
 * that goes. */
#include <math.h>
#include "geo_internal.h"

/* Half the way round the earth on a map, from which the grid is chosen. */
#define MAP_HALF 20037726.37

/* What the shape lies within, roughly: it is only held against cells. */
struct bounds {
    struct span longitudes, latitudes;
};

static struct bounds bounds_of(const struct geo_shape *shape)
{
    double height = shape->unit * (shape->is_box ? shape->height / 2 : shape->radius);
    double width = shape->unit * (shape->is_box ? shape->width / 2 : shape->radius);
    double x = shape->center.longitude, y = shape->center.latitude;
    double up = geo_degrees(height / EARTH_RADIUS);
    /* Degrees are shortest at the side that is nearer to the pole. */
    double nearer = y < 0 ? y - up : y + up;
    double aside = geo_degrees(width / EARTH_RADIUS / cos(geo_radians(nearer)));

    return (struct bounds){{x - aside, x + aside}, {y - up, y + up}};
}

/* Bits of a grid whose cells are larger than the shape, mostly: coarser where degrees of longitude
 * are short. */
static unsigned choose_bits(double radius, double latitude)
{
    int bits = -1;

    if (radius == 0) return BITS;
    for (; radius < MAP_HALF; radius *= 2) bits++;
    if (fabs(latitude) > 66) bits -= fabs(latitude) > 80 ? 2 : 1;
    return bits < 1 ? 1 : bits > BITS ? BITS : (unsigned)bits;
}

static unsigned bits_for(const struct geo_shape *shape)
{
    double half_width = shape->width / 2, half_height = shape->height / 2;
    double radius =
        shape->is_box ? sqrt(half_width * half_width + half_height * half_height) : shape->radius;

    return choose_bits(radius * shape->unit, shape->center.latitude);
}

/* Beyond an edge of the grid its other edge begins, at the poles as well: there cells are looked at
 * that have nothing to give. */
static struct cell neighbour(struct cell cell, int dx, int dy, unsigned bits)
{
    uint32_t mask = ((uint32_t)1 << bits) - 1;

    if (dx != 0) cell.x = (cell.x + (uint32_t)dx) & mask;
    if (dy != 0) cell.y = (cell.y + (uint32_t)dy) & mask;
    return cell;
}

/* Does the shape reach beyond the neighbours? */
static bool is_too_fine(struct cell center, unsigned bits, const struct bounds *bounds)
{
    return geo_latitudes(neighbour(center, 0, 1, bits), bits).max < bounds->latitudes.max ||
           geo_latitudes(neighbour(center, 0, -1, bits), bits).min > bounds->latitudes.min ||
           geo_longitudes(neighbour(center, 1, 0, bits), bits).max < bounds->longitudes.max ||
           geo_longitudes(neighbour(center, -1, 0, bits), bits).min > bounds->longitudes.min;
}

/* Which neighbours on a side the shape does not reach. */
struct spared {
    bool west, east, south, north;
};

static struct spared spared_by(struct cell center, unsigned bits, const struct bounds *bounds)
{
    struct span longitudes = geo_longitudes(center, bits), latitudes = geo_latitudes(center, bits);

    if (bits < 2) return (struct spared){0};
    return (struct spared){
        .west =
            longitudes.min<bounds->longitudes.min, .east = longitudes.max> bounds->longitudes.max,
        .south =
            latitudes.min<bounds->latitudes.min, .north = latitudes.max> bounds->latitudes.max};
}

/* The order of an answer that is not sorted: the centre, then north, south, east, west, then the
 * corners. */
static const struct {
    int dx, dy;
} around[GEO_AREAS] = {{0, 0}, {0, 1},  {0, -1}, {1, 0},  {-1, 0},
                       {1, 1}, {-1, 1}, {1, -1}, {-1, -1}};

unsigned geo_areas(const struct geo_shape *shape, struct geo_area areas[GEO_AREAS])
{
    struct bounds bounds = bounds_of(shape);
    unsigned bits = bits_for(shape), count = 0;
    struct cell center = geo_cell_of(shape->center, LATITUDE_MAX, bits);
    uint64_t last = 0;
    struct spared spared;
    bool any_last = false;

    if (bits > 1 && is_too_fine(center, bits, &bounds)) {
        bits--;
        center = geo_cell_of(shape->center, LATITUDE_MAX, bits);
    }
    spared = spared_by(center, bits, &bounds);
    for (unsigned i = 0; i < GEO_AREAS; i++) {
        int dx = around[i].dx, dy = around[i].dy;
        uint64_t number = geo_weave(neighbour(center, dx, dy, bits));

        if ((dx < 0 && spared.west) || (dx > 0 && spared.east) || (dy < 0 && spared.south) ||
            (dy > 0 && spared.north))
            continue;
        /* On the coarsest grid both neighbours are one cell. */
        if (any_last && number == last) continue;
        areas[count++] = (struct geo_area){(double)(number << (2 * BITS - 2 * bits)),
                                           (double)((number + 1) << (2 * BITS - 2 * bits))};
        last = number;
        any_last = i > 0;
    }
    return count;
}
