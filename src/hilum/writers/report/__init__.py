"""``report.html``: one page for people, with everything in it and nothing outside it."""

from .page import render_report, render_volume_report

__all__ = ["render_report", "render_volume_report"]
