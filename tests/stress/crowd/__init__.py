"""The cases of clients.py, by subject. A case is a function of (command, options) that starts its own server."""
