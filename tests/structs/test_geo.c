#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <math.h>
#include <string.h>
#include <cmocka.h>
#include "coatcheck/base/random.h"
#include "coatcheck/structs/geo.h"

#define LATITUDE_MAX 85.05112878
/* Half of the diagonal of a cell at the equator, and what rounding adds. */
#define CELL_REACH_M 0.42

static double draw(uint64_t *dice, double limit)
{
    return ((double)(random_next(dice) >> 11) * 0x1p-53 * 2 - 1) * limit;
}

static struct geo_point draw_place(uint64_t *dice)
{
    return (struct geo_point){draw(dice, 180), draw(dice, LATITUDE_MAX)};
}

static struct geo_point near_place(uint64_t *dice, struct geo_point place, double degrees)
{
    struct geo_point near = {place.longitude + draw(dice, degrees),
                             place.latitude + draw(dice, degrees)};

    if (near.longitude > 180) near.longitude -= 360;
    if (near.longitude < -180) near.longitude += 360;
    near.latitude = fmax(-LATITUDE_MAX, fmin(LATITUDE_MAX, near.latitude));
    return near;
}

static void only_what_maps_show_is_a_place(void **state)
{
    (void)state;
    assert_true(geo_is_place((struct geo_point){180, LATITUDE_MAX}));
    assert_true(geo_is_place((struct geo_point){-180, -LATITUDE_MAX}));
    assert_false(geo_is_place((struct geo_point){180.0000001, 0}));
    assert_false(geo_is_place((struct geo_point){0, -85.0511288}));
    assert_false(geo_is_place((struct geo_point){NAN, 0}));
    assert_false(geo_is_place((struct geo_point){0, INFINITY}));
}

/* Told by redis-server. */
static void numbers_are_those_of_redis(void **state)
{
    char hash[GEO_HASH_LEN + 1] = {0};

    (void)state;
    assert_true(geo_encode((struct geo_point){13.361389, 38.115556}) == 3479099956230698);
    assert_true(geo_encode((struct geo_point){15.087269, 37.502669}) == 3479447370796909);
    assert_true(geo_encode((struct geo_point){-180, -LATITUDE_MAX}) == 0);
    assert_true(geo_encode((struct geo_point){0, 0}) == 3377699720527872);
    geo_write_hash(geo_of_score(3479099956230698), hash);
    assert_string_equal(hash, "sqc8b49rny0");
}

static void a_number_stands_for_a_place_nearby(void **state)
{
    uint64_t dice = 1;

    (void)state;
    for (unsigned i = 0; i < 100000; i++) {
        struct geo_point place = draw_place(&dice), cell;
        uint64_t number = geo_encode(place);

        assert_true(number < (uint64_t)1 << 52);
        cell = geo_of_score((double)number);
        assert_true(geo_distance(place, cell) < CELL_REACH_M);
        assert_true(geo_encode(cell) == number);
    }
}

static void every_score_is_somewhere(void **state)
{
    const double scores[] = {0,         -1,     0.5,    -0.0,   1e300,   -1e300, INFINITY,
                             -INFINITY, 0x1p52, 0x1p53, 0x1p63, -0x1p63, 0x1p64};
    uint64_t dice = 2;

    (void)state;
    for (unsigned i = 0; i < sizeof scores / sizeof scores[0]; i++)
        assert_true(geo_is_place(geo_of_score(scores[i])));
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t bits = random_next(&dice);
        double score;

        memcpy(&score, &bits, sizeof score);
        if (!isnan(score)) assert_true(geo_is_place(geo_of_score(score)));
    }
}

static void distances_are_great_circles(void **state)
{
    uint64_t dice = 3;

    (void)state;
    assert_true(fabs(geo_distance((struct geo_point){0, 0}, (struct geo_point){180, 0}) -
                     GEO_HALF_ROUND) < 1);
    assert_true(fabs(geo_distance((struct geo_point){7, 0}, (struct geo_point){7, 45}) -
                     GEO_HALF_ROUND / 4) < 1e-3);
    for (unsigned i = 0; i < 20000; i++) {
        struct geo_point a = draw_place(&dice), b = draw_place(&dice), c = draw_place(&dice);

        assert_true(geo_distance(a, a) == 0);
        assert_true(fabs(geo_distance(a, b) - geo_distance(b, a)) < 1e-3);
        assert_true(geo_distance(a, c) <= geo_distance(a, b) + geo_distance(b, c) + 1e-3);
    }
}

