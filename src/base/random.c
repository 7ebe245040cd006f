#include "coatcheck/base/random.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/random.h>
#include "coatcheck/base/must.h"

void random_secret(void *into, size_t len)
{
    char *at = into;

    while (len > 0) {
        ssize_t got = getrandom(at, len, 0);

        if (got < 0 && errno == EINTR) continue;
        must(got > 0); /* a guessable secret would be worse than not starting */
        at += got;
        len -= (size_t)got;
    }
}

uint64_t *random_of_thread(void)
{
    static _Thread_local uint64_t state;
    static _Thread_local bool seeded;

    if (!seeded) {
        random_secret(&state, sizeof state);
        seeded = true;
    }
    return &state;
}
