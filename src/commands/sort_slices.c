/* sort_slices: SORT of many elements. They are copied while their key's shard is entered, and BY a pattern is looked up while
 * all are; what takes longer, to read their numbers, to put them in order and to write the answer, is done in slices, and
 * holds nothing. What is stored is put in its place at the end, if the source is what it was; else all begins anew. */
#include "sort_internal.h"

#include "coatcheck/base/clock.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/commands/sources.h"
#include "coatcheck/engine/gathering.h"

/* Fewer are sorted where they are: that is no longer than a slice. */
#define AT_ONCE 1000

/* Between two looks at the clock so many elements are weighed, moved or written, or less when their texts are long. */
#define MOST_A_LOOK 1000
#define BYTES_A_LOOK (256 * 1024)

struct sorting {
    struct task task;
    struct sort sort;
    struct sort_work work;
    bool is_weighed, is_sorted;
    bool is_bad;  /* an element is no number */
    bool is_made; /* the list that is to be stored */
    enum status status;
    size_t weighed;
    uint64_t written;  /* the next one */
    struct list *list; /* that is stored, of `source` */
    struct sources source;
    unsigned got, word; /* of its GETs: so many are done, and where the next one stands */
    struct reply_nested answer;
    struct gathering gathering;
};

static void sorting_free(struct task *task)
{
    struct sorting *sorting = (struct sorting *)task;

    sort_work_fini(&sorting->work, &sorting->sort.elements);
    sort_fini(&sorting->sort);
    sources_fini(&sorting->source);
    if (sorting->list) list_free(&sorting->list);
    gathering_fini(&sorting->gathering);
    outbox_clear(&sorting->answer.queue);
    mem_free(sorting);
}

static size_t held_bytes(const struct sorting *sorting)
{
    const struct sort_elements *elements = &sorting->sort.elements;

    return sizeof *sorting + 2 * elements->count * sizeof *elements->of + elements->scraps.bytes + sorting->answer.queue.bytes;
}

static size_t list_bytes(const struct sorting *sorting)
{
    return sorting->list ? value_kind_of(VALUE_LIST)->used_bytes(sorting->list) : 0;
}

static size_t some_of(const struct sort_elements *elements)
{
    size_t length = elements->scraps.bytes / elements->count + 1, some = BYTES_A_LOOK / length + 1;

    return some < MOST_A_LOOK ? some : MOST_A_LOOK;
}

/* Of an element may be asked half a million times: each reply counts. */
static void write_some(struct call *call, struct sorting *sorting, size_t some)
{
    struct sort *sort = &sorting->sort;
    struct reply *reply = &sorting->answer.reply;

    for (; some > 0 && sorting->written < sort->end; some--) {
        struct bytes element = sort->elements.of[sorting->written].text;

        if (sort->gets == 0) {
            reply_bulk(reply, element);
        } else {
            sort_answer_got(call, reply, sort, element, &sorting->word);
            if (++sorting->got < sort->gets) continue;
        }
        sorting->got = 0;
        sorting->word = SORT_OPTIONS;
        sorting->written++;
    }
}

static void push_some(struct call *call, struct sorting *sorting, size_t some)
{
    struct sort *sort = &sorting->sort;

    if (!sorting->list) sorting->list = list_new();
    if (!sorting->list) sorting->status = NO_MEMORY;
    for (; some > 0 && sorting->written < sort->end && sorting->status == OK; some--) {
        sorting->status = sort_push(call, sort, sorting->written++, sorting->list);
    }
}

/* Some of the work. True: that was the last of it. */
static bool sorting_some(struct call *call, struct sorting *sorting)
{
    struct sort *sort = &sorting->sort;
    size_t some = some_of(&sort->elements);

    if (!sorting->is_weighed) {
        for (; some > 0 && sorting->weighed < sort->elements.count; some--) {
            sorting->is_bad |= !sort_weigh_own(sort, sorting->weighed++);
        }
        sorting->is_weighed = sorting->weighed == sort->elements.count;
        return sorting->is_weighed && sorting->is_bad;
    }
    if (!sorting->is_sorted) {
        sorting->is_sorted = sort_work_some(&sorting->work, &sort->elements, some);
        return false;
    }
    if (sort->is_stored) {
        push_some(call, sorting, some);
    } else {
        write_some(call, sorting, some);
    }
    return sorting->written == sort->end || sorting->status != OK;
}

