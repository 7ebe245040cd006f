#include "await_internal.h"

struct await_hooks await_hooks;

void await_listen(const struct await_hooks *hooks)
{
    await_hooks = *hooks;
}

void **shard_waits(struct shard *shard)
{
    return &shard->waits;
}
