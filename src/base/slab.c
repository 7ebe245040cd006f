/* slab: each thread's slabs, class by class.
 *
 * A class keeps the slab that it takes from, a list of those with a few free blocks and one of sparse ones; full
 * ones are in no list and come back by the first block that is freed in them. It takes from the fullest, so that
 * sparse slabs run empty by themselves where blocks come and go, and by moves (slab_is_sparse) where they stay.
 *
 * Before all that, a thread keeps the blocks of a class that it freed last, whoever's they are, and takes the newest of
 * them first. At a memory limit keys go just before others come: their blocks pass from the one to the other without a
 * look at slabs, and with several threads without a word between them. A loose class keeps none, or what is moved out
 * of sparse slabs would be moved back into them; and nobody keeps any beyond the next slab_tidy(). */
#include "coatcheck/base/slab.h"

#include <sys/mman.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/prefetch.h"
#include "slab_internal.h"

/* A slab with less than 7/8 of its blocks in use is sparse, a class with less than 7/8 of all its blocks is loose. */
#define WELL_FILLED(blocks) ((blocks) - (blocks) / 8)

/* What a thread keeps of a class, in bytes: some times as much as eviction frees ahead of who needs it. */
#define KEPT_BYTES 16384

/* How long an empty slab keeps its pages for who comes next. */
#define KEEP_MS 1000

static _Atomic int64_t stray_bytes;  /* freed by threads that have no owner */
static _Atomic unsigned loose_count; /* classes, of all owners */
static _Atomic bool all_sparse;

static inline unsigned class_of(size_t size)
{
    if (likely(size <= SLAB_FINE_MOST)) return size <= SLAB_LEAST ? 1 : (unsigned)(size - 1) / 8;
    return FINE_CLASSES + 63 - SLAB_BYTES / (((uint32_t)size + 7) & ~7u);
}

static inline size_t class_size(unsigned size_class)
{
    if (size_class < FINE_CLASSES) return (size_class + 1) * 8;
    return SLAB_BYTES / (FINE_CLASSES + 63 - size_class) & ~7u;
}

/* Written by one thread, read by others. */
static inline void add_bytes(_Atomic int64_t *sum, int64_t bytes)
{
    atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + bytes, memory_order_relaxed);
}

static inline enum slab_state state_of(const struct slab *slab)
{
    return (enum slab_state)atomic_load_explicit(&slab->state, memory_order_relaxed);
}

static inline void set_state(struct slab *slab, enum slab_state state)
{
    atomic_store_explicit(&slab->state, (uint8_t)state, memory_order_relaxed);
}

/* --- lists --- */

static struct slab **list_of(struct slab_class *class, enum slab_state state)
{
    return state == SLAB_OPEN ? &class->open : &class->sparse;
}

static void list_add(struct slab_class *class, struct slab *slab, enum slab_state state)
{
    struct slab **list = list_of(class, state);

    set_state(slab, state);
    slab->prev = NULL;
    slab->next = *list;
    if (slab->next) slab->next->prev = slab;
    *list = slab;
}

static void list_drop(struct slab_class *class, struct slab *slab)
{
    struct slab **list = list_of(class, state_of(slab));

    if (slab->next) slab->next->prev = slab->prev;
    if (slab->prev) {
        slab->prev->next = slab->next;
    } else {
        *list = slab->next;
    }
}

static inline bool is_loose(const struct slab_owner *owner, unsigned size_class)
{
    return atomic_load_explicit(&owner->loose[size_class], memory_order_relaxed);
}

static void note_looseness(struct slab_owner *owner, unsigned size_class)
{
    struct slab_class *class = &owner->classes[size_class];
    uint64_t room = (uint64_t)class->slabs * class->capacity;
    bool was = is_loose(owner, size_class), loose;

    /* What was never handed out is not lost: nothing stands behind it. */
    if (class->current) {
        room -= (SLAB_BYTES - class->current->fresh) / class->current->block_size;
    }
    loose = class->sparse && class->used < WELL_FILLED(room) && room - class->used >= class->capacity;
    if (loose == was) return;
    atomic_store_explicit(&owner->loose[size_class], loose, memory_order_relaxed);
    if (loose) {
        atomic_fetch_add_explicit(&loose_count, 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&loose_count, 1, memory_order_relaxed);
    }
}

