#include "coatcheck/daemon/activation.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>
#include "daemon/child.h"

/* What the service manager does between fork and exec: its sockets become descriptors 3, 4 …, and
 * the environment says how many. The child that is started so calls `look`. */
struct start {
    int fds[4];
    unsigned count;
    const char *said_count; /* LISTEN_FDS when it lies; NULL: the truth */
    const char *pid;        /* LISTEN_PID when it lies */
    const char *names;
    void (*look)(struct activation *activation, bool taken, struct text *why);
};

static void be_started(void *context)
{
    const struct start *start = context;
    struct activation activation;
    struct text why = {0};
    char number[24];
    int high[4];
    bool taken;

    for (unsigned i = 0; i < start->count; i++) {
        high[i] = fcntl(start->fds[i], F_DUPFD, 100);
        child_check(high[i] >= 0);
    }
    for (int fd = 3; fd < 100; fd++) close(fd);
    for (unsigned i = 0; i < start->count; i++) {
        child_check(dup2(high[i], 3 + (int)i) == 3 + (int)i);
        close(high[i]);
    }
    snprintf(number, sizeof number, "%u", start->count);
    setenv("LISTEN_FDS", start->said_count ? start->said_count : number, 1);
    snprintf(number, sizeof number, "%ld", (long)getpid());
    setenv("LISTEN_PID", start->pid ? start->pid : number, 1);
    if (start->names) setenv("LISTEN_FDNAMES", start->names, 1);

    taken = activation_take(&activation, &why);
    child_check(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
    start->look(&activation, taken, &why);
    activation_free(&activation);
    text_fini(&why);
}

static bool says(const struct text *why, const char *words)
{
    return why->len && memmem(why->at, why->len, words, strlen(words));
}

static int tcp_socket(int family, bool listening)
{
    struct sockaddr_in v4 = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    struct sockaddr_in6 v6 = {.sin6_family = AF_INET6, .sin6_addr = in6addr_loopback};
    int fd = socket(family, SOCK_STREAM, 0);

    if (fd < 0) return -1;
    if (family == AF_INET) {
        assert_int_equal(bind(fd, (struct sockaddr *)&v4, sizeof v4), 0);
    } else if (bind(fd, (struct sockaddr *)&v6, sizeof v6) < 0) {
        close(fd);
        return -1; /* a machine without IPv6 */
    }
    if (listening) assert_int_equal(listen(fd, 16), 0);
    return fd;
}

static int unix_socket(int type)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int fd = socket(AF_UNIX, type, 0);

    snprintf(address.sun_path + 1, sizeof address.sun_path - 1, "coatcheck-activation-%ld-%d",
             (long)getpid(), type);
    assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
    if (type != SOCK_DGRAM) assert_int_equal(listen(fd, 16), 0);
    return fd;
}

/* ---- what the children look at ---- */

static void look_for_nothing(struct activation *activation, bool taken, struct text *why)
{
    child_check(taken && activation->count == 0 && why->len == 0);
}

static void look_for_three(struct activation *activation, bool taken, struct text *why)
{
    static const int families[] = {AF_INET, AF_UNIX, AF_INET6};
    static const char *const names[] = {"clients", "unknown", "six"};

    child_check(taken && why->len == 0);
    child_check(activation->count >= 2);
    for (unsigned i = 0; i < activation->count; i++) {
        const struct activation_socket *socket = &activation->sockets[i];

        child_check(socket->fd == 3 + (int)i);
        child_check(socket->family == families[i]);
        child_check(strcmp(socket->name, names[i]) == 0);
        child_check(fcntl(socket->fd, F_GETFD) == FD_CLOEXEC);
        child_check(fcntl(socket->fd, F_GETFL) & O_NONBLOCK);
    }
}

static void look_for_a_client(struct activation *activation, bool taken, struct text *why)
{
    struct sockaddr_in address;
    socklen_t len = sizeof address;
    int client, accepted;
    char byte = 0;

    child_check(taken && why->len == 0 && activation->count == 1);
    child_check(getsockname(activation->sockets[0].fd, (struct sockaddr *)&address, &len) == 0);
    client = socket(AF_INET, SOCK_STREAM, 0);
    child_check(connect(client, (struct sockaddr *)&address, len) == 0);
    child_check(write(client, "c", 1) == 1);
    accepted = accept(activation->sockets[0].fd, NULL, NULL);
    child_check(accepted >= 0 && read(accepted, &byte, 1) == 1 && byte == 'c');
}

