#include "coatcheck/values/blob.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"
#include "coatcheck/base/version.h"

/* From here on giving the pages back takes the kernel so long (some 0.1 us a page) that whoever
 * drops the last reference should not wait for it. */
#define BURY_FROM ((size_t)8 << 20)
#define BURY_PIECE ((size_t)512 << 10)

/* From here on zero bytes are had from the kernel rather than written: half a gigabyte of them takes a tenth of a
 * second, and the key's shard is entered meanwhile. */
#define ZERO_FROM ((size_t)1 << 20)

/* Blobs that nobody refers to any more. `next` and `buried` stand where the bytes were. */
struct dead {
    struct dead *next;
    char *buried; /* pages below it have been given back */
    char *end;
};

static _Atomic(struct dead *) dead_list;
static _Atomic(struct dead *) in_hand; /* of whoever holds `digging` */
static atomic_flag digging = ATOMIC_FLAG_INIT;

static size_t block_size(size_t room)
{
    if (room > SIZE_MAX / 2 - sizeof(struct blob)) return 0;
    return mem_good_size(sizeof(struct blob) + room);
}

static struct blob *blob_init(struct blob *blob, size_t size, bool is_zero)
{
    if (!blob) return NULL;
    atomic_init(&blob->references, 1);
    blob->len = 0;
    blob->version = version_new();
    blob->room = size - sizeof(struct blob);
    blob->clean = is_zero ? 0 : blob->room;
    return blob;
}

struct blob *blob_new(size_t room)
{
    size_t size = block_size(room);

    return size ? blob_init(mem_alloc(size), size, false) : NULL;
}

struct blob *blob_new_zeroed(size_t room)
{
    size_t size = block_size(room);

    return size ? blob_init(mem_alloc_zeroed(size), size, true) : NULL;
}

static void blob_lay_out(struct blob *blob)
{
    char *end = blob->at + blob->room;
    struct dead *dead = (struct dead *)blob;

    dead->buried = (char *)(dead + 1);
    dead->end = end;
    dead->next = atomic_load_explicit(&dead_list, memory_order_relaxed);
    while (!atomic_compare_exchange_weak_explicit(&dead_list, &dead->next, dead,
                                                  memory_order_release, memory_order_relaxed)) {}
}

void blob_release(struct blob **blob)
{
    struct blob *mine = *blob;

    *blob = NULL;
    if (!mine) return;
    if (atomic_fetch_sub_explicit(&mine->references, 1, memory_order_acq_rel) != 1) return;
    if (mine->room >= BURY_FROM) {
        blob_lay_out(mine);
    } else {
        mem_free_sized(mine, sizeof(struct blob) + mine->room);
    }
}

/* Gives back the pages of one piece; true when the whole blob is gone. */
static bool bury_piece(struct dead *dead)
{
    uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
    char *from = (char *)(((uintptr_t)dead->buried + page - 1) & ~(page - 1));
    char *end = (char *)((uintptr_t)dead->end & ~(page - 1));

    if (from < end) {
        size_t piece = (size_t)(end - from) < BURY_PIECE ? (size_t)(end - from) : BURY_PIECE;

        /* The allocator does not mind: the bytes of a block are ours until it is freed. */
        (void)madvise(from, piece, MADV_DONTNEED);
        dead->buried = from + piece;
        return false;
    }
    mem_free_sized(dead, (size_t)(dead->end - (char *)dead));
    return true;
}

bool blob_bury_some(void)
{
    struct dead *dead = atomic_load_explicit(&in_hand, memory_order_relaxed);
    bool empty;

    if (!dead && !atomic_load_explicit(&dead_list, memory_order_relaxed)) return true;
    if (atomic_flag_test_and_set_explicit(&digging, memory_order_acquire)) return true;
    dead = atomic_load_explicit(&in_hand, memory_order_relaxed);
    if (!dead) dead = atomic_exchange_explicit(&dead_list, NULL, memory_order_acquire);
    if (dead) {
        struct dead *next = dead->next;

        if (bury_piece(dead)) dead = next;
    }
    atomic_store_explicit(&in_hand, dead, memory_order_relaxed);
    empty = !dead && !atomic_load_explicit(&dead_list, memory_order_relaxed);
    atomic_flag_clear_explicit(&digging, memory_order_release);
    return empty;
}

/* Nobody can add a reference meanwhile: they come from other references or from an entry whose
 * shard the caller has entered. */
static bool is_only_holder(const struct blob *blob)
{
    return atomic_load_explicit(&blob->references, memory_order_acquire) == 1;
}

struct blob *blob_make_own(struct blob **blob, size_t room)
{
    struct blob *mine = *blob, *grown;
    size_t size;

    if (is_only_holder(mine)) {
        mine->version = version_new();
        if (room <= mine->room) return mine;
        size = room < SIZE_MAX / 4 ? block_size(room + room / 4) : 0;
        grown = size ? mem_resize(mine, size) : NULL;
        if (!grown) return NULL;
        grown->room = size - sizeof(struct blob);
        grown->clean = grown->room;
        return *blob = grown;
    }
    if (room < mine->len) room = mine->len;
    /* Who makes it longer will do so again, and then finds the room here. */
    if (room > mine->len && room < SIZE_MAX / 4) room += room / 4;
    grown = blob_new(room);
    if (!grown) return NULL;
    grown->len = mine->len;
    memcpy(grown->at, mine->at, mine->len);
    blob_release(blob);
    return *blob = grown;
}

/* Is a new one with zero bytes in it, and a copy of what is there, less work than to make this one longer? */
static bool grows_by_copy(const struct blob *blob, size_t len)
{
    size_t gap = len - blob->len;

    if (gap < ZERO_FROM || len > SIZE_MAX / 4) return false;
    return !is_only_holder(blob) || (len > blob->room && blob->len <= gap);
}

struct blob *blob_set_length(struct blob **blob, size_t len)
{
    struct blob *mine = *blob, *grown;
    size_t was = mine->len;

    if (len > was && grows_by_copy(mine, len)) {
        grown = blob_new_zeroed(len + len / 4);
        if (!grown) return NULL;
        memcpy(grown->at, mine->at, was);
        blob_release(blob);
        *blob = mine = grown;
    } else {
        mine = blob_make_own(blob, len);
        if (!mine) return NULL;
        if (mine->clean > was && len > was) memset(mine->at + was, 0, (len < mine->clean ? len : mine->clean) - was);
    }
    if (mine->clean < len) mine->clean = len;
    mine->len = len;
    return mine;
}
