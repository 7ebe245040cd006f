"""Where coatcheck answers otherwise than redis-server on purpose. Everything else is a failure.

A row: the command as a glob over its words, what redis-server answers, what coatcheck answers (globs over the raw
bytes), and the reason, which the docs repeat.
"""

ROWS = [
]
