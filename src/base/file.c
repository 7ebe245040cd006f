#include "coatcheck/base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIECE 65536

bool file_read_from(int fd, struct text *into)
{
    ssize_t got;

    do {
        char *room = text_extend(into, PIECE);

        if (!room) {
            errno = ENOMEM;
            return false;
        }
        got = read(fd, room, PIECE);
        into->len -= PIECE - (size_t)(got > 0 ? got : 0);
        if (got < 0 && errno == EINTR) got = 1;
        if (into->len > FILE_READ_MAX) {
            errno = EFBIG;
            return false;
        }
    } while (got > 0);
    return got == 0;
}

bool file_read(const char *path, struct text *into)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC), why;
    bool good;

    if (fd < 0) return false;
    good = file_read_from(fd, into);
    why = errno;
    close(fd);
    errno = why;
    return good;
}

static bool write_all(int fd, struct bytes content)
{
    while (content.len > 0) {
        ssize_t wrote = write(fd, content.at, content.len);

        if (wrote < 0 && errno == EINTR) continue;
        if (wrote < 0) return false;
        content = bytes_of(content.at + wrote, content.len - (size_t)wrote);
    }
    return true;
}

/* The rename is in the folder, so that is what must reach the disk as well. */
static bool sync_folder(const char *path)
{
    char copy[PATH_MAX];
    bool good;
    int fd;

    snprintf(copy, sizeof copy, "%s", path);
    fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return false;
    good = fsync(fd) == 0;
    close(fd);
    return good;
}

/* The new file stands in for the old one in every respect: it gets its owner and mode as well. */
static void inherit(int fd, const char *path, mode_t mode)
{
    struct stat old = {.st_mode = mode, .st_uid = geteuid(), .st_gid = getegid()};

    if (stat(path, &old) != 0) old.st_mode = mode;
    if (fchown(fd, old.st_uid, old.st_gid) != 0) {
        /* Only root may; for anyone else the file is his own already. */
    }
    fchmod(fd, old.st_mode & 07777);
}

bool file_replace(const char *path, struct bytes content, mode_t mode)
{
    char resolved[PATH_MAX], beside[PATH_MAX + 8];
    int fd, why;
    bool good;

    if (realpath(path, resolved)) path = resolved;
    snprintf(beside, sizeof beside, "%s.XXXXXX", path);
    fd = mkostemp(beside, O_CLOEXEC);
    if (fd < 0) return false;
    inherit(fd, path, mode);
    good = write_all(fd, content) && fsync(fd) == 0;
    why = errno;
    close(fd);
    if (good && rename(beside, path) == 0) return sync_folder(path);
    if (!good) errno = why;
    why = errno;
    unlink(beside);
    errno = why;
    return false;
}
