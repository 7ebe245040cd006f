/* chance: is what was drawn even? Tests by chi-square, for draws whose seed nobody knows. */
#ifndef COATCHECK_TESTS_CHANCE_H
#define COATCHECK_TESTS_CHANCE_H

#include <math.h>
#include <stdbool.h>

/* Of so many degrees of freedom. Its cube root is normal for small ones too (Wilson and Hilferty 1931); six deviations come
 * by chance once in five hundred million draws. Too even is not even. */
static inline bool chance_is_even(double chi_square, double freedom)
{
    double spread = 2 / (9 * freedom), deviations = (cbrt(chi_square / freedom) - (1 - spread)) / sqrt(spread);

    return fabs(deviations) < 6;
}

#endif
