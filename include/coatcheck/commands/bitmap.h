/* bitmap: the string at a key as bits, as the commands of the family find it and change it. */
#ifndef COATCHECK_COMMANDS_BITMAP_H
#define COATCHECK_COMMANDS_BITMAP_H

#include "coatcheck/engine/call.h"

/* Word `i` as the place of a bit, below eight times proto-max-bulk-len. With `width`, "#3" is the third number of so
 * many bits, counted from 0; 0: there are no such places. False: answered. */
bool call_read_bit_place(struct call *call, unsigned i, unsigned width, uint64_t *place);

/* The bytes of key `k` for a command that reads; none for a key that is not there. A number is printed into
 * `scratch`. False: ERR_WRONGTYPE has been answered. */
bool call_read_bits(struct call *call, unsigned k, char scratch[NUMBER_MAX_TEXT], struct bytes *bytes);

/* The bytes of key 0, to be written to: the string, which is made when there is none, is made longer until it has a
 * bit at `place`. False: answered, nothing has changed. */
struct bits_edit {
    char *at;
    size_t len;
    bool grown; /* it was not so long, or not there */
};
bool call_edit_bits(struct call *call, uint64_t place, struct bits_edit *edit);

/* bitmap_count: bits of a whole string or of a part, counted or looked for. */
void cmd_bitcount(struct call *call);
void cmd_bitpos(struct call *call);

/* bitmap_combine: whole strings combined bit by bit. */
void cmd_bitop(struct call *call);

#endif
