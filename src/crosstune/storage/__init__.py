"""Atomic files, tables, digests and locks: the only code that writes results."""
