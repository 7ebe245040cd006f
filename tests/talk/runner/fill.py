"""Writing the replies of a server into a conversation file, where a reply stands as `?`."""

import re

from . import script

WIDTH = 118
COLUMN = 52


def fill(path, replies):
    """Replaces each `?` of the file for which replies holds (path, line) -> text; lines the replies up."""
    with open(path, encoding="utf-8") as file:
        lines = file.read().split("\n")
    for (where, number), reply in replies.items():
        if where != str(path):
            continue
        text = lines[number - 1].rstrip()
        marks = list(script.REPLY_MARK.finditer(text))
        if not text.endswith("?") or (not marks and not text.lstrip().startswith("a<")):
            continue
        mark = marks[-1]
        said, name = text[:mark.start()], mark.group("conn")
        if not said.strip():                # the reply already has a line of its own
            lines[number - 1] = "%s%s< %s" % (mark.group(0)[:-len(mark.group(0).lstrip())], name, reply)
        elif len(said.ljust(COLUMN)) + len(reply) + 6 <= WIDTH:
            lines[number - 1] = "%s  %s< %s" % (said.ljust(COLUMN), name, reply)
        else:
            lines[number - 1] = "%s\n    %s< %s" % (said, name, reply)
    with open(path, "w", encoding="utf-8") as file:
        file.write("\n".join(lined_up(line) for line in lines))


def lined_up(line):
    """The line with its reply in the column where the others stand, when there is room."""
    marks = list(script.REPLY_MARK.finditer(line))
    if not re.match(r"\s*[a-z]\w*(>|\|) ", line) or len(marks) != 1:
        return line
    said = line[:marks[0].start()]
    if not said.strip() or len(said) > COLUMN:
        return line
    return "%s  %s" % (said.ljust(COLUMN), marks[0].group(0).lstrip() + line[marks[0].end():])
