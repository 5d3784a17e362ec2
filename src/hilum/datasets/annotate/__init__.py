"""Masks made by networks for films that have none, marked as such, with a page to review them."""

from .page import write_review
from .run import MARK, Annotated, Annotator, annotate

__all__ = ["MARK", "Annotated", "Annotator", "annotate", "write_review"]
