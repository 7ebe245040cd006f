#include "bulk_internal.h"

#include "coatcheck/base/clock.h"

int64_t bulk_turn_us = 300;

void bulk_turn(struct bulk *bulk)
{
    unsigned moving = bulk->moving > 0 ? bulk->moving : 1;

    bulk->moving = 0;
    if (bulk->sharers == moving) return;
    bulk->sharers = moving;
    bulk->share_ticks = clock_us_to_ticks((uint64_t)bulk_turn_us) / moving;
}

uint64_t bulk_begin(struct bulk *bulk)
{
    bulk->moving++;
    return clock_ticks() + bulk->share_ticks;
}

bool bulk_goes_on(uint64_t until_ticks)
{
    return clock_ticks() < until_ticks;
}
