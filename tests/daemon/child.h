/* child: a test's other process. It runs one function and ends by _exit(), so that it neither
 * leaves the test's hands nor writes the test's report a second time. Inside it, child_check()
 * stands for assert. */
#ifndef COATCHECK_TESTS_DAEMON_CHILD_H
#define COATCHECK_TESTS_DAEMON_CHILD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define CHILD_FAILED 99

#define child_check(condition)                                                                     \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            dprintf(STDERR_FILENO, "in the child: %s failed at %s:%d (%s)\n", #condition,          \
                    __FILE__, __LINE__, strerror(errno));                                          \
            _exit(CHILD_FAILED);                                                                   \
        }                                                                                          \
    } while (0)

static inline pid_t child_start(void (*run)(void *context), void *context)
{
    const struct rlimit no_core = {0, 0};
    pid_t pid;

    fflush(NULL);
    pid = fork();
    if (pid != 0) return pid;
    setrlimit(RLIMIT_CORE, &no_core);
    alarm(60); /* a child that hangs must not outlive its test */
    run(context);
    _exit(0);
}

/* The status as waitpid() gives it. */
static inline int child_wait(pid_t pid)
{
    int status = -1;

    while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
    return status;
}

static inline int child_run(void (*run)(void *context), void *context)
{
    return child_wait(child_start(run, context));
}

/* The child's exit code, or -1 when a signal ended it. */
static inline int child_exit_code(int status)
{
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* A folder of its own for a test; freed with folder_free(), which removes what is in it (files
 * only). */
static inline char *folder_new(void)
{
    char *path = strdup("/tmp/coatcheck-test-XXXXXX");

    if (!path || !mkdtemp(path)) abort();
    return path;
}

static inline char *folder_path(const char *folder, const char *name)
{
    char *path = NULL;

    if (asprintf(&path, "%s/%s", folder, name) < 0) abort();
    return path;
}

static inline void folder_free(char **folder)
{
    char *command = NULL;

    if (asprintf(&command, "rm -rf -- '%s'", *folder) < 0 || system(command) != 0) abort();
    free(command);
    free(*folder);
    *folder = NULL;
}

/* All of a file, zero-terminated, to be freed; NULL when there is none. */
static inline char *file_read(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = calloc(1, 1 << 18);

    if (!file || !text) {
        if (file) fclose(file);
        free(text);
        return NULL;
    }
    if (fread(text, 1, (1 << 18) - 1, file) == 0 && ferror(file)) abort();
    fclose(file);
    return text;
}

#endif
