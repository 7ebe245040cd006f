"""How long the turns of a server's threads are, in processor time: reads what tests/bench/turns.c has written."""

import mmap
import os
import struct
import tempfile

from . import tools

STEP_BITS, TOP_BIT, THREADS = 7, 42, 32                 # of histogram.h and turns.h
BUCKETS = (TOP_BIT - STEP_BITS + 2) << STEP_BITS
HEAD, THREAD_HEAD = struct.Struct("<QQ"), struct.Struct("<QQQd")
THREAD_BYTES = THREAD_HEAD.size + 8 * BUCKETS
BYTES = HEAD.size + THREADS * THREAD_BYTES


def ceiling_ns(bucket):
    """The longest duration that a bucket counts."""
    if bucket >> STEP_BITS == 0:
        return bucket
    shift = (bucket >> STEP_BITS) - 1
    return ((bucket - (shift << STEP_BITS) + 1) << shift) - 1


class Turns:
    """The file beside one server, whose command `words()` are to be put before."""

    def __init__(self):
        fd, self.path = tempfile.mkstemp(prefix="turns-")
        os.ftruncate(fd, BYTES)
        self.shared = mmap.mmap(fd, BYTES)
        os.close(fd)

    def words(self):
        return "env LD_PRELOAD=%s TURNS_FILE=%s" % (tools.build("turns.so"), self.path)

    def forget(self):
        epoch, threads = HEAD.unpack_from(self.shared, 0)
        HEAD.pack_into(self.shared, 0, epoch + 1, threads)

    def seen(self):
        """{"p999", "max"} of all threads' turns since forget(), in microseconds of processor time, and "over_1ms", how many
        took longer than that."""
        now, threads = HEAD.unpack_from(self.shared, 0)
        counts, longest = [0] * BUCKETS, 0
        for thread in range(min(threads, THREADS)):
            at = HEAD.size + thread * THREAD_BYTES
            epoch, _, most, _ = THREAD_HEAD.unpack_from(self.shared, at)
            if epoch != now:
                continue
            longest = max(longest, most)
            for bucket, count in enumerate(struct.unpack_from("<%dQ" % BUCKETS, self.shared, at + THREAD_HEAD.size)):
                counts[bucket] += count
        over_1ms = sum(count for bucket, count in enumerate(counts) if ceiling_ns(bucket) > 1_000_000)
        wanted, passed = 0.999 * sum(counts), 0
        for bucket, count in enumerate(counts):
            passed += count
            if passed >= wanted:
                break
        return {"p999": min(ceiling_ns(bucket), longest) / 1000, "max": longest / 1000, "over_1ms": over_1ms}

    def close(self):
        self.shared.close()
        os.unlink(self.path)
