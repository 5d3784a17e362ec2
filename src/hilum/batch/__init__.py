"""Many cases: mappers over one function."""
