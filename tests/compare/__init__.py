"""The seeded random comparer: one module a family, each a table of what may be said."""
