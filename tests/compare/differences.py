"""Where coatcheck answers otherwise than redis-server on purpose. Everything else is a failure.

A row: the command as a glob over its words, what redis-server answers, what coatcheck answers (globs over the raw
bytes), and the reason, which the docs repeat. A glob that begins with "plain line: " is for plain lines only.
"""

ROWS = [
    ("plain line: *", "-ERR unknown command *", "-ERR unknown command * - did you mean '*'[?]\r\n",
     "a person who mistypes a command at telnet is told the nearest name"),
    ("CONFIG SET*LOGLEVEL*", "-ERR *one of the following: debug, verbose, notice, warning\r\n",
     "-ERR *one of the following: debug, verbose, notice, warning, nothing\r\n", "loglevel nothing came with Redis 7.2"),
    ("OBJECT REFCOUNT *", ":1\r\n", ":2147483647\r\n",
     "no number is shared: small ones are told as redis-server tells a shared one, and it does not share the copy that "
     "COPY makes"),
    ("OBJECT IDLETIME *", ":*\r\n", ":*\r\n",
     "use is noted for a group of up to seven keys, in units of eight seconds, so that what is told is a lower bound; "
     "redis-server notes it for each value, and for all small numbers of the same value together"),
    ("SORT*", "-ERR One or more scores can't be converted into double\r\n", "[*]*",
     "in redis-server a number that was out of a double's range, in any command before, makes SORT refuse good ones until "
     "a system call happens to fail; here each number is judged by itself"),
    ("EXEC", "[*]*-ERR One or more scores can't be converted into double*", "[*]*", "the same, in a transaction"),
    ("Z*RANK *", "-ERR wrong number of arguments for 'z*rank' command\r\n", "*",
     "WITHSCORE came with Redis 7.2, TIES is ours: words after the member are looked at"),
    ("COMMAND GETKEYS* PFMERGE *", "-ERR Invalid arguments specified for command\r\n", "*",
     "redis-server carries out PFMERGE of one key, but does not tell that it is one"),
    ("COMMAND GETKEYS* GEORADIUS* STORE * STORE *", "*", "*",
     "redis-server stores to the key behind the last STORE, and tells the one behind the first; here both are told"),
    ("COMMAND GETKEYS* GEORADIUS* STOREDIST * STOREDIST *", "*", "*", "the same"),
]
