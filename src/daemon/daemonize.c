#include "coatcheck/daemon/daemonize.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include "coatcheck/base/log.h"

/* The child's end of the pair; -1 in a process that was not started by daemonize_start(). A socket
 * and no pipe, since writing to a parent that was interrupted must not raise SIGPIPE. */
static int parent_fd = -1;

/* A child that ended without a word has failed, even with 0. */
static int exit_code_of(int status)
{
    if (WIFEXITED(status)) return WEXITSTATUS(status) ? WEXITSTATUS(status) : 1;
    dprintf(STDERR_FILENO,
            "coatcheckd: the server was ended by signal %d (%s) before it was ready\n",
            WTERMSIG(status), strsignal(WTERMSIG(status)));
    return 1;
}

static void wait_for_child(int fd, pid_t child) __attribute__((noreturn));
static void wait_for_child(int fd, pid_t child)
{
    char word;
    ssize_t got;
    int status = 0;

    do {
        got = read(fd, &word, 1);
    } while (got < 0 && errno == EINTR);
    if (got == 1) _exit(0);
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    _exit(exit_code_of(status));
}

bool daemonize_start(struct text *why)
{
    int pair[2];
    pid_t child;

    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0) {
        text_addf(why, "Cannot go into the background: socketpair: %s", strerror(errno));
        return false;
    }
    fflush(NULL); /* what is buffered now would be printed by both */
    child = fork();
    if (child < 0) {
        text_addf(why, "Cannot go into the background: fork: %s", strerror(errno));
        close(pair[0]);
        close(pair[1]);
        return false;
    }
    if (child > 0) {
        close(pair[1]);
        wait_for_child(pair[0], child);
    }
    close(pair[0]);
    parent_fd = pair[1];
    setsid(); /* cannot fail: a new child leads no group */
    return true;
}

void daemonize_ready(void)
{
    int null;

    if (parent_fd < 0) return;
    fflush(NULL);
    null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null < 0) {
        log_warning("/dev/null cannot be opened, the terminal stays in use: %s", strerror(errno));
    } else {
        for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
            if (fd != null) dup2(null, fd);
        }
        if (null > STDERR_FILENO) close(null);
    }
    /* A parent that was interrupted meanwhile no longer reads; the server serves all the same. */
    if (send(parent_fd, "", 1, MSG_NOSIGNAL) < 0 && errno != EPIPE) {
        log_warning("The starting process cannot be told that the server is ready: %s",
                    strerror(errno));
    }
    close(parent_fd);
    parent_fd = -1;
}
