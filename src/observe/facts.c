#include "coatcheck/observe/facts.h"

#include <limits.h>
#include <string.h>
#include <unistd.h>
#include "coatcheck/base/clock.h"
#include "coatcheck/base/lock.h"
#include "coatcheck/base/random.h"

struct server_facts server_facts = {.executable = ""};

static struct lock id_lock;
static char replication_id[FACTS_ID_LEN + 1];
static char executable[PATH_MAX];

static void draw_id(char into[FACTS_ID_LEN + 1])
{
    static const char digits[] = "0123456789abcdef";
    unsigned char secret[FACTS_ID_LEN / 2];

    random_secret(secret, sizeof secret);
    for (unsigned i = 0; i < sizeof secret; i++) {
        into[2 * i] = digits[secret[i] >> 4];
        into[2 * i + 1] = digits[secret[i] & 15];
    }
    into[FACTS_ID_LEN] = '\0';
}

void facts_setup(void)
{
    ssize_t len = readlink("/proc/self/exe", executable, sizeof executable - 1);

    executable[len > 0 ? len : 0] = '\0';
    server_facts.executable = executable;
    server_facts.started_ms = clock_wall_us() / 1000;
    server_facts.started_steady_us = clock_steady_us();
    draw_id(server_facts.run_id);
    facts_change_replication_id();
}

int64_t facts_uptime_s(void)
{
    return (clock_steady_us() - server_facts.started_steady_us) / 1000000;
}

void facts_replication_id(char into[FACTS_ID_LEN + 1])
{
    lock_take(&id_lock, RANK_METRICS, 0);
    memcpy(into, replication_id, sizeof replication_id);
    lock_release(&id_lock, RANK_METRICS);
}

void facts_change_replication_id(void)
{
    char fresh[FACTS_ID_LEN + 1];

    draw_id(fresh);
    lock_take(&id_lock, RANK_METRICS, 0);
    memcpy(replication_id, fresh, sizeof fresh);
    lock_release(&id_lock, RANK_METRICS);
}
