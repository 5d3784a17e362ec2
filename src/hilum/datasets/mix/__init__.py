"""Films of two origins in one set: real ones, and ones projected from CT, with masks of one convention."""

from .run import Mixed, MixSettings, mix

__all__ = ["MixSettings", "Mixed", "mix"]
