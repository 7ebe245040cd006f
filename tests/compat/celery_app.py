#!/usr/bin/env python3
"""Celery with the server as its broker and for its results, which come back by messages: two workers, a chain, a group, a
chord, orders to all workers, and connections that the server closes.   celery_app.py PORT"""

import os
import subprocess
import sys
import time

import celery
import redis

port = int(os.environ.get("COATS_PORT") or sys.argv[1])
url = "redis://127.0.0.1:%d/0" % port
app = celery.Celery("coats", broker=url, backend=url)
app.conf.update(task_default_queue="coats", broker_transport_options={"socket_keepalive": True}, result_expires=600,
                broker_connection_retry=True, broker_connection_max_retries=50, worker_send_task_events=True)


@app.task(name="coats.add")
def add(x, y):
    return x + y


@app.task(name="coats.total")
def total(numbers):
    return sum(numbers)


@app.task(name="coats.fail")
def fail(words):
    raise ValueError(words)


def start_worker(name):
    return subprocess.Popen(
        [sys.executable, "-B", "-m", "celery", "-A", "celery_app", "worker", "--pool", "solo", "--hostname", name,
         "--loglevel", "WARNING"], cwd=os.path.dirname(os.path.abspath(__file__)),
        env={**os.environ, "COATS_PORT": str(port)})


def until(holds, what, seconds=30):
    limit = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < limit, what
        time.sleep(0.02)


def work():
    assert add.delay(2, 40).get(timeout=20) == 42
    results = [add.delay(n, n) for n in range(60)]
    assert [one.get(timeout=20) for one in results] == [2 * n for n in range(60)]
    assert celery.chain(add.s(1, 2), add.s(3), add.s(4))().get(timeout=20) == 10
    assert celery.group(add.s(n, 1) for n in range(10))().get(timeout=20) == list(range(1, 11))
    assert celery.chord((add.s(n, n) for n in range(10)), total.s())().get(timeout=20) == 90
    try:
        fail.delay("no such coat").get(timeout=20)
    except ValueError as wrong:
        assert str(wrong) == "no such coat"
    else:
        raise AssertionError("a failure did not come back")
    begun = time.monotonic()
    assert add.apply_async((1, 1), countdown=0.3).get(timeout=20) == 2
    assert time.monotonic() - begun > 0.25


def both_answer():
    return len(app.control.ping(timeout=0.7, limit=2) or []) == 2


def main():
    client = redis.Redis(port=port)
    client.flushall()
    # Who holds this sends again what others have not acknowledged, and lets go of it by a script. So that no script is
    # needed, somebody else holds it.
    client.set("unacked_mutex", "somebody")
    workers = [start_worker(name) for name in ("one@coats", "two@coats")]
    try:
        until(both_answer, "the workers do not answer")
        work()
        # All that they listen by: they connect again, and hear the next order.
        assert client.execute_command("CLIENT", "KILL", "TYPE", "pubsub") >= 2
        until(both_answer, "the workers do not come back")
        assert add.delay(20, 22).get(timeout=20) == 42
        app.control.shutdown()
        for worker in workers:
            assert worker.wait(20) == 0, worker.returncode
    finally:
        for worker in workers:
            if worker.poll() is None:
                worker.kill()
                worker.wait()
    print("all is well")


if __name__ == "__main__":
    main()
