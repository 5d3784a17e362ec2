"""Pages from templates: what is put in is escaped, and a name that nothing was given for is an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import jinja2


def template_environment(
    load: Callable[[str], str] | None = None, *, filters: dict[str, Callable[[Any], Any]] | None = None
) -> jinja2.Environment:
    """An environment of jinja2 for pages in HTML.

    Parameters
    ----------
    load : the text of a template by its name; None where templates are given as texts
    filters : by the name that templates call them by
    """
    import jinja2

    made = jinja2.Environment(
        loader=None if load is None else jinja2.FunctionLoader(load),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(filters or {})
    return made
