/* TLS connections of a worker, over real sockets, with a client of OpenSSL's and a certificate made here. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>
#include <cmocka.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/log.h"
#include "coatcheck/base/mem.h"
#include "coatcheck/net/conn.h"
#include "coatcheck/net/tls.h"

static _Atomic int opened, shaken, closed;
static char name_seen[64];
static struct worker *worker;
static char folder[] = "/tmp/test_tls.XXXXXX", certificate_path[64], key_path[64];

/* ---- a door that answers lines: "echo …" with the line; "pieces N" with N lines of one piece each; "big N" with
 * N bytes; "#…" not at all; "bye" ends. */

static void nothing(struct worker *of)
{
    (void)of;
}

static void on_opened(struct conn *conn)
{
    (void)conn;
    opened++;
}

static void on_shaken(struct conn *conn)
{
    size_t len = conn_print_certified_name(conn, name_seen, sizeof name_seen - 1);

    name_seen[len] = '\0';
    shaken++;
}

static void on_closed(struct conn *conn)
{
    (void)conn;
    closed++;
}

static void keep(void *holder)
{
    (void)holder;
}

static void answer_line(struct delivery *delivery, const char *line, size_t len)
{
    static char chunk[1000];
    unsigned long count = len > 7 ? strtoul(line + (line[0] == 'b' ? 4 : 7), NULL, 10) : 0;

    if (strncmp(line, "pieces ", 7) == 0) {
        while (count-- > 0) outbox_add_held(delivery->outbox, BYTES("piece\n"), keep, NULL);
    } else if (strncmp(line, "big ", 4) == 0) {
        memset(chunk, 'b', sizeof chunk);
        for (; count >= sizeof chunk; count -= sizeof chunk) outbox_add(delivery->outbox, bytes_of(chunk, sizeof chunk));
    } else if (strncmp(line, "bye", 3) == 0) {
        outbox_add(delivery->outbox, BYTES("bye\n"));
        conn_close_after_reply(delivery->conn);
    } else if (*line != '#') {
        outbox_add(delivery->outbox, bytes_of(line, len + 1));
    }
}

static void on_turn(struct worker *of, struct delivery *deliveries, unsigned count, char *area, size_t room)
{
    (void)of;
    (void)area;
    (void)room;
    for (unsigned i = 0; i < count; i++) {
        const char *start = deliveries[i].input.at, *end = start + deliveries[i].input.len, *line_end;

        while (start < end && (line_end = memchr(start, '\n', (size_t)(end - start)))) {
            answer_line(&deliveries[i], start, (size_t)(line_end - start));
            start = line_end + 1;
        }
        deliveries[i].used = (size_t)(start - deliveries[i].input.at);
    }
}

static int64_t on_housekeep(struct worker *of)
{
    (void)of;
    return 20000;
}

static const struct worker_door door = {
    .conn_room = 13, /* an odd one: what TLS needs lies behind it, aligned */
    .started = nothing,
    .stopped = nothing,
    .opened = on_opened,
    .shaken = on_shaken,
    .closed = on_closed,
    .turn = on_turn,
    .housekeep = on_housekeep,
};

/* ---- a certificate that signs itself */

static EVP_PKEY *key;
static X509 *certificate;

static void write_pem(const char *path, bool is_key)
{
    FILE *file = fopen(path, "w");

    assert_non_null(file);
    if (is_key) {
        assert_int_equal(PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL), 1);
    } else {
        assert_int_equal(PEM_write_X509(file, certificate), 1);
    }
    fclose(file);
}

static void make_certificate(void)
{
    X509_NAME *subject;

    key = EVP_EC_gen("P-256");
    certificate = X509_new();
    assert_true(key && certificate);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
    X509_set_pubkey(certificate, key);
    subject = X509_get_subject_name(certificate);
    X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)"coat", -1, -1, 0);
    X509_set_issuer_name(certificate, subject);
    assert_true(X509_sign(certificate, key, EVP_sha256()) > 0);
    snprintf(certificate_path, sizeof certificate_path, "%s/certificate", folder);
    snprintf(key_path, sizeof key_path, "%s/key", folder);
    write_pem(certificate_path, false);
    write_pem(key_path, true);
}

