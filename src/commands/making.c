#include "coatcheck/commands/making.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"

static void task_free(struct task *task)
{
    struct making *making = (struct making *)task;

    making_free(&making);
}

enum status making_init(struct making *making, const struct making_verbs *verbs, struct call *call, unsigned first_key,
                        unsigned count)
{
    making->task = (struct task){.free = task_free, .wants_keys = true};
    making->verbs = verbs;
    gathering_init(&making->gathering);
    reply_nest(call->reply, &making->answer);
    return sources_note(&making->sources, call, first_key, count);
}

void making_free(struct making **making)
{
    (*making)->verbs->fini(*making);
    sources_fini(&(*making)->sources);
    gathering_fini(&(*making)->gathering);
    outbox_clear(&(*making)->answer.queue);
    mem_free(*making);
    *making = NULL;
}

static void leave(struct call *call, struct making *making, bool rests)
{
    struct task *task = &making->task;
    size_t bytes = making->verbs->bytes(making, &task->aside) + making->answer.queue.bytes;

    if (!(rests ? call_rest : call_interrupt)(call, &task, bytes)) call_ok(call, NO_MEMORY);
}

void making_leave(struct call *call, struct making *making)
{
    leave(call, making, false);
}

/* Until the time has come. */
static enum status make_some(struct call *call, struct making *making, enum gathering_answer *may, bool *is_over)
{
    int64_t until_us = call_slice_end_us(call);
    enum status status;

    *is_over = false;
    do {
        *may = gathering_ask(&making->gathering, call, making->answer.queue.bytes);
        if (unlikely(*may != GATHERING_GOES_ON)) return OK;
        status = making->verbs->some(making, is_over);
    } while (status == OK && !*is_over && clock_steady_us() < until_us);
    return status;
}

void making_go_on(struct call *call, struct task *task)
{
    struct making *making = (struct making *)task;
    enum gathering_answer may;
    enum status status;
    bool is_over;

    if (!sources_are_unchanged(&making->sources, call, false)) {
        making->verbs->begin_anew(call, making);
        return;
    }
    status = make_some(call, making, &may, &is_over);
    if (status == OK && !is_over && may != GATHERING_REFUSED) {
        leave(call, making, may == GATHERING_WAITS);
        return;
    }
    if (status == OK && is_over && !sources_are_unchanged(&making->sources, call, true)) {
        making->verbs->begin_anew(call, making);
        return;
    }
    if (call_ok(call, status)) {
        if (is_over) {
            making->verbs->finish(call, making);
        } else {
            gathering_refuse(call);
        }
    }
    making_free(&making);
}
