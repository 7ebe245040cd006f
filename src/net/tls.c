/* tls: the context that connections begin with, made as the options say. */
#include "coatcheck/net/tls.h"

#include <dirent.h>
#include <errno.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <string.h>
#include "coatcheck/base/lock.h"
#include "tls_internal.h"

METRIC_DEFINE(tls, TLS_METRICS)

const struct option_word tls_auth_clients_words[] = {
    {"no", TLS_AUTH_NO}, {"yes", TLS_AUTH_YES}, {"optional", TLS_AUTH_OPTIONAL}, {NULL, 0}};
const struct option_word tls_auth_clients_user_words[] = {{"off", TLS_USER_OFF}, {"CN", TLS_USER_CN}, {NULL, 0}};

#define OPTIONS_HERE tls_options
#define OPTION_HOOKS_HERE tls_option_hooks
OPTION_DEFINE(tls, TLS_OPTIONS)

/* New connections are seldom against what their handshake costs: they may share a lock. */
static struct lock context_lock;
static SSL_CTX *context; /* whoever holds the lock */

struct complaint {
    struct text *why;
    const char **option;
};

/* The first error is the cause, those after it only tell who passed it on. */
static const char *reason(void)
{
    unsigned long error = ERR_get_error();
    const char *text = ERR_SYSTEM_ERROR(error) ? strerror(ERR_GET_REASON(error)) : ERR_reason_error_string(error);

    ERR_clear_error();
    return error != 0 && text ? text : "OpenSSL does not say why";
}

static bool refuse_for(const struct complaint *complaint, const char *option, const char *value, const char *why)
{
    *complaint->option = option;
    text_addf(complaint->why, "option '%s' \"%s\": %s", option, value, why);
    return false;
}

static bool refuse(const struct complaint *complaint, const char *option, const char *value)
{
    return refuse_for(complaint, option, value, reason());
}

static bool miss(const struct complaint *complaint, const char *option, const char *sentence)
{
    *complaint->option = option;
    text_addf(complaint->why, "option '%s' %s", option, sentence);
    return false;
}

/* ---- versions and ciphers */

static const struct version {
    const char *word;
    int number;
    uint64_t without; /* OpenSSL's option against it */
} versions[] = {
    {"TLSv1", TLS1_VERSION, SSL_OP_NO_TLSv1},
    {"TLSv1.1", TLS1_1_VERSION, SSL_OP_NO_TLSv1_1},
    {"TLSv1.2", TLS1_2_VERSION, SSL_OP_NO_TLSv1_2},
    {"TLSv1.3", TLS1_3_VERSION, SSL_OP_NO_TLSv1_3},
};
enum { VERSIONS = sizeof versions / sizeof versions[0], DEFAULT_VERSIONS = 1 << 2 | 1 << 3 };

/* A bit for each version; 0: a word is none. */
static unsigned read_versions(const char *words)
{
    unsigned found = 0, unknown = 0;

    for (const char *p = words + strspn(words, " "); *p; p += strspn(p, " ")) {
        struct bytes word = bytes_of(p, strcspn(p, " "));
        int i = 0;

        while (i < VERSIONS && !bytes_is(word, versions[i].word)) i++;
        found |= 1u << i;
        unknown |= i == VERSIONS;
        p += word.len;
    }
    if (unknown) return 0;
    return found ? found : DEFAULT_VERSIONS;
}

static bool set_versions(SSL_CTX *ctx, const struct complaint *complaint)
{
    unsigned wanted = read_versions(option_text(&tls_options.tls_protocols));
    int lowest = 0, highest = 0;

    for (int i = 0; i < VERSIONS; i++) {
        if (!(wanted & 1u << i)) {
            SSL_CTX_set_options(ctx, versions[i].without);
            continue;
        }
        if (lowest == 0) lowest = versions[i].number;
        highest = versions[i].number;
    }
    if (wanted == 0) {
        return miss(complaint, "tls-protocols",
                    "takes a combination of 'TLSv1', 'TLSv1.1', 'TLSv1.2' and 'TLSv1.3'");
    }
    /* The system's own configuration of OpenSSL may have narrowed them. */
    if (!SSL_CTX_set_min_proto_version(ctx, lowest) || !SSL_CTX_set_max_proto_version(ctx, highest)) {
        return refuse(complaint, "tls-protocols", option_text(&tls_options.tls_protocols));
    }
    return true;
}

