#include "coatcheck/daemon/pidfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"

#define PID_ROOM 32

/* The file that we wrote. Another server that was told the same path may have put its own there
 * since. */
static struct {
    char *path; /* absolute; NULL: there is none */
    pid_t pid;  /* who wrote it: a child of ours must not remove it */
    dev_t device;
    ino_t inode;
} ours;

static bool refuse(struct text *why, const char *path, const char *what, int error)
{
    text_addf(why, "pidfile '%s' %s: %s", path, what, strerror(error));
    return false;
}

/* rename() would put our file in the place of a device as well: `pidfile /dev/null` must not. */
static bool replaceable(const char *path, struct text *why)
{
    struct stat there;

    if (lstat(path, &there) < 0) return true;
    if (S_ISREG(there.st_mode) || S_ISLNK(there.st_mode)) return true;
    text_addf(why, "pidfile '%s' is a %s, not a file", path,
              S_ISDIR(there.st_mode) ? "directory" : "device, pipe or socket");
    return false;
}

/* Fills `fresh` and remembers its identity. errno on failure. */
static bool write_fresh(const char *fresh)
{
    char digits[PID_ROOM];
    struct stat written;
    int len = snprintf(digits, sizeof digits, "%ld\n", (long)getpid());
    int fd = open(fresh, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
    bool done;
    int error;

    if (fd < 0) return false;
    errno = ENOSPC; /* a short write sets none */
    done = write(fd, digits, (size_t)len) == len && fstat(fd, &written) == 0;
    error = errno;
    close(fd);
    if (!done) {
        unlink(fresh);
        errno = error;
        return false;
    }
    ours.device = written.st_dev;
    ours.inode = written.st_ino;
    return true;
}

/* The working directory may change until the end; the file's place does not. NULL with errno. */
static char *absolute(const char *path)
{
    char *folder, *whole;
    size_t room;

    if (path[0] == '/') return mem_need_text(path);
    folder = getcwd(NULL, 0);
    if (!folder) return NULL;
    room = strlen(folder) + strlen(path) + 2;
    whole = mem_need(room);
    snprintf(whole, room, "%s/%s", folder, path);
    free(folder);
    return whole;
}

bool pidfile_open(const char *path, struct text *why)
{
    char *whole, *fresh;
    size_t room;
    bool done;

    pidfile_close();
    if (!replaceable(path, why)) return false;
    whole = absolute(path);
    if (!whole) return refuse(why, path, "cannot be placed", errno);

    room = strlen(whole) + PID_ROOM;
    fresh = mem_need(room);
    snprintf(fresh, room, "%s.%ld", whole, (long)getpid());
    unlink(fresh); /* left by a dead server that had our number */
    done = write_fresh(fresh);
    if (done && rename(fresh, whole) < 0) {
        int error = errno;

        unlink(fresh);
        errno = error;
        done = false;
    }
    mem_free(fresh);
    if (!done) {
        refuse(why, path, "cannot be written", errno);
        mem_free(whole);
        return false;
    }
    ours.path = whole;
    ours.pid = getpid();
    return true;
}

/* The inode alone does not tell: file systems give the number of a replaced file to the next one.
 * The pid alone does not either: two containers that share the folder may both call a server
 * number 1. */
static bool still_ours(void)
{
    char digits[PID_ROOM] = {0};
    struct stat there;
    int fd = open(ours.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    bool same;

    if (fd < 0) return false;
    same = fstat(fd, &there) == 0 && there.st_dev == ours.device && there.st_ino == ours.inode &&
           read(fd, digits, sizeof digits - 1) > 0 && strtol(digits, NULL, 10) == (long)getpid();
    close(fd);
    return same;
}

void pidfile_close(void)
{
    if (!ours.path) return;
    if (ours.pid == getpid() && still_ours() && unlink(ours.path) < 0) {
        log_warning("pidfile '%s' cannot be removed: %s", ours.path, strerror(errno));
    }
    mem_free(ours.path);
    ours.path = NULL;
}