static bool load(void)
{
    struct text why = {0};
    const char *option = NULL;
    bool good = tls_load(&why, &option);

    assert_int_equal(good, option == NULL);
    assert_int_equal(good, why.len == 0);
    text_fini(&why);
    return good;
}

static int setup_all(void **state)
{
    (void)state;
    clock_setup();
    log_set_level(LOG_LEVEL_NOTHING);
    if (!mkdtemp(folder)) return -1;
    make_certificate();
    atomic_store(&tls_options.tls_port, 1);
    atomic_store(&tls_options.tls_cert_file.at, certificate_path);
    atomic_store(&tls_options.tls_key_file.at, key_path);
    atomic_store(&tls_options.tls_ca_cert_file.at, certificate_path);
    atomic_store(&tls_options.tls_auth_clients, TLS_AUTH_OPTIONAL);
    return load() ? 0 : -1;
}

static int teardown_all(void **state)
{
    (void)state;
    tls_teardown();
    EVP_PKEY_free(key);
    X509_free(certificate);
    unlink(certificate_path);
    unlink(key_path);
    rmdir(folder);
    return 0;
}

static int setup(void **state)
{
    (void)state;
    opened = shaken = closed = 0;
    worker = worker_new(0, &door);
    return worker && worker_start(worker) == OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    worker_stop(worker, 500);
    worker_join(worker);
    worker_free(&worker);
    return opened == closed && opened == shaken ? 0 : -1;
}

/* ---- a client */

static int join(void)
{
    struct timeval limit = {.tv_sec = 20};
    int ends[2];

    assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends), 0);
    assert_int_equal(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0);
    setsockopt(ends[0], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    METRIC_ADD(net, connected_clients, 1);
    worker_adopt(worker, ends[1], CONN_OF_TLS);
    return ends[0];
}

static _Atomic int records;

static void count_records(int sent, int version, int type, const void *data, size_t len, SSL *ssl, void *context)
{
    const unsigned char *header = data;

    (void)version;
    (void)len;
    (void)ssl;
    (void)context;
    if (!sent && type == SSL3_RT_HEADER && header[0] == SSL3_RT_APPLICATION_DATA) records++;
}

struct client {
    SSL_CTX *ctx;
    SSL *ssl;
    int fd;
};

static struct client client_new(bool certified)
{
    struct client client = {.ctx = SSL_CTX_new(TLS_client_method()), .fd = join()};

    assert_non_null(client.ctx);
    SSL_CTX_set_msg_callback(client.ctx, count_records);
    if (certified) {
        SSL_CTX_use_certificate(client.ctx, certificate);
        SSL_CTX_use_PrivateKey(client.ctx, key);
    }
    client.ssl = SSL_new(client.ctx);
    SSL_set_fd(client.ssl, client.fd);
    assert_int_equal(SSL_connect(client.ssl), 1);
    return client;
}

static void client_free(struct client *client)
{
    SSL_free(client->ssl);
    SSL_CTX_free(client->ctx);
    close(client->fd);
}

static void say(struct client *client, const char *words)
{
    size_t taken;

    assert_int_equal(SSL_write_ex(client->ssl, words, strlen(words), &taken), 1);
    assert_int_equal(taken, strlen(words));
}

static void hear(struct client *client, const char *expected)
{
    size_t len = strlen(expected), got = 0, n;
    char *heard = calloc(1, len + 1);

    while (got < len) {
        assert_int_equal(SSL_read_ex(client->ssl, heard + got, len - got, &n), 1);
        got += n;
    }
    assert_string_equal(heard, expected);
    free(heard);
}

static void hear_count(struct client *client, size_t count)
{
    static char chunk[65536];

    while (count > 0) {
        size_t n;

        assert_int_equal(SSL_read_ex(client->ssl, chunk, count < sizeof chunk ? count : sizeof chunk, &n), 1);
        count -= n;
    }
}

static void wait_for(_Atomic int *counter, int value)
{
    for (int i = 0; i < 2000 && *counter < value; i++) usleep(10000);
    assert_int_equal(*counter, value);
}

/* ---- the tests */

static void what_is_asked_is_answered(void **state)
{
    struct client a = client_new(false), b = client_new(false);

    (void)state;
    say(&a, "echo one\necho two\n");
    say(&b, "echo three\n");
    hear(&b, "echo three\n");
    hear(&a, "echo one\necho two\n");
    assert_string_equal(name_seen, "");
    client_free(&a);
    client_free(&b);
}

