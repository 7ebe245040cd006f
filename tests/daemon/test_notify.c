#include "coatcheck/daemon/notify.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "daemon/child.h"

/* The service manager's end. */
struct manager {
    int fd;
    char name[128]; /* as NOTIFY_SOCKET has it */
    char *folder;   /* NULL: abstract */
};

static void manager_bind(struct manager *manager)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    size_t len = strlen(manager->name);

    memcpy(address.sun_path, manager->name, len);
    if (manager->name[0] == '@') address.sun_path[0] = '\0';
    manager->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(manager->fd >= 0);
    assert_int_equal(bind(manager->fd, (struct sockaddr *)&address,
                          (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len)),
                     0);
}

static void manager_open(struct manager *manager, bool abstract)
{
    *manager = (struct manager){0};
    if (abstract) {
        snprintf(manager->name, sizeof manager->name, "@coatcheck-test-%ld-%lld", (long)getpid(),
                 (long long)clock_wall_us());
    } else {
        manager->folder = folder_new();
        snprintf(manager->name, sizeof manager->name, "%s/notify", manager->folder);
    }
    manager_bind(manager);
    setenv("NOTIFY_SOCKET", manager->name, 1);
}

static void manager_close(struct manager *manager)
{
    notify_teardown();
    close(manager->fd);
    if (manager->folder) folder_free(&manager->folder);
}

/* The message that waits, "" when none does. */
static const char *manager_hear(struct manager *manager)
{
    static char message[4096];
    ssize_t got = recv(manager->fd, message, sizeof message - 1, MSG_DONTWAIT);

    message[got < 0 ? 0 : got] = '\0';
    return message;
}

static void say_and_hear_everything(bool abstract)
{
    struct manager manager;

    manager_open(&manager, abstract);
    notify_setup();
    assert_true(notify_is_supervised());
    notify_ready();
    assert_string_equal(manager_hear(&manager), "READY=1");
    notify_status("%d clients, %s", 3, "calm");
    assert_string_equal(manager_hear(&manager), "STATUS=3 clients, calm");
    notify_stopping();
    assert_string_equal(manager_hear(&manager), "STOPPING=1");
    assert_string_equal(manager_hear(&manager), "");
    manager_close(&manager);
}

static void a_manager_at_a_path_hears_every_word(void **state)
{
    (void)state;
    say_and_hear_everything(false);
}

static void a_manager_in_the_abstract_namespace_hears_every_word(void **state)
{
    (void)state;
    say_and_hear_everything(true);
}

static void a_reload_carries_the_monotonic_time_and_ends_with_ready(void **state)
{
    struct manager manager;
    struct timespec now;
    const char *message;
    long long before, after, told;

    (void)state;
    manager_open(&manager, true);
    notify_setup();
    notify_ready();
    manager_hear(&manager);

    clock_gettime(CLOCK_MONOTONIC, &now);
    before = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    notify_reloading();
    clock_gettime(CLOCK_MONOTONIC, &now);
    after = now.tv_sec * 1000000LL + now.tv_nsec / 1000;
    message = manager_hear(&manager);
    assert_int_equal(sscanf(message, "RELOADING=1\nMONOTONIC_USEC=%lld", &told), 1);
    assert_true(told >= before && told <= after);
    notify_reloaded();
    assert_string_equal(manager_hear(&manager), "READY=1");
    manager_close(&manager);
}

static void a_reload_never_announces_a_server_that_is_not_up(void **state)
{
    struct manager manager;

    (void)state;
    manager_open(&manager, true);
    notify_setup();
    notify_reloading();
    notify_reloaded();
    assert_string_equal(manager_hear(&manager), "");
    notify_ready();
    manager_hear(&manager);
    notify_stopping();
    manager_hear(&manager);
    notify_reloading();
    notify_reloaded();
    assert_string_equal(manager_hear(&manager), "");
    manager_close(&manager);
}

static void a_status_stays_one_assignment(void **state)
{
    struct manager manager;
    char long_text[5000];

    (void)state;
    manager_open(&manager, true);
    notify_setup();
    notify_status("good\nREADY=1\r\nMAINPID=1");
    assert_string_equal(manager_hear(&manager), "STATUS=good READY=1  MAINPID=1");
    memset(long_text, 'x', sizeof long_text - 1);
    long_text[sizeof long_text - 1] = '\0';
    notify_status("%s", long_text);
    assert_int_equal(strlen(manager_hear(&manager)), strlen("STATUS=") + 1023);
    manager_close(&manager);
}

static void without_a_manager_nothing_happens(void **state)
{
    (void)state;
    unsetenv("NOTIFY_SOCKET");
    setenv("WATCHDOG_USEC", "1000000", 1);
    notify_setup();
    assert_false(notify_is_supervised());
    assert_int_equal(notify_watchdog_interval_us(), 0);
    notify_ready();
    notify_status("nobody hears");
    notify_watchdog();
    notify_stopping();
    notify_teardown();
}

