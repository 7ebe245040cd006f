/* Lines of a configuration: any bytes are read or refused with a reason of one line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/must.h"
#include "coatcheck/config/file.h"
#include "coatcheck/daemon/server.h"

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    log_set_level(LOG_LEVEL_NOTHING);
    server_declare();
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data, *end = p + size;

    while (p < end) {
        const char *line_end = memchr(p, '\n', (size_t)(end - p));
        size_t len = (size_t)((line_end ? line_end : end) - p);
        char *line = malloc(len ? len : 1);
        struct text why = {0};

        must(line);
        memcpy(line, p, len);
        /* Another file is not part of the input. */
        if (!memmem(line, len, "nclude", 6) && !memmem(line, len, "NCLUDE", 6)) {
            bool fine = config_read_line(bytes_of(line, len), "fuzz:1", &why);

            must(fine || why.len > 0);
            must(!memchr(why.at ? why.at : "", '\n', why.len));
        }
        text_fini(&why);
        free(line);
        p += len + 1;
    }
    return 0;
}
