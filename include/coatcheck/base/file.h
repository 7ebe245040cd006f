/* file: small files read and replaced whole: configuration, users. */
#ifndef COATCHECK_BASE_FILE_H
#define COATCHECK_BASE_FILE_H

#include <stdbool.h>
#include <sys/types.h>
#include "coatcheck/base/text.h"

/* More than that is not a file that a person wrote, but a log or a device: EFBIG. */
#define FILE_READ_MAX (16 << 20)

/* Adds all that is left to read to `into`. False: errno says why. */
bool file_read_from(int fd, struct text *into);
bool file_read(const char *path, struct text *into);

/* Writes the content to a file beside, which then takes the place of `path` and has reached the disk: a reader finds the
 * old or the new content, whatever happens meanwhile. What a link points to is replaced, not the link. Owner and mode
 * stay; a new file gets `mode`. False: errno says why, and the old file stands. */
bool file_replace(const char *path, struct bytes content, mode_t mode);

#endif
