"""Places: crowded ones, poles, the date line, scores that were never places, and every shape and option."""

from .engine import state
from .engine.draw import NO_FLOATS, NO_INTEGERS, key, maybe, one_of, row, seconds, shuffled, some, value

MAPS, CROWDS = 6, 2
EDGES = [b"-180", b"180", b"179.9999999", b"-179.9999999", b"0", b"-0", b"90", b"-90", b"0.0000001", b"179.5", b"-179.5"]
HEIGHTS = [b"85.05112878", b"-85.05112878", b"85.05", b"-85.05", b"0", b"66", b"-66", b"66.1", b"-66.1", b"80", b"-80", b"80.1",
           b"-80.1", b"-0.0000001", b"84.9", b"-84.9", b"45"]
NO_DEGREES = [b"180.0001", b"-180.0001", b"85.05112879", b"-85.05112879", b"inf", b"-inf", b"1e300", b"1000"] + NO_FLOATS
CENTERS = [(13.361389, 38.115556), (15.087269, 37.502669), (179.99, 10.0), (-179.99, -10.0), (0.0, 0.0), (-73.98, 40.75),
           (100.0, 84.5), (-100.0, -84.8), (55.0, 66.02), (-20.0, -79.97)]
UNITS = [b"m", b"km", b"ft", b"mi", b"M", b"KM", b"Ft", b"mI"]
ODD_SCORES = [b"-1", b"-1.5", b"inf", b"-inf", b"0.5", b"4503599627370496", b"4503599627370495", b"4503599627370497", b"9007199254740992",
              b"1e19", b"-1e19", b"18446744073709551615", b"9223372036854775807", b"9223372036854775808", b"-9223372036854775808",
              b"1e300", b"3479099956230698", b"3479099956230698.5", b"-0", b"0"]


def plan(draw):
    """A map of some places, mostly; now and then nothing, or a key of whatever type."""
    dice = draw.random()
    if dice < 0.92:
        return draw.prefix + b"g%d" % draw.below(MAPS)
    return draw.prefix + b"nosuch" if dice < 0.94 else crowd(draw) if dice < 0.97 else key(draw)


def crowd(draw):
    return draw.prefix + b"gb%d" % draw.below(CROWDS)


def member(draw):
    dice = draw.random()
    return b"m%d" % draw.below(40) if dice < 0.8 else b"w%d" % draw.below(400) if dice < 0.97 else value(draw)


def wide_member(draw):
    return b"w%d" % draw.below(3000)


def degrees(draw, limit):
    return b"%.*f" % (draw.below(9), (draw.random() * 2 - 1) * limit)


def near(draw):
    """A place near one of a few, at any distance; often on one of a few spots, so that distances are equal."""
    x, y = draw.one_of(CENTERS)
    dice = draw.random()
    if dice < 0.15:
        return [b"%.6f" % x, b"%.6f" % y]
    away = 10 ** -(draw.random() * 6)
    if dice < 0.4:
        away, steps = 0.01, (draw.below(5) - 2, draw.below(5) - 2)
    else:
        steps = (draw.random() * 2 - 1, draw.random() * 2 - 1)
    x, y = x + steps[0] * away, y + steps[1] * away
    return [b"%.7f" % max(-180, min(180, x)), b"%.7f" % max(-85.05112878, min(85.05112878, y))]


def place(draw):
    dice = draw.random()
    if dice < 0.7:
        return near(draw)
    if dice < 0.85:
        return [degrees(draw, 180), degrees(draw, 85.05)]
    return [draw.one_of(EDGES) if draw.chance(0.7) else degrees(draw, 180), draw.one_of(HEIGHTS) if draw.chance(0.7) else degrees(draw, 85)]


def any_place(draw):
    if draw.random() < 0.95:
        return place(draw)
    return [draw.one_of(NO_DEGREES), draw.one_of(HEIGHTS)] if draw.chance(0.5) else [draw.one_of(EDGES), draw.one_of(NO_DEGREES)]


