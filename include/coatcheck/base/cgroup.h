/* cgroup: what the kernel's control groups allow this process. */
#ifndef COATCHECK_BASE_CGROUP_H
#define COATCHECK_BASE_CGROUP_H

#include <stddef.h>

/* The least memory in bytes that the group of a process and those above it allow; SIZE_MAX: as much as there is.
 * `memberships` is the file that names the groups, "/proc/self/cgroup"; `folder` is where they are mounted,
 * "/sys/fs/cgroup": version 2, version 1, or both side by side. Reads files at each call. Any thread. */
size_t cgroup_memory_limit(const char *memberships, const char *folder);

#endif