/* An empty slab in no list goes back to the pool. */
static void slab_release(struct slab_owner *owner, struct slab *slab)
{
    unsigned size_class = slab->size_class;

    owner->classes[size_class].slabs--;
    atomic_store_explicit(&owner->held_bytes,
                          atomic_load_explicit(&owner->held_bytes, memory_order_relaxed) - SLAB_BYTES,
                          memory_order_relaxed);
    set_state(slab, SLAB_EMPTY);
    pool_put(slab);
    if (is_loose(owner, size_class)) note_looseness(owner, size_class);
}

static struct slab *slab_get(struct slab_owner *owner, unsigned size_class)
{
    struct slab_class *class = &owner->classes[size_class];
    struct slab *slab = pool_take();

    if (!slab) return NULL;
    slab->owner = owner;
    atomic_store_explicit(slab_number(slab_begin(slab)), owner->number, memory_order_relaxed);
    slab->size_class = (uint8_t)size_class;
    slab->block_size = (uint32_t)class_size(size_class);
    slab->capacity = SLAB_BYTES / slab->block_size;
    slab->free = NULL;
    slab->fresh = 0;
    slab->used = 0;
    class->capacity = slab->capacity;
    class->slabs++;
    atomic_store_explicit(&owner->held_bytes,
                          atomic_load_explicit(&owner->held_bytes, memory_order_relaxed) + SLAB_BYTES,
                          memory_order_relaxed);
    return slab;
}

/* --- blocks --- */

/* A slab that is neither current nor where it was: a block of it has been freed. */
static __attribute__((noinline)) void slab_sort(struct slab_owner *owner, struct slab_class *class,
                                                struct slab *slab)
{
    enum slab_state state = state_of(slab);

    if (state == SLAB_FULL) {
        list_add(class, slab, slab->used < WELL_FILLED(slab->capacity) ? SLAB_SPARSE : SLAB_OPEN);
        state = state_of(slab);
    }
    if (slab->used == 0) {
        list_drop(class, slab);
        slab_release(owner, slab);
    } else if (state == SLAB_OPEN && slab->used < WELL_FILLED(slab->capacity)) {
        list_drop(class, slab);
        list_add(class, slab, SLAB_SPARSE);
    }
}

static inline void put_back(struct slab_owner *owner, struct slab *slab, struct free_block *block)
{
    struct slab_class *class = &owner->classes[slab->size_class];
    enum slab_state state = state_of(slab);

    block->next = slab->free;
    slab->free = block;
    slab->used--;
    class->used--;
    if (state == SLAB_CURRENT || (state == SLAB_SPARSE && slab->used > 0)) return;
    slab_sort(owner, class, slab);
}

/* Takes in what others have freed. */
static void take_returned(struct slab_owner *owner)
{
    struct free_block *block;

    if (!atomic_load_explicit(&owner->returned, memory_order_relaxed)) return;
    block = atomic_exchange_explicit(&owner->returned, NULL, memory_order_acquire);
    while (block) {
        struct free_block *next = block->next;

        if (next) prefetch(slab_of(next));
        put_back(owner, slab_of(block), block);
        block = next;
    }
}

static inline bool has_room(const struct slab *slab)
{
    return slab->free || slab->fresh + slab->block_size <= SLAB_BYTES;
}

/* Another slab to take from, in the place of one that is full. */
static __attribute__((noinline)) struct slab *next_current(struct slab_owner *owner, unsigned size_class)
{
    struct slab_class *class = &owner->classes[size_class];
    struct slab *slab;

    take_returned(owner);
    slab = class->current;
    if (slab && has_room(slab)) return slab;
    if (slab) set_state(slab, SLAB_FULL);
    class->current = NULL;
    if ((slab = class->open) || (slab = class->sparse)) {
        list_drop(class, slab);
    } else if (!(slab = slab_get(owner, size_class))) {
        return NULL;
    }
    set_state(slab, SLAB_CURRENT);
    return class->current = slab;
}

static void *owner_alloc(struct slab_owner *owner, size_t size)
{
    unsigned size_class = class_of(size);
    struct slab_class *class = &owner->classes[size_class];
    struct slab *slab = class->current;
    struct free_block *block = class->kept;

    if (block) {
        class->kept = block->next;
        class->kept_count--;
        add_bytes(&owner->used_bytes, (int64_t)slab_size(size));
        return block;
    }
    if (unlikely(!slab || !has_room(slab)) && !(slab = next_current(owner, size_class))) return NULL;
    if ((block = slab->free)) {
        struct free_block *next = slab->free = block->next;

        /* What was freed long ago is in no cache. */
        if (next) {
            prefetch(next);
            prefetch((const char *)next + 64);
        }
    } else {
        block = (struct free_block *)(void *)(slab_begin(slab) + slab->fresh);
        slab->fresh += slab->block_size;
    }
    slab->used++;
    class->used++;
    add_bytes(&owner->used_bytes, slab->block_size);
    return block;
}

