/* Any bytes, cut anywhere, must be read as the same requests as in one piece, and never past their end. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/must.h"
#include "coatcheck/wire/request.h"

#define REQUESTS_MAX 64

/* What a reading came to: a digest of the words of each request, and how it ended. */
struct reading {
    uint64_t digests[REQUESTS_MAX];
    unsigned count;
    enum request_state end;
    char error[64];
    size_t used;
};

static uint64_t digest(const struct request *request)
{
    uint64_t sum = 1469598103934665603u;

    for (unsigned i = 0; i < request->n; i++) {
        for (size_t j = 0; j < request->args[i].len; j++) {
            sum = (sum ^ (unsigned char)request->args[i].at[j]) * 1099511628211u;
        }
        sum = (sum ^ request->args[i].len ^ 0x1ff) * 1099511628211u;
    }
    return sum;
}

/* A copy that ends where the address sanitizer watches, but for the padding that readers may look at. */
static char *guarded(const uint8_t *data, size_t size)
{
    char *copy = calloc(1, size + REQUEST_PADDING);

    must(copy);
    if (size > 0) memcpy(copy, data, size);
    return copy;
}

static void read_all(struct reading *reading, const uint8_t *data, size_t size, size_t step,
                     const struct request_limits *limits)
{
    struct bytes words[16];
    struct request request;
    size_t start = 0, seen = step < size ? step : size;

    memset(reading, 0, sizeof *reading);
    request_begin(&request, words, 16);
    while (reading->count < REQUESTS_MAX) {
        char *copy = guarded(data + start, seen - start);
        enum request_state state = request_read(&request, bytes_of(copy, seen - start), limits);

        reading->end = state;
        if (state == REQUEST_READY) {
            must(request.n > 0 && request.at <= seen - start);
            reading->digests[reading->count++] = digest(&request);
            start += request.at;
            reading->used = start;
            request_fini(&request);
            request_begin(&request, words, 16);
        } else if (state == REQUEST_BROKEN) {
            strncpy(reading->error, request.error, sizeof reading->error - 1);
            free(copy);
            break;
        } else if (state == REQUEST_MORE && seen < size) {
            must(request.bulk < 0 || request_wants(&request) > seen - start);
            must(request_keep(&request));
            seen = size - seen < step ? size : seen + step;
        } else {
            free(copy);
            break;
        }
        free(copy);
    }
    request_fini(&request);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct reading whole, pieces;
    struct request_limits limits = {.max_bulk = 1 << 20};
    size_t step;

    if (size < 2) return 0;
    step = data[0] % 17 + 1;
    limits.authenticated = data[1] & 1;
    data += 2;
    size -= 2;
    read_all(&whole, data, size, size ? size : 1, &limits);
    read_all(&pieces, data, size, step, &limits);
    must(whole.count == pieces.count);
    must(memcmp(whole.digests, pieces.digests, sizeof whole.digests) == 0);
    must(whole.end == pieces.end && whole.used == pieces.used);
    must(strcmp(whole.error, pieces.error) == 0);
    return 0;
}
