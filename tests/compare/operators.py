"""What operators and libraries ask of a server: CONFIG COMMAND ACL SCRIPT FUNCTION WAIT MEMORY, mostly in odd words."""

from .engine.draw import integer, key, maybe, one_of, row, some, value

PARAMETERS = ["timeout", "tcp-keepalive", "maxclients", "protected-mode", "proto-max-bulk-len", "client-query-buffer-limit",
              "slowlog-log-slower-than", "slowlog-max-len", "latency-monitor-threshold", "latency-tracking",
              "active-expire-effort", "databases", "syslog-enabled", "latency-tracking-info-percentiles", "save", "appendonly",
              "maxmemory", "nosuch", "TIMEOUT", ""]
# What no option above takes: a value that is taken would change what the other connections see.
REFUSED = ["abc", "1x", "-9", "1.5", "", " ", "99999999999999999999", "0x10", "yess", "\n", "1 2 3 x"]
SOME_COMMANDS = [["GET", key], ["SET", key, value], ["SET", key, value, "GET"], ["SET", key], ["MSET", some(1, 5, key, value)],
                 ["MSET", key, value, key], ["DEL", some(0, 4, key)], ["RENAME", key, key], ["COPY", key, key, "REPLACE"],
                 ["LCS", key, key, "LEN"], ["GETEX", key, "PERSIST"], ["EXISTS", some(1, 4, key)], ["OBJECT", "FREQ", key],
                 ["MEMORY", "USAGE", key], ["EVAL", "x", one_of("0", "1", "2", "9", "-1", "x"), some(0, 4, key)], ["EVAL_RO", "x", "2", key, key, key],
                 ["EVALSHA", "x", "1", some(0, 3, key)], ["FCALL", "f", "0", some(0, 2, key)], ["SCAN", "0"], ["OBJECT"],
                 ["CONFIG", "GET", "x"], ["nosuch", key], ["OBJECT", "nosuch", key], ["INCRBYFLOAT", key, "1"]]

ROWS = [
    row(6, "CONFIG GET", some(1, 3, one_of(*PARAMETERS))),
    row(3, "CONFIG SET", some(1, 3, one_of(*PARAMETERS[:13], "nosuch"), one_of(*REFUSED)), whole=True),
    row(1, "CONFIG SET", "client-output-buffer-limit", one_of("x", "normal", "normal 1 2", "normal 1 2 x", "nosuch 1 2 3", "")),
    row(8, "COMMAND GETKEYS", one_of(*SOME_COMMANDS)),
    row(6, "COMMAND GETKEYSANDFLAGS", one_of(*SOME_COMMANDS)),
    row(3, "COMMAND INFO", some(1, 3, one_of("get", "SET", "nosuch", "config|get", "config|nosuch", "eval", "lcs", "object|freq",
                                            "memory|usage", "|", "get|", "|get", "role", "shutdown", "latency|histogram"))),
    row(1, "COMMAND DOCS", one_of("nosuch", "config|nosuch", "")),
    row(1, "COMMAND LIST", one_of(["FILTERBY"], ["FILTERBY", "PATTERN"], ["FILTERBY", "ACLCAT", "@read"],
                                  ["FILTERBY", "PATTERN", "get", "x"], ["FILTERBY", "MODULE", "x"])),
    row(2, "ACL", one_of("WHOAMI", "USERS", "CAT", ["CAT", "nosuch"], ["CAT", "@all"], ["CAT", "a", "b"], ["GENPASS", "0"],
                         ["GENPASS", "4097"], ["GENPASS", "x"], ["GENPASS", "-1"], "FOO", ["WHOAMI", "x"]), whole=True),
    row(2, "SCRIPT", one_of(["EXISTS", some(0, 3, key)], "FLUSH", ["FLUSH", "ASYNC"], ["FLUSH", "x"], ["FLUSH", "SYNC", "x"], "FOO")),
    row(1, "FUNCTION", one_of("FLUSH", ["FLUSH", "sync"], ["FLUSH", "x"], "FOO")),
    row(2, "WAIT", one_of("0", "-1", "x", ""), one_of("0", "-1", "x", "5"), whole=True),
    row(1, "ROLE", maybe(0.2, "x")),
    row(1, "MODULE", one_of("LIST", "FOO", ["LIST", "x"])),
    row(1, "CLUSTER", one_of("INFO", "SLOTS", ["KEYSLOT", key], "NODES", "MYID"), whole=True),
    row(0.5, "READONLY"),
    row(0.5, "READWRITE"),
    row(0.5, "ASKING"),
    row(1, "REPLICAOF", "NO", "ONE", whole=True),
    row(2, "MEMORY USAGE", "nosuch-key", maybe(0.5, one_of(["SAMPLES", integer], ["SAMPLES"], ["FOO", "1"],
                                                           ["SAMPLES", "0", "samples", "3"], ["SAMPLES", "1", "x"]))),
    row(1, "LATENCY", one_of(["RESET", "nosuch", "none"], ["GRAPH"], ["HISTORY"], ["HISTOGRAM", "nosuch"], ["LATEST", "x"])),
    row(1, "SLOWLOG", one_of(["GET", integer, "x"], ["GET", "-3"], ["LEN", "x"], ["FOO"])),
    row(1, "SHUTDOWN", one_of(["ABORT", "NOSAVE"], ["FOO"], ["NOSAVE", "SAVE"], ["NOW", "x"], "abort"), whole=True),
    row(1, "INFO", one_of("cluster", "modules", ["nosuch", "cluster"], "", ["modules", "CLUSTER"])),
    row(1, "BGSAVE", one_of("x", ["SCHEDULE", "x"]), whole=True),
    row(3, "SET", key, value),
]
