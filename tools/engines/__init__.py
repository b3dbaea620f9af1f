"""Beam's engines on one machine, for tests and for trying them: fetched once, started, and ended again."""
