/* tls: connections to tls-port are encrypted (TLS 1.2: RFC 5246, 1.3: RFC 8446), by OpenSSL.
 * One context holds certificate, key and rules for the connections to come; who is connected lives on with the context
 * that it began with. Any thread, but for setup and teardown. */
#ifndef COATCHECK_NET_TLS_H
#define COATCHECK_NET_TLS_H

#include "coatcheck/base/metric.h"
#include "coatcheck/base/option.h"
#include "coatcheck/base/text.h"

/* Makes a context as the options say, and puts it in the place of the old one; without tls-port does nothing. False: the
 * old one stays, `why` says what is wrong, and `option` names the option with which it has to do. */
bool tls_load(struct text *why, const char **option);

/* No connection is left. */
void tls_teardown(void);

extern const struct option_word tls_auth_clients_words[];
extern const struct option_word tls_auth_clients_user_words[];

/* The numbers of their words. */
enum { TLS_AUTH_NO, TLS_AUTH_YES, TLS_AUTH_OPTIONAL };
enum { TLS_USER_OFF, TLS_USER_CN };

#define TLS_OPTIONS(BOOL, INT, SIZE, WORD, TEXT)                                                   \
    INT(tls_port, "tls-port", 0, 0, 65535, OPTION_AT_START,                                        \
        "TCP port to listen on for TLS; 0 listens on none")                                        \
    TEXT(tls_cert_file, "tls-cert-file", "", OPTION_LIVE,                                          \
         "file with the server's certificate and those between it and the authority's, PEM")       \
    TEXT(tls_key_file, "tls-key-file", "", OPTION_LIVE, "file with the private key of the certificate, PEM") \
    TEXT(tls_key_file_pass, "tls-key-file-pass", "", OPTION_LIVE | OPTION_SECRET,                  \
         "password of the private key's file, if it has one")                                      \
    TEXT(tls_ca_cert_file, "tls-ca-cert-file", "", OPTION_LIVE,                                    \
         "file with the authorities that clients' certificates are checked by, PEM")               \
    TEXT(tls_ca_cert_dir, "tls-ca-cert-dir", "", OPTION_LIVE,                                      \
         "the same as a directory, prepared by 'openssl rehash'")                                  \
    WORD(tls_auth_clients, "tls-auth-clients", TLS_AUTH_YES, tls_auth_clients_words, OPTION_LIVE,  \
         "must clients show a certificate? yes; no: they are not asked; optional: only a good one or none") \
    WORD(tls_auth_clients_user, "tls-auth-clients-user", TLS_USER_OFF, tls_auth_clients_user_words, \
         OPTION_LIVE, "CN: who shows a certificate with the name of a user that is on is that user; off") \
    TEXT(tls_protocols, "tls-protocols", "", OPTION_LIVE,                                          \
         "versions that are spoken, such as \"TLSv1.2 TLSv1.3\", which is meant by none")           \
    TEXT(tls_ciphers, "tls-ciphers", "", OPTION_LIVE,                                              \
         "ciphers up to TLS 1.2, as ciphers(1ssl) has them; empty is OpenSSL's choice")            \
    TEXT(tls_ciphersuites, "tls-ciphersuites", "", OPTION_LIVE,                                    \
         "cipher suites of TLS 1.3, as ciphers(1ssl) has them; empty is OpenSSL's choice")         \
    BOOL(tls_prefer_server_ciphers, "tls-prefer-server-ciphers", 0, OPTION_LIVE,                   \
         "our order of ciphers counts, not the client's")                                          \
    BOOL(tls_session_caching, "tls-session-caching", 1, OPTION_LIVE,                               \
         "clients that come again may resume their session, with a cheaper handshake")             \
    INT(tls_session_cache_size, "tls-session-cache-size", 20480, 0, INT32_MAX, OPTION_LIVE,        \
        "sessions kept here for clients that cannot keep a ticket themselves; 0 is no limit")      \
    INT(tls_session_cache_timeout, "tls-session-cache-timeout", 300, 0, INT32_MAX, OPTION_LIVE,    \
        "seconds in which a session can be resumed")
OPTION_STRUCT(tls, TLS_OPTIONS);

#define TLS_METRICS(ROW)                                                                           \
    ROW(tls_handshakes, COUNTER, "TLS handshakes that came to a good end")                         \
    ROW(tls_resumed_handshakes, COUNTER, "those of them that resumed an earlier session")          \
    ROW(tls_failed_handshakes, COUNTER,                                                            \
        "TLS handshakes that failed: no TLS, no common version or cipher, a bad certificate, or the client went away") \
    ROW(tls_handshake_timeouts, COUNTER, "connections closed because their TLS handshake took over 10 seconds") \
    ROW(tls_floods, COUNTER,                                                                       \
        "TLS connections closed because they changed keys, shook hands or sent alerts again and again") \
    ROW(mem_tls, GAUGE, "bytes that OpenSSL holds for TLS connections, without what they share")       \
    ROW(tls_loads, COUNTER, "times that the certificate and what belongs to it were loaded")
METRIC_STRUCT(tls, TLS_METRICS);

#endif