static void who_shows_a_certificate_is_known_by_its_name(void **state)
{
    struct client a = client_new(true);

    (void)state;
    say(&a, "echo one\n");
    hear(&a, "echo one\n");
    assert_string_equal(name_seen, "coat");
    client_free(&a);
}

/* One read from the socket brings more than fits a turn: the socket is silent, and the rest is read all the same. */
static void what_is_decrypted_is_read_though_the_socket_is_silent(void **state)
{
    enum { LINES = 60000, LEN = 10 };
    struct client a = client_new(false);
    char *lines = malloc(LINES * LEN + 1);

    (void)state;
    for (int i = 0; i < LINES; i++) sprintf(lines + i * LEN, "echo %04d\n", i % 10000);
    for (int i = 0; i < 5; i++) {
        say(&a, lines);
        hear(&a, lines);
    }
    free(lines);
    client_free(&a);
}

static void many_pieces_make_few_records(void **state)
{
    struct client a = client_new(false);
    int before;

    (void)state;
    say(&a, "echo one\n");
    hear(&a, "echo one\n");
    before = records;
    say(&a, "pieces 2000\n");
    hear_count(&a, 2000 * strlen("piece\n"));
    assert_int_equal(records - before, 1);
    client_free(&a);
}

/* It reads nothing for a while: what the socket refuses is kept in order, and others are served. */
static void replies_that_are_not_read_wait(void **state)
{
    struct client a = client_new(false), b = client_new(false);

    (void)state;
    say(&a, "big 5000000\necho end\n");
    say(&b, "echo other\n");
    hear(&b, "echo other\n");
    hear_count(&a, 5000000);
    hear(&a, "echo end\n");
    client_free(&a);
    client_free(&b);
}

/* As far as the other side reads, and until it pauses. */
static void say_until_paused(struct client *client, const char *bytes, size_t len, int64_t pauses)
{
    while (len > 0 && METRIC_SUM(net, unread_pauses) == pauses) {
        struct pollfd room = {.fd = client->fd, .events = POLLOUT};
        size_t taken = 0;

        if (!SSL_write_ex(client->ssl, bytes, len, &taken)) poll(&room, 1, 10);
        bytes += taken;
        len -= taken;
    }
}

