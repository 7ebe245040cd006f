"""Our instruments: building load and floor, and running them on the cores that are not the server's."""

import json
import os
import re
import subprocess
from pathlib import Path

HOME = Path(__file__).resolve().parents[3]
SOURCES = HOME / "tests" / "bench"
BUILD = HOME / "build" / "bench"
PARTS = {"load": ["load.c", "loop.c", "reply.c", "workload.c", "histogram.c"], "floor": ["floor.c"], "stalls": ["stalls.c"],
         "turns.so": ["turns.c", "histogram.c"]}

CORES = sorted(os.sched_getaffinity(0))
SERVER_CORES = CORES[:1]
LOAD_CORES = CORES[1:] or CORES


class LoadError(Exception):
    """A server did not answer, or answered wrong: its figures would be worth nothing."""


def build(name):
    """The program, compiled again when a source or header is newer than it."""
    program = BUILD / name
    sources = [SOURCES / part for part in PARTS[name]]
    newest = max(path.stat().st_mtime for path in [*sources, *SOURCES.glob("*.h")])
    if not program.exists() or program.stat().st_mtime < newest:
        BUILD.mkdir(parents=True, exist_ok=True)
        fresh = program.with_suffix(".%d" % os.getpid())
        # Its own histogram, not one of the server that it is put under.
        form = ["-shared", "-fPIC", "-Wl,-Bsymbolic"] if name.endswith(".so") else []
        subprocess.run(["cc", "-std=gnu11", "-O2", "-pthread", *form, "-o", str(fresh),
                        *map(str, sources), "-lm"], check=True)
        fresh.rename(program)
    return str(program)


def on_cores(cores, background=False, realtime=False):
    """For Popen: keep to these cores; in the background, take only what nobody else there wants; in real time, go first."""
    def prepare():
        os.sched_setaffinity(0, cores)
        if background:
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        if realtime:
            os.sched_setscheduler(0, os.SCHED_FIFO, REALTIME)
    return prepare


REALTIME = os.sched_param(10)


def go_first(thread):
    """Before all threads that are not in real time: those of the kernel, too. What it starts later is ordinary again."""
    os.sched_setscheduler(thread, os.SCHED_FIFO | os.SCHED_RESET_ON_FORK, REALTIME)


RUNTIME = Path("/proc/sys/kernel/sched_rt_runtime_us")


def need_to_go_first():
    """Raises LoadError, and says what to do, where real time is not to be had or ends after a part of each second."""
    try:
        subprocess.run(["true"], check=True, preexec_fn=on_cores(CORES, realtime=True))
    except (OSError, subprocess.SubprocessError):
        raise LoadError("--realtime needs the right to set real-time priorities: be root, or leave it out") from None
    if RUNTIME.exists() and int(RUNTIME.read_text()) != -1:
        raise LoadError("--realtime: the kernel stops such threads for a part of each second; first say\n"
                        "  sysctl kernel.sched_rt_runtime_us=-1\nand afterwards %s again" % RUNTIME.read_text().strip())


def load_words(server, command, **settings):
    words = [build("load"), "--host", server.host, "--port", str(server.port)]
    if server.pid:
        words += ["--server-pid", str(server.pid)]
    for one in [command] if isinstance(command, str) else command:
        words += ["--command", one]
    for name, value in settings.items():
        if value is True:
            words.append("--" + name.replace("_", "-"))
        elif value is not None and value is not False:
            words += ["--" + name.replace("_", "-"), str(value)]
    return words


class Load:
    """A load that runs beside us until result() is asked for."""

    def __init__(self, server, command, cores=None, background=False, realtime=False, **settings):
        self.server, self.command = server, command
        self.process = subprocess.Popen(load_words(server, command, **settings), text=True,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                        preexec_fn=on_cores(cores or LOAD_CORES, background, realtime))

    def result(self, errors_matter=True):
        out, err = self.process.communicate()
        try:
            result = json.loads(out)
        except ValueError:
            raise LoadError("%s: %s" % (self.server.name, err.strip() or "the load died")) from None
        if result["failed"] or (errors_matter and (result["errors"] or result["wrong"])):
            raise LoadError("%s, asked %s: %s (%d replies, %d errors, %d wrong)" % (
                self.server.name, self.command, result["complaint"], result["replies"],
                result["errors"], result["wrong"]))
        return result


def load(server, command, cores=None, **settings):
    """Runs the load to its end and returns what it saw; raises LoadError if the server erred."""
    return Load(server, command, cores, **settings).result()


def stalls(seconds, realtime=False, reading=0):
    """What the machine itself does in so many seconds to a thread on the server's core that looks at its clock, and reads from so
    many bytes of its own: {"longest_us", "over_1ms", "over_20us_a_second"}."""
    done = subprocess.run([build("stalls"), "%g" % seconds, "%d" % reading], capture_output=True, text=True, check=True,
                          preexec_fn=on_cores(SERVER_CORES, realtime=realtime))
    return json.loads(done.stdout)


def first_line(*words):
    try:
        done = subprocess.run(words, capture_output=True, text=True, timeout=10)
    except OSError:
        return "not there"
    lines = (done.stdout + done.stderr).strip().splitlines()
    return lines[0] if lines else "says nothing"


def processor_name():
    found = re.search(r"model name\s*:\s*(.*)", Path("/proc/cpuinfo").read_text())
    return found.group(1) if found else os.uname().machine


def machine_facts():
    """What a reader must know to judge the figures: pairs of name and value."""
    memory_kb = int(re.search(r"MemTotal:\s*(\d+)", Path("/proc/meminfo").read_text()).group(1))
    return [("cores", "%d of %s" % (len(CORES), processor_name())),
            ("memory", "%.1f GiB" % (memory_kb / 1048576)),
            ("kernel", os.uname().release),
            ("load average when it began", "%.2f" % os.getloadavg()[0])]
