/* crc64: the check sum that ends a snapshot and a dump: the polynomial of Jones, 0xad93d23594c935a9, lowest bit
 * first, beginning with 0. That of "123456789" is 0xe9c6d914c4b8d9ca. */
#ifndef COATCHECK_PERSIST_CRC64_H
#define COATCHECK_PERSIST_CRC64_H

#include <stdint.h>
#include "coatcheck/base/bytes.h"

/* The sum of all that `crc` is the sum of, and of these bytes behind it. */
uint64_t crc64(uint64_t crc, struct bytes bytes);

/* Fills the tables. At start. */
void crc64_setup(void);

#endif
