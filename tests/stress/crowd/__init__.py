"""The cases of clients.py, by subject. A case is a function of (command, options) that starts its own server."""

import re
from pathlib import Path

from common import expect, servers

REPORTS = re.compile(r"ERROR: \w*Sanitizer|WARNING: ThreadSanitizer|runtime error:|SUMMARY: \w*Sanitizer")


class Served(servers.Server):
    """A server for one case: it must still be there at the end, end well, and no sanitizer may have complained."""

    def __exit__(self, kind, *rest):
        lived = self.alive()
        self.end_process()
        said, code = Path(self.log).read_text("utf-8", "replace"), self.process.returncode
        super().__exit__(kind, *rest)
        found = REPORTS.search(said)
        expect(not found, "a sanitizer has reported:\n%s", found and said[max(0, found.start() - 200):][:8000])
        expect(lived and code == 0, "the server ended with %s:\n%s", code, said[-2000:])