static bool is_covered(const struct geo_area *areas, unsigned count, struct geo_point place)
{
    double score = (double)geo_encode(place);

    for (unsigned i = 0; i < count; i++) {
        if (score >= areas[i].first && score < areas[i].end) return true;
    }
    return false;
}

/* Away from the poles, round which redis-server's areas do not reach. */
static void areas_cover_their_shape(void **state)
{
    uint64_t dice = 4;

    (void)state;
    for (unsigned i = 0; i < 20000; i++) {
        struct geo_shape shape = {
            .center = {draw(&dice, 179.99), draw(&dice, 60)}, .unit = 1, .is_box = i % 2};
        double degrees = exp2(draw(&dice, 9) - 7), distance;
        struct geo_area areas[GEO_AREAS];
        struct geo_probe probe;
        unsigned count;

        if (degrees > 4) degrees = 4;
        shape.radius = shape.width = degrees * 111000;
        shape.height = shape.width * (1 + draw(&dice, 0.5));
        geo_probe_init(&probe, &shape);
        count = geo_areas(&shape, areas);
        assert_in_range(count, 1, GEO_AREAS);
        for (unsigned k = 0; k < 10; k++) {
            struct geo_point place = near_place(&dice, shape.center, degrees);

            if (geo_probe_has(&probe, place, &distance))
                assert_true(is_covered(areas, count, place));
        }
    }
}

/* What is ruled out in advance would have been ruled out by its distance. */
static void a_probe_says_what_distances_say(void **state)
{
    uint64_t dice = 5;
    unsigned within = 0;

    (void)state;
    for (unsigned i = 0; i < 200000; i++) {
        double degrees = exp2(draw(&dice, 12) - 4), distance = -1, expected;
        struct geo_shape shape = {.center = draw_place(&dice), .unit = 1000};
        struct geo_point place = near_place(&dice, shape.center, degrees);
        struct geo_probe probe;
        bool has;

        expected = geo_distance(shape.center, place);
        shape.radius = (i % 3 ? expected * (1 + draw(&dice, 1e-12)) : degrees * 111000) / 1000;
        geo_probe_init(&probe, &shape);
        has = geo_probe_has(&probe, place, &distance);
        assert_int_equal(has, expected <= shape.radius * shape.unit);
        if (has) assert_true(distance == expected);
        within += has;
    }
    assert_in_range(within, 50000, 150000);
}

static void a_box_is_measured_along_its_sides(void **state)
{
    struct geo_shape shape = {
        .center = {10, 50}, .unit = 1000, .is_box = true, .width = 100, .height = 10};
    struct geo_probe probe;
    double distance;

    (void)state;
    geo_probe_init(&probe, &shape);
    assert_true(geo_probe_has(&probe, (struct geo_point){10.69, 50}, &distance));
    assert_true(fabs(distance - 49331) < 20);
    assert_false(geo_probe_has(&probe, (struct geo_point){10.71, 50}, &distance));
    assert_true(geo_probe_has(&probe, (struct geo_point){10, 50.0449}, &distance));
    assert_false(geo_probe_has(&probe, (struct geo_point){10, 50.0451}, &distance));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(only_what_maps_show_is_a_place),
        cmocka_unit_test(numbers_are_those_of_redis),
        cmocka_unit_test(a_number_stands_for_a_place_nearby),
        cmocka_unit_test(every_score_is_somewhere),
        cmocka_unit_test(distances_are_great_circles),
        cmocka_unit_test(areas_cover_their_shape),
        cmocka_unit_test(a_probe_says_what_distances_say),
        cmocka_unit_test(a_box_is_measured_along_its_sides),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