static bool set_ciphers(SSL_CTX *ctx, const struct complaint *complaint)
{
    const char *ciphers = option_text(&tls_options.tls_ciphers);
    const char *suites = option_text(&tls_options.tls_ciphersuites);

    if (*ciphers && !SSL_CTX_set_cipher_list(ctx, ciphers)) return refuse(complaint, "tls-ciphers", ciphers);
    if (*suites && !SSL_CTX_set_ciphersuites(ctx, suites)) return refuse(complaint, "tls-ciphersuites", suites);
    if (option_int(&tls_options.tls_prefer_server_ciphers)) {
        SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
    }
    SSL_CTX_set_dh_auto(ctx, 1);
    return true;
}

/* ---- certificates */

/* Without it OpenSSL would ask on the terminal. */
static int tell_password(char *into, int room, int writing, void *unused)
{
    const char *password = option_text(&tls_options.tls_key_file_pass);
    size_t len = strlen(password);

    (void)writing;
    (void)unused;
    if (len == 0 || len > (size_t)room) return -1;
    memcpy(into, password, len);
    return (int)len;
}

static bool set_certificate(SSL_CTX *ctx, const struct complaint *complaint)
{
    const char *certificate = option_text(&tls_options.tls_cert_file);
    const char *key = option_text(&tls_options.tls_key_file);

    if (!*certificate) return miss(complaint, "tls-cert-file", "is missing: tls-port needs a certificate");
    if (!*key) return miss(complaint, "tls-key-file", "is missing: tls-port needs the certificate's private key");
    SSL_CTX_set_default_passwd_cb(ctx, tell_password);
    if (SSL_CTX_use_certificate_chain_file(ctx, certificate) != 1) {
        return refuse(complaint, "tls-cert-file", certificate);
    }
    if (SSL_CTX_use_PrivateKey_file(ctx, key, SSL_FILETYPE_PEM) != 1 || SSL_CTX_check_private_key(ctx) != 1) {
        return refuse(complaint, "tls-key-file", key);
    }
    return true;
}

/* A certificate's extensions are decoded when they are first asked for: here, not by the first workers that check a
 * client by it, at the same time. */
static void decode_authorities(SSL_CTX *ctx)
{
    STACK_OF(X509_OBJECT) *objects = X509_STORE_get0_objects(SSL_CTX_get_cert_store(ctx));

    for (int i = 0; i < sk_X509_OBJECT_num(objects); i++) {
        X509 *authority = X509_OBJECT_get0_X509(sk_X509_OBJECT_value(objects, i));

        if (authority) X509_check_purpose(authority, -1, 0);
    }
}

/* A name that 'openssl rehash' gives to a certificate: eight hexadecimal digits, a point and a number. */
static bool is_rehashed(const char *name)
{
    size_t digits = strspn(name, "0123456789abcdefABCDEF");
    const char *number = name + digits + 1;

    return digits == 8 && name[digits] == '.' && *number && number[strspn(number, "0123456789")] == 0;
}

/* All of a directory, now. OpenSSL would read each when a client first shows a certificate that it has signed: on a
 * worker's thread, which would wait for the disk, and into what other workers look through. */
static bool read_authorities(SSL_CTX *ctx, const char *dir, const struct complaint *complaint)
{
    DIR *open = opendir(dir);
    struct text path = {0};
    bool good = open != NULL;

    if (!open) return refuse_for(complaint, "tls-ca-cert-dir", dir, strerror(errno));
    for (struct dirent *file; good && (file = readdir(open)) != NULL;) {
        if (!is_rehashed(file->d_name)) continue;
        text_clear(&path);
        text_addf(&path, "%s/%s", dir, file->d_name);
        text_add_char(&path, 0);
        good = !text_failed(&path) && SSL_CTX_load_verify_file(ctx, path.at) == 1;
        if (!good) refuse(complaint, "tls-ca-cert-dir", text_failed(&path) ? dir : path.at);
    }
    text_fini(&path);
    closedir(open);
    return good;
}

