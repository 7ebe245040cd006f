"""Writing the replies of a server into a conversation file, where a reply stands as `?`."""

from . import script

WIDTH = 118
COLUMN = 52


def fill(path, replies):
    """Replaces each `?` of the file for which replies holds (path, line) -> text."""
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
        file.write("\n".join(lines))
