#include "coatcheck/daemon/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include "coatcheck/base/log.h"
#include "coatcheck/base/number.h"

#define MESSAGE_ROOM 1152
#define STATUS_ROOM 1024

/* A manager that does not read its socket may hold the main thread up for so long, not for ever. */
#define PATIENCE_S 1

static struct {
    int fd; /* -1: nobody listens */
    struct sockaddr_un to;
    socklen_t to_len;
    uint64_t watchdog_us;
    bool ready;
    bool complained;
} manager = {.fd = -1};

/* "/run/systemd/notify", or "@name" in the abstract namespace, where the first byte is a zero and
 * the length counts: a zero at the end would be part of the name. */
static bool read_address(const char *path)
{
    size_t len = strlen(path);

    if (len < 2 || len >= sizeof manager.to.sun_path || (path[0] != '/' && path[0] != '@'))
        return false;
    manager.to = (struct sockaddr_un){.sun_family = AF_UNIX};
    memcpy(manager.to.sun_path, path, len);
    if (path[0] == '@') manager.to.sun_path[0] = '\0';
    manager.to_len =
        (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len + (path[0] == '/' ? 1 : 0));
    return true;
}

static void read_watchdog(void)
{
    const char *usec = getenv("WATCHDOG_USEC");
    const char *pid = getenv("WATCHDOG_PID");
    uint64_t number;

    if (!usec) return;
    /* Meant for another process, a wrapper that started us without clearing it. */
    if (pid && (!number_read_uint(bytes_of_text(pid), &number) || number != (uint64_t)getpid()))
        return;
    if (number_read_uint(bytes_of_text(usec), &number)) {
        manager.watchdog_us = number;
    } else {
        log_warning("WATCHDOG_USEC is no number of microseconds: '%s'", usec);
    }
}

void notify_setup(void)
{
    const struct timeval patience = {.tv_sec = PATIENCE_S};
    const char *path = getenv("NOTIFY_SOCKET");

    if (path && *path) {
        if (!read_address(path)) {
            log_warning("NOTIFY_SOCKET is no unix socket that can be reached: '%s'", path);
        } else if ((manager.fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0) {
            log_warning("No socket to tell the service manager: %s", strerror(errno));
        } else {
            setsockopt(manager.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
            read_watchdog();
        }
    }
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
    unsetenv("WATCHDOG_PID");
}

void notify_teardown(void)
{
    if (manager.fd >= 0) close(manager.fd);
    memset(&manager, 0, sizeof manager);
    manager.fd = -1;
}

bool notify_is_supervised(void)
{
    return manager.fd >= 0;
}

/* Not connected: the manager may have bound its socket anew since the last message. */
static void send_message(const char *message)
{
    ssize_t sent;

    if (manager.fd < 0) return;
    do {
        sent = sendto(manager.fd, message, strlen(message), MSG_NOSIGNAL,
                      (const struct sockaddr *)&manager.to, manager.to_len);
    } while (sent < 0 && errno == EINTR);
    if (sent >= 0) {
        manager.complained = false;
    } else if (!manager.complained) {
        manager.complained = true;
        log_warning("The service manager cannot be told '%.*s': %s", (int)strcspn(message, "\n"),
                    message, strerror(errno));
    }
}

void notify_ready(void)
{
    manager.ready = true;
    send_message("READY=1");
}

void notify_status(const char *format, ...)
{
    char status[STATUS_ROOM], message[MESSAGE_ROOM];
    va_list args;

    if (manager.fd < 0) return;
    va_start(args, format);
    vsnprintf(status, sizeof status, format, args);
    va_end(args);
    /* A line break would begin another assignment. */
    for (char *c = status; *c; c++) {
        if (*c == '\n' || *c == '\r') *c = ' ';
    }
    snprintf(message, sizeof message, "STATUS=%s", status);
    send_message(message);
}

void notify_reloading(void)
{
    char message[MESSAGE_ROOM];
    struct timespec now;

    if (!manager.ready) return;
    /* The manager compares the time with that of its request, so it must be the raw monotonic
     * clock. */
    clock_gettime(CLOCK_MONOTONIC, &now);
    snprintf(message, sizeof message, "RELOADING=1\nMONOTONIC_USEC=%lld",
             (long long)now.tv_sec * 1000000 + now.tv_nsec / 1000);
    send_message(message);
}

void notify_reloaded(void)
{
    if (manager.ready) send_message("READY=1");
}

void notify_stopping(void)
{
    /* Nothing may call the server ready from here on, a late SIGHUP included. */
    manager.ready = false;
    send_message("STOPPING=1");
}

uint64_t notify_watchdog_interval_us(void)
{
    return manager.watchdog_us;
}

void notify_watchdog(void)
{
    if (manager.watchdog_us) send_message("WATCHDOG=1");
}