static void the_environment_is_cleared_and_the_socket_is_not_inherited(void **state)
{
    struct manager manager;
    int lowest, after;

    (void)state;
    manager_open(&manager, true);
    setenv("WATCHDOG_USEC", "1", 1);
    setenv("WATCHDOG_PID", "1", 1);
    lowest = dup(0); /* the number that the next socket will have */
    close(lowest);
    notify_setup();
    assert_null(getenv("NOTIFY_SOCKET"));
    assert_null(getenv("WATCHDOG_USEC"));
    assert_null(getenv("WATCHDOG_PID"));
    assert_int_equal(fcntl(lowest, F_GETFD), FD_CLOEXEC);
    manager_close(&manager);
    after = fcntl(lowest, F_GETFD);
    assert_int_equal(after, -1);
}

static uint64_t interval_with(const char *usec, const char *pid)
{
    struct manager manager;
    uint64_t interval;

    manager_open(&manager, true);
    setenv("WATCHDOG_USEC", usec, 1);
    if (pid) setenv("WATCHDOG_PID", pid, 1);
    notify_setup();
    interval = notify_watchdog_interval_us();
    notify_watchdog();
    assert_string_equal(manager_hear(&manager), interval ? "WATCHDOG=1" : "");
    manager_close(&manager);
    assert_int_equal(notify_watchdog_interval_us(), 0);
    return interval;
}

static void the_watchdog_is_ours_only_with_our_pid_or_none(void **state)
{
    char own[24], other[24];

    (void)state;
    snprintf(own, sizeof own, "%ld", (long)getpid());
    snprintf(other, sizeof other, "%ld", (long)getppid());
    assert_int_equal(interval_with("30000000", own), 30000000);
    assert_int_equal(interval_with("30000000", NULL), 30000000);
    assert_int_equal(interval_with("30000000", other), 0);
    assert_int_equal(interval_with("30000000", "mine"), 0);
    log_set_level(LOG_LEVEL_NOTHING);
    assert_int_equal(interval_with("soon", own), 0);
    log_set_level(LOG_LEVEL_NOTICE);
}

static void an_address_that_is_none_is_not_supervision(void **state)
{
    char far_too_long[300];

    (void)state;
    memset(far_too_long, 'x', sizeof far_too_long);
    far_too_long[0] = '/';
    far_too_long[sizeof far_too_long - 1] = '\0';
    log_set_level(LOG_LEVEL_NOTHING);
    for (int i = 0; i < 4; i++) {
        setenv("NOTIFY_SOCKET",
               (const char *[]){"relative/path", "@", "vsock:2:1234", far_too_long}[i], 1);
        notify_setup();
        assert_false(notify_is_supervised());
        notify_ready();
        notify_teardown();
    }
    log_set_level(LOG_LEVEL_NOTICE);
}

static void a_manager_that_returns_is_heard_again(void **state)
{
    struct manager manager;

    (void)state;
    manager_open(&manager, false);
    notify_setup();
    log_set_level(LOG_LEVEL_NOTHING);
    close(manager.fd);
    notify_status("into the void");
    assert_int_equal(unlink(manager.name), 0);
    notify_status("into the void");
    log_set_level(LOG_LEVEL_NOTICE);
    manager_bind(&manager);
    notify_status("back");
    assert_string_equal(manager_hear(&manager), "STATUS=back");
    manager_close(&manager);
}

static void a_manager_that_does_not_read_holds_us_up_for_a_second_only(void **state)
{
    struct manager manager;
    int64_t from;
    int sent = 0;

    (void)state;
    manager_open(&manager, true);
    notify_setup();
    log_set_level(LOG_LEVEL_NOTHING);
    from = clock_steady_us();
    /* net.unix.max_dgram_qlen is 10 as a rule, and 512 where distributions raise it. */
    while (clock_steady_us() - from < 900000 && sent++ < 100000) notify_status("unread");
    assert_true(sent < 100000);
    assert_true(clock_steady_us() - from < 5000000);
    log_set_level(LOG_LEVEL_NOTICE);
    manager_close(&manager);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_manager_at_a_path_hears_every_word),
        cmocka_unit_test(a_manager_in_the_abstract_namespace_hears_every_word),
        cmocka_unit_test(a_reload_carries_the_monotonic_time_and_ends_with_ready),
        cmocka_unit_test(a_reload_never_announces_a_server_that_is_not_up),
        cmocka_unit_test(a_status_stays_one_assignment),
        cmocka_unit_test(without_a_manager_nothing_happens),
        cmocka_unit_test(the_environment_is_cleared_and_the_socket_is_not_inherited),
        cmocka_unit_test(the_watchdog_is_ours_only_with_our_pid_or_none),
        cmocka_unit_test(an_address_that_is_none_is_not_supervision),
        cmocka_unit_test(a_manager_that_returns_is_heard_again),
        cmocka_unit_test(a_manager_that_does_not_read_holds_us_up_for_a_second_only),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