static bool set_authorities(SSL_CTX *ctx, const struct complaint *complaint)
{
    const char *file = option_text(&tls_options.tls_ca_cert_file);
    const char *dir = option_text(&tls_options.tls_ca_cert_dir);
    int64_t asked = option_int(&tls_options.tls_auth_clients);
    int mode = asked == TLS_AUTH_NO         ? SSL_VERIFY_NONE
               : asked == TLS_AUTH_OPTIONAL ? SSL_VERIFY_PEER
                                            : SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT;

    if (mode != SSL_VERIFY_NONE && !*file && !*dir) {
        return miss(complaint, "tls-ca-cert-file",
                    "is missing, and so is tls-ca-cert-dir: tls-auth-clients checks clients by one of them");
    }
    if (*file && SSL_CTX_load_verify_file(ctx, file) != 1) return refuse(complaint, "tls-ca-cert-file", file);
    if (*dir && !read_authorities(ctx, dir, complaint)) return false;
    decode_authorities(ctx);
    SSL_CTX_set_verify(ctx, mode, NULL);
    return true;
}

/* ---- sessions that come again */

static void set_resumption(SSL_CTX *ctx)
{
    static const unsigned char whose[] = "coatcheck";

    SSL_CTX_set_session_id_context(ctx, whose, sizeof whose - 1);
    if (!option_int(&tls_options.tls_session_caching)) {
        SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
        SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET);
        SSL_CTX_set_num_tickets(ctx, 0);
        return;
    }
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_SERVER);
    SSL_CTX_sess_set_cache_size(ctx, option_int(&tls_options.tls_session_cache_size));
    SSL_CTX_set_timeout(ctx, option_int(&tls_options.tls_session_cache_timeout));
    /* One for a connection; whoever opens two gets two. */
    SSL_CTX_set_num_tickets(ctx, 1);
}

/* ---- the context */

static SSL_CTX *context_new(const struct complaint *complaint)
{
    SSL_CTX *ctx = SSL_CTX_new(TLS_server_method());

    if (!ctx) {
        miss(complaint, "tls-port", "can't be served: OpenSSL makes no context");
        ERR_clear_error();
        return NULL;
    }
    /* A client that closes without a word has said what it wanted, as it has in plain text. */
    SSL_CTX_set_options(ctx, SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION | SSL_OP_IGNORE_UNEXPECTED_EOF);
    SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
                              SSL_MODE_RELEASE_BUFFERS);
    /* Header and body of a record come with one system call. */
    SSL_CTX_set_read_ahead(ctx, 1);
    set_resumption(ctx);
    if (set_versions(ctx, complaint) && set_ciphers(ctx, complaint) && set_certificate(ctx, complaint) &&
        set_authorities(ctx, complaint)) {
        return ctx;
    }
    SSL_CTX_free(ctx);
    return NULL;
}

static void put_context(SSL_CTX *ctx)
{
    SSL_CTX *old;

    lock_take(&context_lock, RANK_TLS, 0);
    old = context;
    context = ctx;
    lock_release(&context_lock, RANK_TLS);
    SSL_CTX_free(old);
}

bool tls_load(struct text *why, const char **option)
{
    struct complaint complaint = {why, option};
    SSL_CTX *ctx;

    if (option_int(&tls_options.tls_port) == 0) return true;
    ERR_clear_error();
    ctx = context_new(&complaint);
    if (!ctx) return false;
    put_context(ctx);
    METRIC_ADD(tls, tls_loads, 1);
    return true;
}

void tls_teardown(void)
{
    put_context(NULL);
}

SSL *tls_session_new(void)
{
    SSL_CTX *ctx;
    SSL *ssl = NULL;

    lock_take(&context_lock, RANK_TLS, 0);
    ctx = context;
    if (ctx) SSL_CTX_up_ref(ctx);
    lock_release(&context_lock, RANK_TLS);
    if (ctx) ssl = SSL_new(ctx);
    SSL_CTX_free(ctx);
    return ssl;
}