/* On the list of another owner: all from `first` to `last`. */
static void hand_back(struct slab_owner *home, struct free_block *first, struct free_block *last)
{
    struct free_block *others = atomic_load_explicit(&home->returned, memory_order_relaxed);

    do {
        last->next = others;
    } while (!atomic_compare_exchange_weak_explicit(&home->returned, &others, first, memory_order_release,
                                                    memory_order_relaxed));
}

/* Those of one owner after the other go to him together. */
static void give_back_kept(struct slab_owner *owner, struct slab_class *class)
{
    struct free_block *block = class->kept, *first = NULL, *last = NULL;
    struct slab_owner *home = NULL;

    class->kept = NULL;
    class->kept_count = 0;
    while (block) {
        struct free_block *next = block->next;
        struct slab_owner *whose = owner_of_block(block);

        if (whose == owner) {
            put_back(owner, slab_of(block), block);
        } else {
            if (first && whose != home) {
                hand_back(home, first, last);
                first = NULL;
            }
            if (!first) last = block;
            block->next = first;
            first = block;
            home = whose;
        }
        block = next;
    }
    if (first) hand_back(home, first, last);
}

void owner_give_back(struct slab_owner *owner)
{
    for (unsigned i = 0; i < CLASSES; i++) {
        if (owner->classes[i].kept) give_back_kept(owner, &owner->classes[i]);
    }
}

static void owner_free(struct slab_owner *owner, struct free_block *block, size_t size)
{
    size_t block_size = slab_size(size);
    unsigned size_class = class_of(size);
    struct slab_owner *home = owner_of_block(block);

    must_debug(slab_of(block)->block_size == block_size);
    if (likely(owner != NULL)) {
        struct slab_class *class = &owner->classes[size_class];

        add_bytes(&owner->used_bytes, -(int64_t)block_size);
        if (likely(class->kept_count * block_size < KEPT_BYTES) && likely(!is_loose(home, size_class))) {
            block->next = class->kept;
            class->kept = block;
            class->kept_count++;
            return;
        }
    } else {
        atomic_fetch_sub_explicit(&stray_bytes, (int64_t)block_size, memory_order_relaxed);
    }
    if (home == owner) {
        put_back(owner, slab_of(block), block);
    } else {
        hand_back(home, block, block);
    }
}

static inline size_t pages_of(size_t bytes)
{
    return (bytes + SLAB_PAGE - 1) & ~(size_t)(SLAB_PAGE - 1);
}

/* Counts what this thread has taken, or freed when it is below zero. */
static void count_used(int64_t bytes)
{
    struct slab_owner *owner = slab_mine ? slab_mine : owner_of_thread();

    if (likely(owner != NULL)) {
        add_bytes(&owner->used_bytes, bytes);
    } else {
        atomic_fetch_add_explicit(&stray_bytes, bytes, memory_order_relaxed);
    }
}

#ifdef SLAB_BLOCKS_APART

void *slab_pages_alloc(size_t bytes)
{
    (void)count_used;
    (void)pages_of;
    return mem_alloc_aligned(SLAB_PAGE, bytes);
}

void slab_pages_free(void *pages, size_t bytes)
{
    (void)bytes;
    mem_free(pages);
}

void slab_pages_back(void *from, size_t bytes)
{
    (void)from;
    (void)bytes;
}

void *slab_alloc(size_t size)
{
    (void)owner_alloc;
    (void)owner_of_thread;
    return mem_alloc(slab_size(size));
}

void slab_free(void *block, size_t size)
{
    (void)owner_free;
    mem_free_sized(block, slab_size(size));
}

#else

void *slab_pages_alloc(size_t bytes)
{
    size_t whole = pages_of(bytes);
    void *pages;

    if (unlikely(mem_fails_now())) return NULL;
    pages = pool_pages_take(whole);
    if (pages) count_used((int64_t)whole);
    return pages;
}