def length(draw):
    dice = draw.random()
    if dice < 0.8:
        return b"%.*f" % (draw.below(6), 10 ** (draw.random() * 9 - 2))
    if dice < 0.9:
        return draw.one_of([b"0", b"-0", b"1", b"20015.08", b"20037.726", b"40075", b"10000", b"5000", b"1e-300", b"5e-324", b"0.5"])
    return draw.one_of([b"inf", b"1e300", b"1e308", b"20037726.37", b"20020741", b"-1", b"-0.0001", b"-inf"] + NO_FLOATS)


def long_one(draw):
    """Lengths that find something among places a few kilometres to a few thousand apart."""
    return b"%.3f" % (10 ** (1 + draw.random() * 6))


def unit(draw):
    return draw.one_of(UNITS[:4]) if draw.random() < 0.9 else draw.one_of(UNITS + [b"", b"meter", b"k", b"mm"])


def count(draw):
    return b"%d" % (1 + draw.below(40)) if draw.random() < 0.9 else draw.one_of([b"0", b"-1", b"1000000", b"9223372036854775807"] + NO_INTEGERS)


CENTER = one_of(["FROMLONLAT", any_place], ["FROMLONLAT", near], ["FROMMEMBER", member], ["fromlonlat", near], ["FromMember", member])
SHAPE = one_of(["BYRADIUS", length, unit], ["BYRADIUS", long_one, "m"], ["BYRADIUS", long_one, "m"], ["byradius", length, unit],
               ["BYBOX", length, length, unit], ["BYBOX", long_one, long_one, "m"], ["bybox", long_one, length, unit])
COUNT = maybe(0.45, one_of("COUNT", "count"), count, maybe(0.35, one_of("ANY", "any")))
ORDER = maybe(0.5, one_of("ASC", "DESC", "asc"))
WITH = [maybe(0.3, one_of("WITHCOORD", "withcoord")), maybe(0.3, "WITHDIST"), maybe(0.3, "WITHHASH")]
JUNK = maybe(0.02, one_of("FOO", "", "ANY", "COUNT", "STORE", "STOREDIST", "FROMMEMBER", "BYRADIUS", "BYBOX", "FROMLONLAT", "WITHDIST"))
ASKED = shuffled([CENTER], [SHAPE], [COUNT], [ORDER], *[[one] for one in WITH], [JUNK])
STORED = shuffled([CENTER], [SHAPE], [COUNT], [ORDER], [maybe(0.3, one_of("STOREDIST", "storedist"))], [JUNK], [maybe(0.02, "WITHDIST")])
TOO_MUCH = shuffled([CENTER], [maybe(0.5, CENTER)], [SHAPE], [maybe(0.5, SHAPE)], [COUNT], [ORDER])
OLD = shuffled([COUNT], [ORDER], *[[one] for one in WITH], [JUNK], [maybe(0.03, "STORE", plan)], [maybe(0.03, "STOREDIST", plan)])
OLD_RO = shuffled([COUNT], [ORDER], *[[one] for one in WITH], [JUNK])
OLD_STORED = shuffled([COUNT], [ORDER], [one_of(["STORE", plan], ["STOREDIST", plan], ["storedist", plan])], [JUNK])
ADD_OPTIONS = shuffled([maybe(0.15, one_of("NX", "nx"))], [maybe(0.15, "XX")], [maybe(0.25, one_of("CH", "ch"))], [maybe(0.02, "GT")])
NAMES = ["GEOADD", "GEOPOS", "GEODIST", "GEOHASH", "GEOSEARCH", "GEOSEARCHSTORE", "GEORADIUS", "GEORADIUS_RO", "GEORADIUSBYMEMBER",
         "GEORADIUSBYMEMBER_RO"]

