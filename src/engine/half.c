#include "half_internal.h"

#include "coatcheck/base/held.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* Room for words behind a large one, at first: as EX and its number. */
#define WORDS_BEHIND 4

struct half *half_new(struct request *request)
{
    struct half *half;

    if (!request_keep(request)) return NULL;
    half = mem_alloc(sizeof *half);
    if (!half) return NULL;
    *half = (struct half){.request = *request};
    return half;
}

static void count_slack(struct half *half)
{
    if (half->slack == 0) return;
    held_expect(-(int64_t)half->slack);
    half->slack = 0;
}

void half_cut(struct half *half, size_t to_come)
{
    struct blob *blob = half ? half->blob : NULL;

    if (!blob || to_come == 0) return;
    blob = mem_resize(blob, sizeof *blob + blob->room - half->slack - to_come);
    count_slack(half);
    if (!blob) return;
    half->blob = blob;
    blob->room = mem_usable(blob) - sizeof *blob;
}

void half_free(struct half **half)
{
    if (!*half) return;
    request_fini(&(*half)->request);
    if ((*half)->blob) blob_release(&(*half)->blob);
    count_slack(*half);
    mem_free((*half)->before.args);
    mem_free((*half)->before.text);
    mem_free((*half)->room);
    mem_free((*half)->text);
    mem_free(*half);
    *half = NULL;
}

char *half_direct(struct half *half, struct bytes come, size_t *len)
{
    struct request *request = &half->request;
    size_t size;

    if (half->blob || request->bulk < BLOB_FROM || request->unquoted) return NULL;
    size = (size_t)request->bulk + 2;
    must(come.len < size);
    /* Who announces much and sends little takes little: the rest is not counted before it comes. */
    held_expect_begin();
    half->slack = mem_good_size(sizeof(struct blob) + size) - sizeof(struct blob) - size;
    *len = size - come.len;
    half->blob = blob_new(size);
    held_expect((int64_t)(*len + half->slack));
    held_expect_end();
    if (request->words_to_come > 1) half->room = mem_alloc(WORDS_BEHIND * sizeof *half->room);
    if (!half->blob || (request->words_to_come > 1 && !half->room) || !request_detach(request)) {
        if (half->blob) blob_release(&half->blob);
        mem_free(half->room);
        half->room = NULL;
        held_expect(-(int64_t)*len);
        count_slack(half);
        return NULL;
    }
    memcpy(half->blob->at, come.at, come.len);
    return half->blob->at + come.len;
}

void half_filled(struct half *half)
{
    count_slack(half);
    half->blob->len = (size_t)half->request.bulk;
    request_put(&half->request, blob_bytes(half->blob));
    if (half->request.words_to_come == 0) return;
    request_part(&half->request, &half->before, half->room, WORDS_BEHIND);
    half->room = NULL;
}

size_t half_keeps(const struct half *half, size_t *beside)
{
    *beside = mem_usable(half) + mem_usable(half->request.args) + mem_usable(half->before.args) +
              mem_usable(half->request.unquoted) + mem_usable(half->before.text) + mem_usable(half->text);
    return half->blob ? half->blob->len : 0;
}

bool half_is_filling(const struct half *half)
{
    return half && half->blob && half->blob->len == 0;
}

bool half_join(struct half *half)
{
    return request_join(&half->request, &half->before, &half->text);
}
