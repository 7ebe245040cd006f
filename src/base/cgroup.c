#include "coatcheck/base/cgroup.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include "coatcheck/base/file.h"

/* What a file holds, as a text that ends; empty when there is none. The caller frees it. */
static char *file_text(const char *path, struct text *into)
{
    *into = (struct text){0};
    if (!file_read(path, into)) text_clear(into);
    text_add_char(into, '\0');
    return text_failed(into) ? NULL : into->at;
}

/* A number alone in a file; SIZE_MAX when there is none ("max", no such file). */
static size_t file_number(const char *path)
{
    unsigned long long number = SIZE_MAX;
    struct text text;
    const char *digits = file_text(path, &text);

    if (digits && sscanf(digits, "%llu", &number) != 1) number = SIZE_MAX;
    text_fini(&text);
    return (size_t)number;
}

/* Of a group and of all above it, whose limits hold for it, too. In a container the groups above it are not to be seen,
 * and its own may stand where the uppermost would: what is missing is passed over. */
static size_t least_upwards(const char *folder, char *group, const char *file)
{
    size_t least = SIZE_MAX, limit;
    char path[PATH_MAX], *slash;

    do {
        if (snprintf(path, sizeof path, "%s%s/%s", folder, group, file) < (int)sizeof path) {
            limit = file_number(path);
            if (limit < least) least = limit;
        }
        slash = strrchr(group, '/');
        if (slash) *slash = 0;
    } while (slash);
    return least;
}

/* A line is "number:controllers:/path". Version 2 has number 0 and names no controllers; of version 1 memory's is wanted:
 * where both are there, either may be the one that limits. */
static size_t limit_of_line(const char *folder, char *line)
{
    char *controllers = strchr(line, ':'), *group = controllers ? strchr(controllers + 1, ':') : NULL;
    char memory[PATH_MAX];

    if (!group) return SIZE_MAX;
    *group++ = 0;
    if (!strcmp(line, "0:")) return least_upwards(folder, group, "memory.max");
    if (strcmp(controllers, ":memory") != 0) return SIZE_MAX;
    if (snprintf(memory, sizeof memory, "%s/memory", folder) >= (int)sizeof memory) return SIZE_MAX;
    return least_upwards(memory, group, "memory.limit_in_bytes");
}

size_t cgroup_memory_limit(const char *memberships, const char *folder)
{
    size_t least = SIZE_MAX;
    struct text text;
    char *rest = NULL, *lines = file_text(memberships, &text);

    for (char *line = lines ? strtok_r(lines, "\n", &rest) : NULL; line; line = strtok_r(NULL, "\n", &rest)) {
        size_t limit = limit_of_line(folder, line);

        if (limit < least) least = limit;
    }
    text_fini(&text);
    return least;
}
