#include "coatcheck/structs/leafbook.h"

#include "coatcheck/base/mem.h"
#include "coatcheck/base/must.h"

/* The first page begins small and doubles: many trees have a few leaves only. */
#define FIRST_ROOM 8

void leafbook_init(struct leafbook *book, uint32_t limit)
{
    *book = (struct leafbook){.limit = limit};
}

static size_t page_bytes(const struct leafbook *book)
{
    return sizeof(uintptr_t) * (book->room < LEAFBOOK_PAGE ? book->room : LEAFBOOK_PAGE);
}

void leafbook_fini(struct leafbook *book)
{
    for (uint32_t i = 0; i < book->room; i += LEAFBOOK_PAGE) {
        mem_free_sized(book->pages[i >> LEAFBOOK_PAGE_BITS], page_bytes(book));
    }
    mem_free(book->pages);
    leafbook_init(book, book->limit);
}

static enum status grow_pages(struct leafbook *book)
{
    uint32_t room = book->page_room ? 2 * book->page_room : 1;
    uintptr_t **pages = mem_resize(book->pages, sizeof *pages * room);

    if (!pages) return NO_MEMORY;
    if (book->page_room) book->used_bytes -= mem_good_size(sizeof *pages * book->page_room);
    book->used_bytes += mem_good_size(sizeof *pages * room);
    book->pages = pages;
    book->page_room = room;
    return OK;
}

static enum status grow_first_page(struct leafbook *book)
{
    uint32_t room = book->room ? 2 * book->room : FIRST_ROOM;
    uintptr_t *page = mem_resize(book->room ? book->pages[0] : NULL, sizeof *page * room);

    if (!page) return NO_MEMORY;
    if (book->room) book->used_bytes -= mem_good_size(sizeof *page * book->room);
    book->used_bytes += mem_good_size(sizeof *page * room);
    book->pages[0] = page;
    book->room = room;
    return OK;
}

enum status leafbook_reserve(struct leafbook *book)
{
    uint32_t page = book->room >> LEAFBOOK_PAGE_BITS;

    if (book->free) return OK;
    if (book->next >= book->limit) return TOO_BIG;
    if (book->next < book->room) return OK;
    if (page >= book->page_room && grow_pages(book) != OK) return NO_MEMORY;
    if (book->room < LEAFBOOK_PAGE) return grow_first_page(book);
    book->pages[page] = mem_alloc(sizeof(uintptr_t) * LEAFBOOK_PAGE);
    if (!book->pages[page]) return NO_MEMORY;
    book->used_bytes += mem_good_size(sizeof(uintptr_t) * LEAFBOOK_PAGE);
    book->room += LEAFBOOK_PAGE;
    return OK;
}

uint32_t leafbook_add(struct leafbook *book, struct scoreblock *leaf)
{
    uint32_t number = book->next;

    if (book->free) {
        number = book->free - 1;
        book->free = (uint32_t)((uintptr_t)leafbook_at(book, number) >> 1);
    } else {
        must(book->next < book->room);
        book->next++;
    }
    leafbook_set(book, number, leaf);
    return number;
}

void leafbook_remove(struct leafbook *book, uint32_t number)
{
    leafbook_set(book, number, (struct scoreblock *)((uintptr_t)book->free << 1 | 1));
    book->free = number + 1;
}

enum status leafbook_copy_empty(struct leafbook *copy, const struct leafbook *book)
{
    leafbook_init(copy, UINT32_MAX);
    while (copy->room < book->next) {
        copy->next = copy->room;
        if (leafbook_reserve(copy) != OK) {
            leafbook_fini(copy);
            return NO_MEMORY;
        }
    }
    copy->limit = book->limit;
    copy->next = book->next;
    copy->free = book->free;
    for (uint32_t i = 0; i < book->next; i++) {
        struct scoreblock *entry = leafbook_at(book, i);

        leafbook_set(copy, i, leafbook_look(book, i) ? (struct scoreblock *)1 : entry);
    }
    return OK;
}

void leafbook_drop_last(struct leafbook *book)
{
    uint32_t page;

    book->next--;
    if (book->next % LEAFBOOK_PAGE != 0 || book->next == 0) return;
    page = book->next >> LEAFBOOK_PAGE_BITS;
    if (book->room != book->next + LEAFBOOK_PAGE) return;
    mem_free_sized(book->pages[page], sizeof(uintptr_t) * LEAFBOOK_PAGE);
    book->used_bytes -= mem_good_size(sizeof(uintptr_t) * LEAFBOOK_PAGE);
    book->room -= LEAFBOOK_PAGE;
}

void leafbook_compact(struct leafbook *book, uint32_t number)
{
    uintptr_t **page = &book->pages[number >> LEAFBOOK_PAGE_BITS];

    if (number % LEAFBOOK_PAGE == 0) *page = mem_compact(*page);
}
