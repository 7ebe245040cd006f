"""The connection and the ways to say things: PING ECHO HELLO RESET CLIENT, unknown commands, wrong counts of arguments."""

from .engine.draw import integer, key, maybe, one_of, row, some, value

NAMES = ["GET", "SET", "SETNX", "SETEX", "PSETEX", "GETSET", "GETDEL", "GETEX", "MGET", "MSET", "MSETNX", "APPEND", "STRLEN",
         "SETRANGE", "GETRANGE", "SUBSTR", "LCS", "INCR", "DECR", "INCRBY", "DECRBY", "INCRBYFLOAT", "DEL", "UNLINK",
         "EXISTS", "TYPE", "EXPIRE", "PEXPIRE", "EXPIREAT", "PEXPIREAT", "TTL", "PTTL", "EXPIRETIME", "PEXPIRETIME",
         "PERSIST", "RENAME", "RENAMENX", "COPY", "MOVE", "TOUCH", "SCAN", "SELECT", "SWAPDB", "OBJECT", "MEMORY",
         "ECHO", "AUTH", "CLIENT", "CONFIG", "SLOWLOG", "LATENCY", "DEBUG"]
NO_COMMANDS = ["FOO", "PINGG", "GE", "", "get ", "set\r\nx", "\xff\xfe", "G\xe4T", "x" * 130, "HEL", "QUITT", "'", "\"", "1",
               "SETT", "two words", "\t"]


ROWS = [
    row(10, "PING", maybe(0.5, value)),
    row(1, "PING", some(2, 3, value)),
    row(10, "ECHO", value),
    row(2, "TIME"),
    row(3, "HELLO", one_of("2", "3"), maybe(0.2, "SETNAME", one_of("n1", "n2", ""))),
    row(3, "HELLO", one_of("1", "4", "x", "", "0", "-1", "3.0")),
    row(1, "HELLO", one_of("2", "3"), one_of(["FOO"], ["SETNAME"], ["AUTH", "default"], ["SETNAME", "bad name"],
                                             ["AUTH", "nobody", "x"], ["AUTH", "nobody", "x", "SETNAME", "n"])),
    row(1, "HELLO", one_of("2", "3"), "AUTH", "default", "any"),
    row(1, "HELLO"),
    row(2, "AUTH", some(0, 3, one_of("default", "x", ""))),
    row(3, "CLIENT SETNAME", one_of("n1", "worker-2", "", "two words", "\n", "caf\xe9", "~!")),
    row(3, "CLIENT GETNAME"),
    row(1, "CLIENT ID"),
    row(1, "CLIENT INFO"),
    row(1, "CLIENT NO-EVICT", one_of("ON", "OFF", "on", "x")),
    row(1, "CLIENT LIST", one_of(["TYPE", "pubsub"], ["TYPE", "foo"], ["ID", "abc"], ["FOO"], ["ID", "999999999"], ["TYPE"])),
    row(1, "CLIENT KILL", one_of(["ID", "999999999"], ["ID", "abc"], ["FOO", "x"], ["TYPE", "foo"], ["1.2.3.4:5"],
                                 ["ADDR", "1.2.3.4:5"], ["TYPE", "pubsub"], ["USER", "nobody"], ["SKIPME", "x", "ID", "1"]), whole=True),
    row(1, "CLIENT PAUSE", one_of("abc", "-1", "", ["0", "FOO"], ["1", "WRITE", "x"]), whole=True),
    row(1, "CLIENT REPLY", one_of("ON", "FOO", "on")),
    row(0.5, "CLIENT", one_of("FOO", "HELP", "", ["GETNAME", "x"], ["ID", "x"])),
    row(6, "GET", key),
    row(6, "SET", key, value),
    row(2, "CONFIG GET", one_of("databases", "tcp-keepalive", "nosuch", "data[b]ases", "timeout", ["timeout", "hz"],
                                "maxclients", "requirepass", "proto-max-bulk-len")),
    row(2, "CONFIG SET", one_of(["timeout", "abc"], ["nosuch", "1"], ["databases", "5"], ["timeout"], ["hz", "10", "timeout"],
                                ["timeout", "-1"], ["loglevel", "x"], ["timeout", "0", "timeout", "0"])),
    row(0.5, "CONFIG", one_of("FOO", ["RESETSTAT", "x"], "GET", "SET", "")),
    row(2, "COMMAND GETKEYS", one_of(["GET", key], ["MSET", some(1, 4, key, value)], ["PING", "x"], ["nosuch", "x"],
                                     ["SET", key, value, "EX", "5"], ["GET"], ["LCS", key, key], ["DEL", some(1, 4, key)],
                                     ["COPY", key, key], ["OBJECT", "ENCODING", key])),
    row(2, "COMMAND GETKEYSANDFLAGS", one_of(["GET", key], ["MSET", some(1, 4, key, value)], ["SET", key, value, "GET"],
                                             ["RENAME", key, key], ["DEL", key], ["APPEND", key, value])),
    row(1, "COMMAND", one_of("FOO", ["COUNT", "x"], ["INFO", "nosuch"], ["DOCS", "nosuch"], ["LIST", "FOO"],
                             ["LIST", "FILTERBY", "PATTERN", "nosuch*"], ["LIST", "FILTERBY", "ACLCAT", "nosuch"])),
    row(1, "SLOWLOG", one_of("FOO", ["GET", "abc"], ["GET", "-2"], ["LEN", "x"], ["RESET", "x"], "HELP")),
    row(1, "LATENCY", one_of("FOO", ["HISTORY", "nosuch"], ["GRAPH", "nosuch"], ["RESET", "nosuch"], "HELP",
                             ["HISTOGRAM", "nosuch"])),
    row(1, "MEMORY", one_of("FOO", "HELP", ["PURGE", "x"], ["USAGE"], ["DOCTOR", "x"])),
    row(1, "OBJECT", one_of("FOO", "HELP", ["ENCODING"], ["REFCOUNT", key, "x"])),
    row(1, "DEBUG", one_of("SLEEP", ["SLEEP", "0"], "HELP", ["OBJECT", key])),
    row(1, "SHUTDOWN", one_of("FOO", "ABORT", ["ABORT", "NOW"], ["SAVE", "NOSAVE"]), whole=True),
    row(1, "INFO", one_of("nosuch", "cluster", "modules")),
    row(0.5, "LOLWUT", "VERSION", "abc"),
] + [
    row(0.5, name, some(0, 6, one_of(key, integer))) for name in NO_COMMANDS
] + [
    row(0.2, name) for name in NAMES
]


def reset_and_back(draw):
    """RESET leaves the connection in database 0, where an owner's keys would meet those of others."""
    return [[b"RESET"], [b"SELECT", b"%d" % draw.db]]


SEQUENCES = [(2, reset_and_back)]
