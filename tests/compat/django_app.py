#!/usr/bin/env python3
"""A Django site with django-redis as its cache and as the store of its sessions.   django_app.py PORT

What django-redis does with scripts (incr, locks) is left out.
"""

import sys
import time

import django
from django.conf import settings
from django.core.cache import cache
from django.http import HttpResponse, JsonResponse
from django.test import Client
from django.urls import path
from django.views.decorators.cache import cache_page

PORT = sys.argv[1]
made = []

settings.configure(
    SECRET_KEY="a secret for the test alone", ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], USE_TZ=True,
    MIDDLEWARE=["django.contrib.sessions.middleware.SessionMiddleware"],
    SESSION_ENGINE="django.contrib.sessions.backends.cache", SESSION_COOKIE_AGE=60,
    CACHES={"default": {"BACKEND": "django_redis.cache.RedisCache", "LOCATION": "redis://127.0.0.1:%s/1" % PORT,
                        "KEY_PREFIX": "site", "OPTIONS": {"CLIENT_CLASS": "django_redis.client.DefaultClient"}}})


def login(request):
    request.session["user"] = request.POST["user"]
    request.session.cycle_key()
    return HttpResponse()


def me(request):
    request.session["visits"] = request.session.get("visits", 0) + 1
    return JsonResponse({"user": request.session.get("user"), "visits": request.session["visits"]})


def logout(request):
    request.session.flush()
    return HttpResponse()


@cache_page(60)
def page(request):
    made.append(request.path)
    return HttpResponse("page %d" % len(made))


urlpatterns = [path("login", login), path("me", me), path("logout", logout), path("page", page)]


def sessions():
    ann, bob = Client(), Client()
    ann.post("/login", {"user": "ann"})
    bob.post("/login", {"user": "bob"})
    for visits in (1, 2, 3):
        assert ann.get("/me").json() == {"user": "ann", "visits": visits}
    assert bob.get("/me").json() == {"user": "bob", "visits": 1}
    keys = cache.keys("django.contrib.sessions.cache*")
    assert len(keys) == 2 and all(50 < cache.ttl(key) <= 60 for key in keys), keys
    ann.get("/logout")
    assert ann.get("/me").json() == {"user": None, "visits": 1}


def pages():
    visitor = Client()
    assert visitor.get("/page").content == visitor.get("/page").content == b"page 1" and len(made) == 1
    cache.clear()
    assert visitor.get("/page").content == b"page 2"


def caching():
    assert cache.get("nothing", "default") == "default"
    cache.set("object", {"list": [1, 2.5, "ü"], "when": None}, timeout=30)
    assert cache.get("object") == {"list": [1, 2.5, "ü"], "when": None} and 25 < cache.ttl("object") <= 30
    assert cache.add("object", 1) is False and cache.add("once", 1, timeout=5) is True
    cache.set_many({"page:%d" % n: "x" * 5000 for n in range(200)}, timeout=60)
    assert len(cache.get_many("page:%d" % n for n in range(300))) == 200
    assert cache.delete_many(["page:%d" % n for n in range(50)]) == 50 and cache.has_key("page:50")
    assert len(list(cache.iter_keys("page:*"))) == 150 and cache.delete_pattern("page:1*") == 100
    cache.set("brief", "x", timeout=0.2)
    assert cache.touch("object", 5) and cache.ttl("object") <= 5 and cache.persist("object") and cache.ttl("object") is None
    time.sleep(0.3)
    assert cache.get("brief") is None and cache.get_or_set("made", lambda: 42) == 42 and cache.get("made") == 42
    assert cache.set("made", 43, nx=True) is False and cache.get("made") == 42


django.setup()
cache.clear()
caching()
pages()
sessions()
print("all is well")