void slab_pages_free(void *pages, size_t bytes)
{
    size_t whole = pages_of(bytes);

    if (!pages) return;
    pool_pages_put(pages, whole);
    count_used(-(int64_t)whole);
}

void slab_pages_back(void *from, size_t bytes)
{
    /* A kernel older than 5.14 does not know it; then the faults come one by one. */
#ifdef MADV_POPULATE_WRITE
    madvise(from, bytes, MADV_POPULATE_WRITE);
#else
    (void)from;
    (void)bytes;
#endif
}

void *slab_alloc(size_t size)
{
    struct slab_owner *owner = slab_mine;

    if (unlikely(mem_fails_now())) return NULL;
    if (unlikely(!owner) && !(owner = owner_of_thread())) return NULL;
    return owner_alloc(owner, size);
}

void slab_free(void *block, size_t size)
{
    owner_free(slab_mine, block, size);
}

#endif

/* --- tidying --- */

static void owner_tidy(struct slab_owner *owner)
{
    owner_give_back(owner);
    take_returned(owner);
    for (unsigned i = 0; i < CLASSES; i++) {
        struct slab_class *class = &owner->classes[i];

        if (class->slabs == 0) continue;
        if (class->current && class->current->used == 0) {
            struct slab *empty = class->current;

            class->current = NULL;
            slab_release(owner, empty);
        }
        note_looseness(owner, i);
    }
}

/* The slabs of threads that ended, too: nobody else looks after them. */
static void tidy_idle(void)
{
    struct slab_owner *owner, *done = NULL;

    while ((owner = owner_take_idle())) {
        owner_tidy(owner);
        owner->next_idle = done;
        done = owner;
    }
    while ((owner = done)) {
        done = owner->next_idle;
        owner_put_idle(owner);
    }
}

static bool tidy(int64_t keep_ms, uint64_t until_ticks)
{
    if (slab_mine) owner_tidy(slab_mine);
    tidy_idle();
    return pool_clean(keep_ms, until_ticks);
}

bool slab_tidy(uint64_t until_ticks)
{
    return tidy(KEEP_MS, until_ticks);
}

bool slab_press(uint64_t until_ticks)
{
    return tidy(0, until_ticks);
}

void slab_purge(void)
{
    tidy(0, UINT64_MAX);
}

bool slab_wants_moves(void)
{
    return atomic_load_explicit(&loose_count, memory_order_relaxed) > 0 ||
           unlikely(atomic_load_explicit(&all_sparse, memory_order_relaxed));
}

bool slab_is_sparse(const void *block)
{
#ifdef SLAB_BLOCKS_APART
    (void)block;
#else
    const struct slab *slab = slab_of(block);

    if (state_of(slab) == SLAB_SPARSE &&
        is_loose(slab->owner, slab->size_class)) {
        return true;
    }
#endif
    return atomic_load_explicit(&all_sparse, memory_order_relaxed);
}

bool slab_is_own(const void *block)
{
#ifdef SLAB_BLOCKS_APART
    (void)block;
    return true;
#else
    return owner_of_block(block) == slab_mine;
#endif
}

void slab_pretend_sparse(bool all)
{
    atomic_store_explicit(&all_sparse, all, memory_order_relaxed);
}

int64_t slab_own_used(void)
{
    return slab_mine ? atomic_load_explicit(&slab_mine->used_bytes, memory_order_relaxed) : 0;
}

size_t slab_used(void)
{
    struct slab_owner *owner = owner_newest();
    int64_t used = atomic_load_explicit(&stray_bytes, memory_order_relaxed);

    for (; owner; owner = owner->next) used += atomic_load_explicit(&owner->used_bytes, memory_order_relaxed);
    return used > 0 ? (size_t)used : 0;
}

void slab_read_figures(struct slab_figures *figures)
{
    struct slab_owner *owner = owner_newest();
    struct pool_figures pool;
    int64_t used = atomic_load_explicit(&stray_bytes, memory_order_relaxed);
    size_t held = 0;

    for (; owner; owner = owner->next) {
        used += atomic_load_explicit(&owner->used_bytes, memory_order_relaxed);
        held += atomic_load_explicit(&owner->held_bytes, memory_order_relaxed);
    }
    pool_read_figures(&pool);
    *figures = (struct slab_figures){
        .used = used > 0 ? (size_t)used : 0, .held = held + pool.pages, .spare = pool.spare, .reserved = pool.reserved};
}
