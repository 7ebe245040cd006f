#include "half_internal.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

struct half *half_new(struct request *request)
{
    struct half *half;

    if (!request_keep(request)) return NULL;
    half = mem_alloc(sizeof *half);
    if (!half) return NULL;
    half->request = *request;
    half->blob = NULL;
    return half;
}

void half_free(struct half **half)
{
    if (!*half) return;
    request_fini(&(*half)->request);
    if ((*half)->blob) blob_release(&(*half)->blob);
    mem_free(*half);
    *half = NULL;
}

char *half_direct(struct half *half, struct bytes come, size_t *len)
{
    struct request *request = &half->request;
    size_t size;

    if (half->blob || request->words_to_come != 1 || request->bulk < BLOB_FROM) return NULL;
    size = (size_t)request->bulk + 2;
    half->blob = blob_new(size);
    if (!half->blob) return NULL;
    if (!request_detach(request)) {
        blob_release(&half->blob);
        return NULL;
    }
    must(come.len < size);
    memcpy(half->blob->at, come.at, come.len);
    *len = size - come.len;
    return half->blob->at + come.len;
}

void half_filled(struct half *half)
{
    half->blob->len = (size_t)half->request.bulk;
    request_put_last(&half->request, blob_bytes(half->blob));
}
