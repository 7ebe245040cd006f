"""Keys of the other types, so that every family meets the wrong type. Left out until both servers have the command;
they join whichever families are compared."""

from .engine.draw import key, row, some, value

ROWS = [
    row(4, "RPUSH", key, some(1, 3, value), needs=("RPUSH",)),
    row(4, "SADD", key, some(1, 3, value), needs=("SADD",)),
    row(4, "HSET", key, "field", value, needs=("HSET",)),
    row(4, "ZADD", key, "1.5", value, needs=("ZADD",)),
]
