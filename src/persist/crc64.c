#include "coatcheck/persist/crc64.h"

#include <endian.h>
#include <string.h>

#define POLYNOMIAL UINT64_C(0x95ac9329ac4bc9b5) /* of Jones, its bits in the other direction */

/* tables[k][b]: what byte b leaves of itself with k zero bytes behind it. So eight bytes are taken at a time. */
static uint64_t tables[8][256];

uint64_t crc64(uint64_t crc, struct bytes bytes)
{
    const uint8_t *at = (const uint8_t *)bytes.at, *end = at + bytes.len;

    for (; end - at >= 8; at += 8) {
        uint64_t word;

        memcpy(&word, at, sizeof word);
        crc ^= le64toh(word);
        crc = tables[7][crc & 255] ^ tables[6][crc >> 8 & 255] ^ tables[5][crc >> 16 & 255] ^
              tables[4][crc >> 24 & 255] ^ tables[3][crc >> 32 & 255] ^ tables[2][crc >> 40 & 255] ^
              tables[1][crc >> 48 & 255] ^ tables[0][crc >> 56];
    }
    for (; at < end; at++) crc = tables[0][(crc ^ *at) & 255] ^ crc >> 8;
    return crc;
}

void crc64_setup(void)
{
    for (unsigned byte = 0; byte < 256; byte++) {
        uint64_t crc = byte;

        for (int bit = 0; bit < 8; bit++) crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        tables[0][byte] = crc;
    }
    for (unsigned k = 1; k < 8; k++) {
        for (unsigned byte = 0; byte < 256; byte++) {
            uint64_t before = tables[k - 1][byte];

            tables[k][byte] = tables[0][before & 255] ^ before >> 8;
        }
    }
}