static void give_answer(struct call *call, struct sorting *sorting)
{
    struct sort *sort = &sorting->sort;

    if (!call_ok(call, sorting->status)) return;
    if (sorting->is_bad) {
        reply_errorf(call->reply, "ERR One or more scores can't be converted into double");
    } else {
        reply_unnest(call->reply, &sorting->answer, reply_array, (sort->end - sort->first) * (sort->gets ? sort->gets : 1));
    }
}

static void leave(struct call *call, struct sorting *sorting, bool rests)
{
    size_t aside = list_bytes(sorting), bytes = held_bytes(sorting) + aside;
    struct task *task = &sorting->task;

    task->aside = aside;
    if (!(rests ? call_rest : call_interrupt)(call, &task, bytes)) call_ok(call, NO_MEMORY);
}

/* The shards of its keys are entered. */
static void put_in_place(struct call *call, struct sorting *sorting)
{
    unsigned tries = sorting->sort.tries + 1;
    bool is_good = sources_are_unchanged(&sorting->source, call, true);

    if (is_good) sort_store(call, &sorting->list);
    sorting_free(&sorting->task);
    if (!is_good) sort_run(call, true, tries);
}

/* What is stored is put in its place by a slice of its own. */
static bool has_to_be_put(struct sorting *sorting)
{
    sorting->is_made = sorting->sort.is_stored && !sorting->is_bad && sorting->status == OK;
    sorting->task.wants_keys = sorting->is_made;
    return sorting->is_made;
}

void sort_go_on(struct call *call, struct task *task)
{
    struct sorting *sorting = (struct sorting *)task;
    int64_t until_us = call_slice_end_us(call);
    enum gathering_answer may;
    bool is_over = false;

    if (sorting->is_made) {
        put_in_place(call, sorting);
        return;
    }
    do {
        may = gathering_ask(&sorting->gathering, call, sorting->answer.queue.bytes);
        if (unlikely(may != GATHERING_GOES_ON)) break;
        is_over = sorting_some(call, sorting);
    } while (!is_over && clock_steady_us() < until_us);

    if (is_over ? has_to_be_put(sorting) : may != GATHERING_REFUSED) {
        leave(call, sorting, may == GATHERING_WAITS);
        return;
    }
    if (is_over) {
        give_answer(call, sorting);
    } else {
        gathering_refuse(call);
    }
    sorting_free(task);
}

static bool is_much(const struct entry *entry)
{
    enum value_type type = entry_type(entry);

    return (type == VALUE_LIST || type == VALUE_SET || type == VALUE_ZSET) &&
           value_kind_of(type)->length(entry_container(entry)) > AT_ONCE;
}

bool sort_waits(struct call *call)
{
    const struct entry *entry;

    if (likely(!call_has_to_wait(call))) return false;
    entry = key_look_again(&call->keys[0]);
    if (!entry || !is_much(entry)) return false;
    if (!call_wait_in_line(call)) call_ok(call, NO_MEMORY);
    return true;
}

/* While the source is there. */
static bool copy_elements(struct call *call, struct sorting *sorting, uint64_t count)
{
    struct sort *sort = &sorting->sort;
    enum sort_order order = sort_order_of(sort);

    sort->elements.copies = true;
    if (!call_ok(call, sort_elements_fill(&sort->elements, sort->entry, 0, count, false))) return false;
    if (sort->sorts_by_other && !sort_weigh(call, sort)) return false;
    sorting->is_weighed = sort->by_letters || sort->sorts_by_other;
    if (sort->is_stored && !call_ok(call, sources_note(&sorting->source, call, 0, 1))) return false;
    sort->entry = NULL;
    return call_ok(call, sort_work_begin(&sorting->work, &sort->elements, order, sort->falling));
}

bool sort_begin_slices(struct call *call, struct sort *sort)
{
    uint64_t count = value_kind_of(entry_type(sort->entry))->length(entry_container(sort->entry));
    struct sorting *sorting;

    if (count <= AT_ONCE || sort->tries == SOURCES_TRIES || !call_may_interrupt(call)) return false;
    sorting = mem_alloc_zeroed(sizeof *sorting);
    if (!call_ok(call, sorting ? OK : NO_MEMORY)) return true;
    sorting->task.free = sorting_free;
    sorting->sort = *sort;
    sorting->written = sort->first;
    sorting->word = SORT_OPTIONS;
    reply_nest(call->reply, &sorting->answer);
    if (copy_elements(call, sorting, count)) {
        leave(call, sorting, false);
    } else {
        sorting_free(&sorting->task);
    }
    return true;
}
