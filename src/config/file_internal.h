/* file: what rewriting shares with reading. */
#ifndef CONFIG_FILE_INTERNAL_H
#define CONFIG_FILE_INTERNAL_H

#include "coatcheck/base/text.h"

/* To the end; false with errno, EFBIG for what is too large to be a configuration. */
bool file_read_all(int fd, struct text *into);

#endif
