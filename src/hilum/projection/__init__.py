"""Films of CT: rays through the patient, and masks through the same rays."""

from .film import Projection, project

__all__ = ["Projection", "project"]
