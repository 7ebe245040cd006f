/* memory_doctor: what MEMORY DOCTOR says. Each finding is a sentence about what is, and one about what to do. */
#include "memory_doctor_internal.h"

#include "coatcheck/base/text.h"

#define MEGABYTE ((size_t)1024 * 1024)

/* Below that much everything looks out of proportion. */
#define FROM_BYTES (5 * MEGABYTE)

/* A difference that is worth a word. */
#define MUCH_BYTES (10 * MEGABYTE)
#define LARGE_BUFFER MEGABYTE
#define LARGE_MEAN_BUFFER (200 * (size_t)1024)

/* At the limit is who holds so much of it. */
#define NEAR_PERCENT 95

/* What a slot takes when a table is as empty as it comes to be while it is used. */
#define TABLE_BYTES_A_KEY 24

static double megabytes(size_t bytes)
{
    return (double)bytes / (double)MEGABYTE;
}

/* a in percent of b */
static double percent(size_t a, size_t b)
{
    return b > 0 ? 100.0 * (double)a / (double)b : 0;
}

static void examine_limit(struct text *into, const struct memory_facts *facts)
{
    size_t most = facts->limit + facts->limit / 20;

    if (facts->limit > 0 && most > facts->machine) {
        text_addf(into,
                  "- maxmemory allows %.1f MB, 5 %% of gaps included, and the machine, or the control group of this process,\n"
                  "  has %.1f MB: the kernel ends the process before it comes to its limit. Set maxmemory to 60%% or so.\n",
                  megabytes(most), megabytes(facts->machine));
    } else if (facts->limit == 0 && facts->footprint.rss > facts->machine / 10 * 8) {
        text_addf(into,
                  "- %.0f %% of the memory of the machine, or of the control group, are taken, and there is no maxmemory:\n"
                  "  when it is all taken the kernel ends the process. Set maxmemory.\n",
                  percent(facts->footprint.rss, facts->machine));
    }
}

static void examine_eviction(struct text *into, const struct memory_facts *facts)
{
    text_addf(into,
              "- Memory is at its limit: %.1f MB of %.1f. %lld keys are evicted a second, %lld since the start, of which\n"
              "  %lld came back soon: when that is a large part, more memory would pay.\n",
              megabytes(facts->footprint.now.allocated), megabytes(facts->limit), (long long)facts->evicted_per_s,
              (long long)facts->evicted, (long long)facts->returned);
    if (facts->exceeded_ms > 1000) {
        text_addf(into,
                  "- It has been above the limit for %lld ms without a break: memory is taken faster than keys are evicted,\n"
                  "  or there is nothing that maxmemory-policy %s may evict.\n",
                  (long long)facts->exceeded_ms, facts->policy);
    }
}

static void examine_fullness(struct text *into, const struct memory_facts *facts)
{
    size_t used = facts->footprint.now.allocated;
    bool near = facts->limit > 0 && used >= facts->limit / 100 * NEAR_PERCENT;

    if (near && facts->evicts) {
        examine_eviction(into, facts);
    } else if (near) {
        text_addf(into,
                  "- Memory is at its limit, %.1f MB of %.1f, and maxmemory-policy is noeviction: commands that may grow\n"
                  "  memory are refused. Delete keys, raise maxmemory, or choose a policy that evicts.\n",
                  megabytes(used), megabytes(facts->limit));
    }
    if (facts->refused > 0) {
        text_addf(into,
                  "- %lld commands were refused since the start because memory was above its limit, %lld a second just now\n"
                  "  (maxmemory-policy %s%s).\n",
                  (long long)facts->refused, (long long)facts->refused_per_s, facts->policy,
                  facts->evicts ? " found nothing to evict" : "");
    }
}

static void examine_pages(struct text *into, const struct memory_facts *facts)
{
    const struct mem_figures *now = &facts->footprint.now;
    size_t rss = facts->footprint.rss, peak = facts->footprint.peak;

    if (peak > now->allocated + now->allocated / 2) {
        text_addf(into,
                  "- The peak was %.1f times what is used now, %.1f MB. Memory that is free again goes back to the system\n"
                  "  within seconds, so this is history, unless it comes again.\n",
                  (double)peak / (double)now->allocated, megabytes(peak));
    }
    if (now->active > now->allocated + MUCH_BYTES && now->active > now->allocated + now->allocated / 5) {
        text_addf(into,
                  "- Fragmentation: pages are %.0f %% empty on average, %.1f MB in all, as values were deleted between others that\n"
                  "  stayed. Small values are moved together within seconds; other gaps are used by new values of like size.\n",
                  100 - percent(now->allocated, now->active), megabytes(now->active - now->allocated));
    }
    if (now->resident > now->active + now->active / 10 + MUCH_BYTES) {
        text_addf(into, "- The allocator keeps %.1f MB of free pages for a moment: MEMORY PURGE gives them back now.\n",
                  megabytes(now->resident - now->active));
    }
    if (rss > now->resident + now->resident / 10 + MUCH_BYTES) {
        text_addf(into, "- %.1f MB are resident besides the allocator's: stacks, buffers of workers, libraries.\n",
                  megabytes(rss - now->resident));
    }
}

static void examine_tables(struct text *into, const struct memory_facts *facts)
{
    if (facts->tables < MUCH_BYTES || facts->tables / TABLE_BYTES_A_KEY < facts->keys) return;
    text_addf(into,
              "- Tables take %.1f MB for %llu keys: many were deleted. A table becomes smaller some seconds after that.\n",
              megabytes(facts->tables), (unsigned long long)facts->keys);
}

static void examine_clients(struct text *into, const struct memory_facts *facts)
{
    size_t mean = facts->clients_count > 0 ? facts->clients / facts->clients_count : 0;

    if (facts->longest_output >= LARGE_BUFFER) {
        text_addf(into,
                  "- A client leaves %.1f MB of its replies unread. CLIENT LIST tells which one (omem); CLIENT KILL ends it, and\n"
                  "  client-output-buffer-limit bounds them all.\n",
                  megabytes(facts->longest_output));
    }
    if (facts->longest_input >= LARGE_BUFFER) {
        text_addf(into,
                  "- A client has sent %.1f MB of a request that is not complete, or waits. CLIENT LIST tells which one (qbuf);\n"
                  "  client-query-buffer-limit bounds them all.\n",
                  megabytes(facts->longest_input));
    }
    if (mean >= LARGE_MEAN_BUFFER || (facts->clients >= MUCH_BYTES && facts->clients > facts->footprint.now.allocated / 10)) {
        text_addf(into,
                  "- %zu clients hold %.1f MB, %.0f %% of all that is used: they do not read their replies, or send large\n"
                  "  requests. maxmemory-clients bounds what they hold together.\n",
                  facts->clients_count, megabytes(facts->clients), percent(facts->clients, facts->footprint.now.allocated));
    }
}

void memory_doctor_examine(struct text *into, const struct memory_facts *facts)
{
    size_t begin = into->len;

    examine_limit(into, facts);
    examine_fullness(into, facts);
    examine_clients(into, facts);
    if (facts->footprint.now.allocated >= FROM_BYTES || facts->footprint.peak >= 10 * FROM_BYTES) {
        examine_pages(into, facts);
        examine_tables(into, facts);
    }
    if (into->len > begin) return;
    if (facts->footprint.now.allocated < FROM_BYTES) {
        text_addf(into, "So little memory is used (%zu KB) that there is nothing to find.\n",
                  facts->footprint.now.allocated / 1024);
    } else {
        text_addf(into, "No problem was found with the memory.\n");
    }
}
