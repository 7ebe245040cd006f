#include "coatcheck/observe/rate.h"

void rate_note(struct rate *rate, int64_t now_us, int64_t total)
{
    int64_t took_us = now_us - rate->at_us, grown = total - rate->total;

    if (rate->at_us != 0 && took_us > 0) {
        int64_t per_second = grown > 0 ? (int64_t)((double)grown * 1000000 / (double)took_us) : 0;

        atomic_store_explicit(&rate->per_second[rate->next], per_second, memory_order_relaxed);
        rate->next = (rate->next + 1) % RATE_SAMPLES;
    }
    rate->at_us = now_us;
    rate->total = total;
}

int64_t rate_read(const struct rate *rate)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < RATE_SAMPLES; i++) {
        sum += atomic_load_explicit(&rate->per_second[i], memory_order_relaxed);
    }
    return sum / RATE_SAMPLES;
}
