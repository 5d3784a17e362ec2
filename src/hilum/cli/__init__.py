"""The ``hilum`` command: one module a subcommand, each with its ``command``."""
