#include "coatcheck/base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>
#include "coatcheck/base/lock.h"
#include "coatcheck/base/metric.h"

#define LINE_ROOM 2048

static _Atomic int least = LOG_LEVEL_NOTICE;
static _Atomic bool to_syslog;

/* A file is opened onto one descriptor number that is never closed again: a thread that is just
 * writing sees the old file or the new one, never a number that now means a client's socket. */
static _Atomic int target = STDERR_FILENO;
static int file_slot = -1;      /* under target_lock */
static char path_now[PATH_MAX]; /* under target_lock */
static struct lock target_lock;

/* "12345:M 22 Nov 2026 17:00:00.123 * ": process, M for the main thread or W for a worker, time,
 * and how loud: . debug, - verbose, * notice, # warning. */
static size_t print_head(char *into, size_t room, enum log_level level)
{
    struct timespec now;
    struct tm date;
    char stamp[64];

    clock_gettime(CLOCK_REALTIME, &now);
    localtime_r(&now.tv_sec, &date);
    strftime(stamp, sizeof stamp, "%d %b %Y %H:%M:%S", &date);
    return (size_t)snprintf(into, room, "%d:%c %s.%03ld %c ", (int)getpid(),
                            metric_lane == 0 ? 'M' : 'W', stamp, now.tv_nsec / 1000000,
                            ".-*#"[level]);
}

/* What clients sent may stand in a line: a newline in it must not look like a line of ours. */
static size_t print_tame(char *into, size_t room, const char *text)
{
    size_t len = 0;

    for (; *text && len + 4 < room; text++) {
        unsigned char c = (unsigned char)*text;

        if (c >= 0x20 && c != 0x7f) {
            into[len++] = (char)c;
        } else {
            len += (size_t)snprintf(into + len, room - len, "\\x%02x", c);
        }
    }
    return len;
}

void log_line(enum log_level level, const char *format, ...)
{
    static const int priorities[] = {LOG_DEBUG, LOG_INFO, LOG_NOTICE, LOG_WARNING};
    char said[LINE_ROOM], line[LINE_ROOM + 128];
    int kept_errno = errno; /* who logs a failure often looks at errno afterwards */
    size_t head, len;
    va_list args;

    if (level >= LOG_LEVEL_NOTHING) level = LOG_LEVEL_WARNING;
    if ((int)level < atomic_load_explicit(&least, memory_order_relaxed)) return;

    va_start(args, format);
    vsnprintf(said, sizeof said, format, args);
    va_end(args);
    head = print_head(line, sizeof line, level);
    len = head + print_tame(line + head, sizeof line - head - 1, said);
    line[len] = '\n';

    /* A full disk must not stop the server, and there is nobody left to tell. */
    if (write(atomic_load_explicit(&target, memory_order_relaxed), line, len + 1) < 0) {
        errno = kept_errno;
    }
    if (atomic_load_explicit(&to_syslog, memory_order_relaxed)) {
        syslog(priorities[level], "%.*s", (int)(len - head), line + head);
    }
    errno = kept_errno;
}

void log_set_level(enum log_level level)
{
    atomic_store_explicit(&least, (int)level, memory_order_relaxed);
}

/* Holding target_lock. */
static bool open_target(const char *path)
{
    int fd;

    if (!*path) {
        if (file_slot >= 0 && dup3(STDERR_FILENO, file_slot, O_CLOEXEC) < 0) return false;
        return true;
    }
    fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (fd < 0) return false;
    if (file_slot < 0) {
        file_slot = fd;
    } else {
        bool moved = dup3(fd, file_slot, O_CLOEXEC) >= 0;
        int why = errno;

        close(fd);
        errno = why;
        if (!moved) return false;
    }
    atomic_store_explicit(&target, file_slot, memory_order_relaxed);
    return true;
}

bool log_open(const char *path)
{
    bool opened;

    if (strlen(path) >= sizeof path_now) {
        errno = ENAMETOOLONG;
        return false;
    }
    lock_take(&target_lock, RANK_LOG, 0);
    opened = open_target(path);
    if (opened) strcpy(path_now, path);
    lock_release(&target_lock, RANK_LOG);
    return opened;
}

bool log_reopen(void)
{
    bool opened;

    lock_take(&target_lock, RANK_LOG, 0);
    opened = open_target(path_now);
    lock_release(&target_lock, RANK_LOG);
    return opened;
}

void log_to_syslog(const char *ident, int facility)
{
    static char kept[64]; /* syslog() remembers the pointer, not the text */

    snprintf(kept, sizeof kept, "%s", ident);
    openlog(kept, LOG_PID | LOG_NDELAY | LOG_NOWAIT, facility);
    atomic_store_explicit(&to_syslog, true, memory_order_relaxed);
}

int log_fd(void)
{
    return atomic_load_explicit(&target, memory_order_relaxed);
}
