/* A pattern and a text, parted at the first zero byte: bounded work, no byte read that is not theirs. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/must.h"
#include "coatcheck/structs/glob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const uint8_t *zero = size ? memchr(data, 0, size) : NULL;
    size_t pattern_len = zero ? (size_t)(zero - data) : size / 2;
    size_t text_at = zero ? pattern_len + 1 : pattern_len;
    char *pattern = malloc(pattern_len + 1), *text = malloc(size - text_at + 1);
    struct bytes pattern_bytes, text_bytes;
    bool match;

    must(pattern && text);
    /* Blocks of the exact length, so that the sanitizer sees one byte too many. */
    pattern = realloc(pattern, pattern_len ? pattern_len : 1);
    text = realloc(text, size - text_at ? size - text_at : 1);
    if (pattern_len) memcpy(pattern, data, pattern_len);
    if (size - text_at) memcpy(text, data + text_at, size - text_at);
    pattern_bytes = bytes_of(pattern, pattern_len);
    text_bytes = bytes_of(text, size - text_at);

    match = glob_match(pattern_bytes, text_bytes);
    /* Who matches with the case respected matches without, as long as no set is turned round by '^'. */
    if (match && !memchr(pattern, '[', pattern_len)) must(glob_match_nocase(pattern_bytes, text_bytes));
    /* As in Redis, nothing but the empty pattern matches the empty text. */
    must(glob_match(BYTES("*"), text_bytes) == (text_bytes.len > 0));
    free(pattern);
    free(text);
    return 0;
}
