#include "coatcheck/daemon/privilege.h"

#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Of root's powers: to write logs and the configuration where others own the folder, and to raise the limit of open
 * files when maxclients grows. */
#define KEPT                                                                                       \
    (1u << CAP_DAC_OVERRIDE | 1u << CAP_DAC_READ_SEARCH | 1u << CAP_CHOWN | 1u << CAP_FOWNER |     \
     1u << CAP_NET_BIND_SERVICE | 1u << CAP_SYS_RESOURCE)

void privilege_forbid_core_dumps(void)
{
    /* One byte, not none: where a program takes the dump (core_pattern with a '|') the kernel overlooks a limit of
     * zero, and stops at this one. */
    struct rlimit limit, least;
    int fd;

    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        least.rlim_cur = least.rlim_max = limit.rlim_max < 1 ? limit.rlim_max : 1;
        setrlimit(RLIMIT_CORE, &least);
    }
    /* And should somebody raise it from outside: no mapping is to be in a dump. */
    fd = open("/proc/self/coredump_filter", O_WRONLY | O_CLOEXEC);
    if (fd < 0) return;
    if (write(fd, "0", 1) < 0) {}
    close(fd);
}

void privilege_drop(void)
{
    struct __user_cap_header_struct head = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
    if (syscall(SYS_capget, &head, data) != 0) return;
    data[0].permitted &= KEPT;
    data[0].effective &= KEPT;
    data[1].permitted = data[1].effective = 0;
    data[0].inheritable = data[1].inheritable = 0;
    syscall(SYS_capset, &head, data);
}