static void refused(struct activation *activation, bool taken, struct text *why, const char *words)
{
    child_check(!taken);
    child_check(activation->count == 0);
    if (!says(why, words)) fprintf(stderr, "why: %.*s\n", (int)why->len, why->at);
    child_check(says(why, words));
}

static void look_for_not_listening(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "descriptor 4 is not listening");
    child_check(fcntl(3, F_GETFD) < 0 && fcntl(4, F_GETFD) < 0); /* closed, the good one as well */
}

static void look_for_datagram(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "descriptor 3 is not a stream socket");
}

static void look_for_no_socket(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "descriptor 3 is not a socket");
}

static void look_for_not_open(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "descriptor 4 is not open");
}

static void look_for_bad_count(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "LISTEN_FDS must be between 0 and 1024");
}

static void look_for_bad_pid(struct activation *activation, bool taken, struct text *why)
{
    refused(activation, taken, why, "LISTEN_PID is no number");
}

/* ---- the tests ---- */

static void expect(struct start start)
{
    assert_int_equal(child_exit_code(child_run(be_started, &start)), 0);
    for (unsigned i = 0; i < start.count; i++) close(start.fds[i]);
}

static void listening_sockets_of_each_family_are_taken_with_their_names(void **state)
{
    int six = tcp_socket(AF_INET6, true);
    struct start start = {.fds = {tcp_socket(AF_INET, true), unix_socket(SOCK_STREAM), six},
                          .count = six < 0 ? 2 : 3,
                          .names = "clients::six",
                          .look = look_for_three};

    (void)state;
    expect(start);
}

static void a_client_is_accepted_from_a_socket_that_was_taken(void **state)
{
    (void)state;
    expect(
        (struct start){.fds = {tcp_socket(AF_INET, true)}, .count = 1, .look = look_for_a_client});
}

static void without_variables_nothing_is_taken(void **state)
{
    struct activation activation;
    struct text why = {0};

    (void)state;
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_PID");
    assert_true(activation_take(&activation, &why));
    assert_int_equal(activation.count, 0);
    setenv("LISTEN_FDS", "1", 1); /* without a pid it is nobody's */
    assert_true(activation_take(&activation, &why));
    assert_int_equal(activation.count, 0);
    assert_null(getenv("LISTEN_FDS"));
    assert_int_equal(why.len, 0);
}

static void what_was_meant_for_another_process_is_left_alone(void **state)
{
    (void)state;
    expect((struct start){
        .fds = {tcp_socket(AF_INET, true)}, .count = 1, .pid = "1", .look = look_for_nothing});
}

static void no_descriptors_is_no_error(void **state)
{
    (void)state;
    expect((struct start){.count = 0, .look = look_for_nothing});
}

static void a_descriptor_that_cannot_be_accepted_from_is_refused_with_its_defect(void **state)
{
    int nothing = open("/dev/null", O_RDWR);

    (void)state;
    expect((struct start){.fds = {tcp_socket(AF_INET, true), tcp_socket(AF_INET, false)},
                          .count = 2,
                          .look = look_for_not_listening});
    expect((struct start){.fds = {unix_socket(SOCK_DGRAM)}, .count = 1, .look = look_for_datagram});
    expect((struct start){.fds = {nothing}, .count = 1, .look = look_for_no_socket});
    expect((struct start){.fds = {tcp_socket(AF_INET, true)},
                          .count = 1,
                          .said_count = "2",
                          .look = look_for_not_open});
}

static void variables_out_of_their_form_are_refused(void **state)
{
    static const char *const counts[] = {"-1", "many", "", "1025", "99999999999999999999"};

    (void)state;
    for (unsigned i = 0; i < sizeof counts / sizeof counts[0]; i++) {
        expect((struct start){.fds = {tcp_socket(AF_INET, true)},
                              .count = 1,
                              .said_count = counts[i],
                              .look = look_for_bad_count});
    }
    expect((struct start){.count = 0, .pid = "me", .look = look_for_bad_pid});
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(listening_sockets_of_each_family_are_taken_with_their_names),
        cmocka_unit_test(a_client_is_accepted_from_a_socket_that_was_taken),
        cmocka_unit_test(without_variables_nothing_is_taken),
        cmocka_unit_test(what_was_meant_for_another_process_is_left_alone),
        cmocka_unit_test(no_descriptors_is_no_error),
        cmocka_unit_test(a_descriptor_that_cannot_be_accepted_from_is_refused_with_its_defect),
        cmocka_unit_test(variables_out_of_their_form_are_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