ROWS = [
    row(20, "GEOADD", plan, ADD_OPTIONS, some(1, 5, any_place, member)),
    row(30, "GEOADD", plan, some(1, 10, place, member)),
    row(20, "GEOADD", crowd, some(20, 60, place, wide_member)),
    row(2, "ZADD", plan, one_of(*ODD_SCORES), member),
    row(8, "GEOPOS", plan, some(0, 4, member)),
    row(4, "GEOPOS", crowd, some(1, 8, wide_member)),
    row(6, "GEOHASH", plan, some(0, 4, member)),
    row(2, "GEOHASH", crowd, some(1, 8, wide_member)),
    row(10, "GEODIST", plan, member, member, maybe(0.5, unit)),
    row(6, "GEODIST", crowd, wide_member, wide_member, maybe(0.5, unit)),
    row(30, "GEOSEARCH", plan, ASKED, whole=True),
    row(20, "GEOSEARCH", crowd, ASKED),
    row(3, "GEOSEARCH", plan, TOO_MUCH),
    row(12, "GEOSEARCHSTORE", plan, one_of(plan, crowd), STORED),
    row(8, "GEORADIUS", one_of(plan, crowd), any_place, length, unit, OLD),
    row(6, "GEORADIUS", one_of(plan, crowd), near, long_one, "m", OLD),
    row(4, "GEORADIUS", one_of(plan, crowd), near, long_one, "m", OLD_STORED),
    row(5, "GEORADIUS_RO", one_of(plan, crowd), near, long_one, unit, OLD_RO),
    row(8, "GEORADIUSBYMEMBER", one_of(plan, crowd), member, long_one, unit, OLD),
    row(4, "GEORADIUSBYMEMBER", one_of(plan, crowd), member, long_one, "m", OLD_STORED),
    row(5, "GEORADIUSBYMEMBER_RO", one_of(plan, crowd), member, length, unit, OLD_RO),
    row(3, "ZREM", plan, some(1, 4, member)),
    row(2, "ZSCORE", plan, member),
    row(2, "ZRANGE", plan, "0", "-1", "WITHSCORES"),
    row(2, "OBJECT ENCODING", one_of(plan, crowd)),
    row(2, "EXPIRE", plan, seconds, timed=True),
    row(3, "DEL", plan),
    row(0.2, "DEL", crowd),
    row(1, "SET", key, value),
    row(1, "COMMAND GETKEYS", one_of(["GEOADD", plan, "1", "2", "m"], ["GEOSEARCHSTORE", plan, plan, "x", "x", "x", "x", "x"],
                                     ["GEORADIUS", plan, "1", "2", "3", "m", maybe(0.5, "STORE", plan), maybe(0.5, "STOREDIST", plan)],
                                     ["GEORADIUSBYMEMBER", plan, "m", "3", "m", maybe(0.5, "STOREDIST", plan), maybe(0.5, "STORE", plan)],
                                     ["GEORADIUS_RO", plan, "1", "2", "3", "m", "STORE", plan]), whole=True),
    row(1, "COMMAND GETKEYSANDFLAGS", one_of(["GEORADIUS", plan, "1", "2", "3", "m", maybe(0.5, "STORE", plan), maybe(0.5, "STOREDIST", plan)],
                                             ["GEOSEARCHSTORE", plan, plan, "x", "x", "x", "x", "x"]), whole=True),
] + [row(0.2, name, some(0, 3, plan)) for name in NAMES]


def look(pair, draw):
    """Whoever is found is near enough: a search of everything tells each member once, on both servers."""
    name = crowd(draw)
    words = [b"GEOSEARCH", name, b"FROMLONLAT", b"%.4f" % (draw.random() * 360 - 180), b"%.4f" % (draw.random() * 170 - 85),
             b"BYRADIUS", b"20100", b"km", b"ASC"]
    answers = [state.ask(pair, side, words) for side in (0, 1)]
    if answers[0] != answers[1]:
        raise state.Mismatch(draw.db, name, "%r differs" % words, [words])


LOOKS = [look]
