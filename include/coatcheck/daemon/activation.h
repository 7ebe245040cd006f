/* activation: listening sockets that the service manager opened before it started us
 * (LISTEN_FDS, LISTEN_PID, LISTEN_FDNAMES). They survive a restart of the server, so that clients
 * which connect meanwhile wait instead of being refused. */
#ifndef COATCHECK_DAEMON_ACTIVATION_H
#define COATCHECK_DAEMON_ACTIVATION_H

#include <stdbool.h>
#include "coatcheck/base/text.h"

struct activation_socket {
    int fd;     /* listening, stream, close-on-exec, nonblocking */
    int family; /* AF_INET, AF_INET6 or AF_UNIX */
    char *name; /* of LISTEN_FDNAMES: FileDescriptorName= in the unit; "unknown" without one */
};

struct activation {
    unsigned count; /* 0: nobody handed us a socket, open your own */
    struct activation_socket *sockets;
};

/* Takes what was handed to this process and clears the three variables, whatever comes of it.
 * False and `why` (one line) when a descriptor is no listening stream socket, or the variables are
 * not in their form: then nothing is taken and all descriptors that were handed over are closed.
 * LISTEN_PID is compared with this process: call before daemonize_start() and before any thread
 * starts. */
bool activation_take(struct activation *activation, struct text *why);

/* Frees the list. The descriptors are the caller's from activation_take() on and stay open. */
void activation_free(struct activation *activation);

#endif