/* What it asks for costs us memory as a reply does, though no command has run. It says enough besides to be no flood. */
static void who_makes_us_answer_and_does_not_read_is_read_from_no_more(void **state)
{
    struct client a = client_new(false), b = client_new(false);
    int64_t before = METRIC_SUM(net, unread_pauses), floods = METRIC_SUM(tls, tls_floods);
    static char comment[20000];

    (void)state;
    memset(comment, '#', sizeof comment - 1);
    comment[sizeof comment - 1] = '\n';
    workers_bound_unread(64 * 1024, 1);
    SSL_set_mode(a.ssl, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
    assert_int_equal(fcntl(a.fd, F_SETFL, O_NONBLOCK), 0);
    for (int i = 0; i < 50000 && METRIC_SUM(net, unread_pauses) == before; i++) {
        struct pollfd room = {.fd = a.fd, .events = POLLOUT};

        SSL_key_update(a.ssl, SSL_KEY_UPDATE_REQUESTED);
        while (SSL_do_handshake(a.ssl) != 1 && METRIC_SUM(net, unread_pauses) == before) poll(&room, 1, 10);
        say_until_paused(&a, comment, sizeof comment, before);
    }
    assert_true(METRIC_SUM(net, unread_pauses) > before);
    assert_int_equal(METRIC_SUM(tls, tls_floods), floods);
    say(&b, "echo other\n");
    hear(&b, "echo other\n");
    workers_bound_unread(0, 1);
    client_free(&a);
    client_free(&b);
}

/* Records that are as large as they may be, with a byte in each: others have their turns in between. */
static void what_has_little_data_in_it_is_read_in_turns(void **state)
{
    enum { RECORDS = 300 };
    struct client a = client_new(false);
    size_t len, record = SSL3_RT_MAX_PLAIN_LENGTH, taken;
    int64_t before;
    char *sealed;

    (void)state;
    say(&a, "echo one\n");
    hear(&a, "echo one\n");
    before = METRIC_SUM(net, turns);
    assert_int_equal(SSL_set_block_padding(a.ssl, record), 1);
    SSL_set0_wbio(a.ssl, BIO_new(BIO_s_mem()));
    for (int i = 0; i < RECORDS; i++) assert_int_equal(SSL_write_ex(a.ssl, "e", 1, &taken), 1);
    assert_int_equal(SSL_write_ex(a.ssl, "\n", 1, &taken), 1);
    len = (size_t)BIO_get_mem_data(SSL_get_wbio(a.ssl), &sealed);
    assert_true(len > RECORDS * record);
    for (size_t sent = 0; sent < len;) {
        ssize_t n = write(a.fd, sealed + sent, len - sent);

        assert_true(n > 0);
        sent += (size_t)n;
    }
    hear_count(&a, RECORDS + 1);
    assert_true(METRIC_SUM(net, turns) - before >= RECORDS / 4);
    client_free(&a);
}

/* A client's changes of keys, `many` of them in one piece, and a line behind them. */
static void change_keys(struct client *client, int many)
{
    BIO *before = SSL_get_wbio(client->ssl), *memory = BIO_new(BIO_s_mem());
    size_t len, taken;
    char *sealed;

    BIO_up_ref(before);
    SSL_set0_wbio(client->ssl, memory);
    for (int i = 0; i < many; i++) {
        SSL_key_update(client->ssl, SSL_KEY_UPDATE_NOT_REQUESTED);
        assert_int_equal(SSL_do_handshake(client->ssl), 1);
    }
    assert_int_equal(SSL_write_ex(client->ssl, "echo end\n", 9, &taken), 1);
    len = (size_t)BIO_get_mem_data(memory, &sealed);
    assert_int_equal(write(client->fd, sealed, len), len);
    SSL_set0_wbio(client->ssl, before);
}

/* Some are nothing to talk about. Who sends thousands is not read to their end. */
static void who_changes_keys_again_and_again_is_cut_off(void **state)
{
    struct client a = client_new(false), b = client_new(false);
    int64_t before = METRIC_SUM(tls, tls_floods);
    size_t n;
    char c;

    (void)state;
    change_keys(&a, 20);
    hear(&a, "echo end\n");
    assert_int_equal(METRIC_SUM(tls, tls_floods), before);
    change_keys(&b, 600);
    assert_int_equal(SSL_read_ex(b.ssl, &c, 1, &n), 0);
    assert_int_equal(METRIC_SUM(tls, tls_floods), before + 1);
    say(&a, "echo other\n");
    hear(&a, "echo other\n");
    client_free(&a);
    client_free(&b);
}

#ifdef COATCHECK_JEMALLOC
static size_t held_in_all;

static void add_held(struct conn *conn, void *context)
{
    struct conn_facts facts;

    (void)context;
    conn_read_facts(conn, &facts);
    held_in_all += facts.tls_bytes;
}

/* What OpenSSL holds is each connection's own, and is nobody's when they are gone. */
static void what_openssl_holds_is_known_of_each(void **state)
{
    enum { MANY = 20 };
    struct client all[MANY];

    (void)state;
    for (int i = 0; i < MANY; i++) {
        all[i] = client_new(false);
        say(&all[i], "big 100000\necho one\n");
        hear_count(&all[i], 100000);
        hear(&all[i], "echo one\n");
    }
    held_in_all = 0;
    worker_each_conn(worker, add_held, NULL);
    assert_true(held_in_all > MANY * 2000 && held_in_all < MANY * 100000);
    assert_int_equal(held_in_all, METRIC_SUM(tls, mem_tls));
    for (int i = 0; i < MANY; i++) client_free(&all[i]);
    wait_for(&closed, MANY);
    /* The door hears of the end first. */
    for (int i = 0; i < 2000 && METRIC_SUM(tls, mem_tls) != 0; i++) usleep(10000);
    assert_int_equal(METRIC_SUM(tls, mem_tls), 0);
}
#endif

static void the_end_is_told(void **state)
{
    struct client a = client_new(false);
    char c;
    size_t n;

    (void)state;
    say(&a, "bye\n");
    hear(&a, "bye\n");
    assert_int_equal(SSL_read_ex(a.ssl, &c, 1, &n), 0);
    assert_int_equal(SSL_get_error(a.ssl, 0), SSL_ERROR_ZERO_RETURN);
    client_free(&a);
}

static void the_door_hears_of_no_handshake_that_fails(void **state)
{
    int64_t before = METRIC_SUM(tls, tls_failed_handshakes);
    int plain = join(), half = join();
    char heard[64];

    (void)state;
    assert_int_equal(send(plain, "echo plain\n", 11, MSG_NOSIGNAL), 11);
    while (recv(plain, heard, sizeof heard, 0) > 0) continue;
    assert_int_equal(send(half, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
    close(half);
    for (int i = 0; i < 2000 && METRIC_SUM(tls, tls_failed_handshakes) < before + 2; i++) usleep(10000);
    assert_int_equal(METRIC_SUM(tls, tls_failed_handshakes), before + 2);
    assert_int_equal(opened, 0);
}

/* One in the middle of its handshake and one that has not begun. */
static void a_stop_does_not_wait_for_handshakes(void **state)
{
    int silent = join(), half = join();
    int64_t began = clock_steady_us();

    (void)state;
    assert_int_equal(send(half, "\x16\x03\x01\x02", 4, MSG_NOSIGNAL), 4);
    worker_stop(worker, 30000);
    worker_join(worker);
    assert_true(clock_steady_us() - began < 20 * 1000 * 1000);
    worker_free(&worker);
    close(silent);
    close(half);
    worker = worker_new(0, &door);
    assert_int_equal(worker_start(worker), OK);
}

static void a_bad_certificate_leaves_the_old_one(void **state)
{
    struct client a = client_new(false), b;

    (void)state;
    atomic_store(&tls_options.tls_cert_file.at, key_path);
    assert_false(load());
    atomic_store(&tls_options.tls_cert_file.at, "/no/such/file");
    assert_false(load());
    atomic_store(&tls_options.tls_cert_file.at, "");
    assert_false(load());
    atomic_store(&tls_options.tls_protocols.at, "TLSv1.2 TLSv7");
    atomic_store(&tls_options.tls_cert_file.at, certificate_path);
    assert_false(load());
    b = client_new(false);
    say(&b, "echo b\n");
    hear(&b, "echo b\n");
    assert_int_equal(SSL_version(b.ssl), TLS1_3_VERSION);
    client_free(&b);
    atomic_store(&tls_options.tls_protocols.at, "tlsv1.2");
    assert_true(load());
    say(&a, "echo a\n");
    hear(&a, "echo a\n");
    b = client_new(false);
    assert_int_equal(SSL_version(b.ssl), TLS1_2_VERSION);
    client_free(&a);
    client_free(&b);
    atomic_store(&tls_options.tls_protocols.at, "");
    assert_true(load());
}

static void a_hundred_come_and_go(void **state)
{
    struct client all[20];

    (void)state;
    for (int round = 0; round < 5; round++) {
        for (int i = 0; i < 20; i++) all[i] = client_new(i % 2);
        for (int i = 0; i < 20; i++) say(&all[i], "echo hello\n");
        for (int i = 0; i < 20; i++) {
            if (i % 3) hear(&all[i], "echo hello\n");
            client_free(&all[i]);
        }
    }
    wait_for(&closed, 100);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_asked_is_answered),
        TEST(who_shows_a_certificate_is_known_by_its_name),
        TEST(what_is_decrypted_is_read_though_the_socket_is_silent),
        TEST(many_pieces_make_few_records),
        TEST(replies_that_are_not_read_wait),
        TEST(who_makes_us_answer_and_does_not_read_is_read_from_no_more),
        TEST(what_has_little_data_in_it_is_read_in_turns),
        TEST(who_changes_keys_again_and_again_is_cut_off),
#ifdef COATCHECK_JEMALLOC
        TEST(what_openssl_holds_is_known_of_each),
#endif
        TEST(the_end_is_told),
        TEST(the_door_hears_of_no_handshake_that_fails),
        TEST(a_stop_does_not_wait_for_handshakes),
        TEST(a_bad_certificate_leaves_the_old_one),
        TEST(a_hundred_come_and_go),
    };

    return cmocka_run_group_tests(tests, setup_all, teardown_all);
}
