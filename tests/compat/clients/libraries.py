"""Client libraries that Debian packages: hiredis from C, python3-redis, and what Python's web
frameworks, Celery and channels make of it."""

import subprocess
import sys
from pathlib import Path

from .check import BUILD, HERE, Failed, expect, program, run


def hiredis(check):
    for header, package in (("/usr/include/hiredis/hiredis.h", "libhiredis-dev"),
                            ("/usr/include/event2/event.h", "libevent-dev")):
        if not Path(header).exists():
            raise Failed("%s is not installed (Debian: %s)" % (header, package))
    BUILD.mkdir(parents=True, exist_ok=True)
    client = BUILD / "hiredis"
    run([program("cc"), "-std=gnu11", "-O1", "-g", "-Wall", "-o", client, HERE / "hiredis.c", "-lhiredis",
         "-levent_core"])
    said = run([client, check.port, check.socket], timeout_s=30)
    expect(r"^all is well$", said, "the C client")


PYTHON_PACKAGES = {"redis": "python3-redis", "django_redis": "python3-django-redis", "flask_caching": "python3-flask-caching",
                   "celery": "python3-celery", "channels_redis": "python3-channels-redis"}


def python(check, name, *words, module="redis"):
    """Debian's modules are seen by Debian's interpreter alone, which need not be the one we run in."""
    for interpreter in ("/usr/bin/python3", sys.executable):
        try:
            found = subprocess.run([interpreter, "-c", "import " + module], capture_output=True, timeout=20)
        except OSError:
            continue
        if found.returncode == 0:
            said = run([interpreter, "-B", HERE / name, check.port, *words], timeout_s=60)
            expect(r"^all is well$", said, name)
            return
    raise Failed("the Python module %s is not installed (Debian: %s)" % (module, PYTHON_PACKAGES[module]))


def recipes(check):
    """Each starts with what the one before it has left."""
    programs = sorted((HERE.parents[1] / "docs" / "recipes").glob("*.py"))
    for one in programs:
        python(check, one)
    if len(programs) < 6:
        raise Failed("of the recipes only %s are there" % ", ".join(one.name for one in programs))


CLIENTS = {
    "hiredis": hiredis,
    "recipes": recipes,
    "python3-redis": lambda check: python(check, "python_client.py", check.socket),
    "python3-structures": lambda check: python(check, "python_structures.py"),
    "django-redis": lambda check: python(check, "django_app.py", module="django_redis"),
    "flask-caching": lambda check: python(check, "flask_app.py", module="flask_caching"),
    "python3-subscribers": lambda check: python(check, "subscribe.py"),
    "celery": lambda check: python(check, "celery_app.py", module="celery"),
    "channels-redis": lambda check: python(check, "channels_layer.py", module="channels_redis"),
    "python3-leaderboard": lambda check: python(check, "leaderboard.py"),
}
