#!/usr/bin/env python3
"""A Flask application behind Flask-Caching.   flask_app.py PORT"""

import sys
import time

from flask import Flask
from flask_caching import Cache

app = Flask(__name__)
cache = Cache(app, config={"CACHE_TYPE": "RedisCache", "CACHE_REDIS_PORT": int(sys.argv[1]), "CACHE_REDIS_HOST": "127.0.0.1",
                           "CACHE_KEY_PREFIX": "flask:", "CACHE_DEFAULT_TIMEOUT": 60})
made = []


@app.route("/page/<name>")
@cache.cached(query_string=True)
def page(name):
    made.append(name)
    return "%s %d" % (name, len(made))


@app.route("/brief")
@cache.cached(timeout=1)
def brief():
    made.append("brief")
    return "brief %d" % len(made)


@cache.memoize(30)
def square(number):
    made.append(number)
    return number * number


def pages(client):
    assert client.get("/page/home").text == client.get("/page/home").text == "home 1"
    assert client.get("/page/home?part=2").text == "home 2" and client.get("/page/about").text == "about 3"
    first = client.get("/brief").text
    time.sleep(1.1)
    assert client.get("/brief").text != first
    cache.clear()
    assert client.get("/page/home").text == "home 6", made


def functions():
    assert square(7) == square(7) == 49 and made.count(7) == 1
    cache.delete_memoized(square, 7)
    assert square(7) == 49 and made.count(7) == 2
    cache.delete_memoized(square)
    assert square(7) == 49 and made.count(7) == 3


def values():
    assert cache.set("object", {"a": [1, 2]}, timeout=10) and cache.get("object") == {"a": [1, 2]}
    assert cache.add("object", 1) is False and cache.get("nothing") is None
    assert cache.set_many({"k%d" % n: n for n in range(100)}) and cache.get_many("k0", "k99", "none") == [0, 99, None]
    assert cache.get_dict("k1", "k2") == {"k1": 1, "k2": 2} and cache.has("k3")
    assert cache.delete_many("k0", "k1") and cache.get("k0") is None and cache.delete("k2")
    assert cache.cache.inc("hits", 5) == 5 and cache.cache.dec("hits", 2) == 3


with app.app_context(), app.test_client() as browser:
    pages(browser)
    functions()
    values()
print("all is well")
