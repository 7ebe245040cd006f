/* pulse: looks at the whole server from time to time, so that INFO can tell what happens now:
 * commands and bytes in a second, the peak of memory. */
#ifndef COATCHECK_ENGINE_PULSE_H
#define COATCHECK_ENGINE_PULSE_H

#include <stdint.h>

/* One worker's chore, as often as it likes: most calls cost a compare. */
void pulse_beat(int64_t now_us);

/* Any thread: of the last second and a half. */
struct pulse {
    int64_t commands_per_s, bytes_in_per_s, bytes_out_per_s;
    int64_t evicted_per_s, refused_per_s; /* keys for want of memory, and commands */
};
struct pulse pulse_read(void);

#endif
