"""Pages from templates."""

from __future__ import annotations

import jinja2
import pytest

from hilum.writers.templates import template_environment


def test_what_is_put_in_is_escaped() -> None:
    page = template_environment().from_string("<p>{{ name }}</p>")
    assert page.render(name="<b>a & b</b>") == "<p>&lt;b&gt;a &amp; b&lt;/b&gt;</p>"


def test_a_name_without_a_value_is_an_error_and_one_with_a_value_is_none() -> None:
    page = template_environment().from_string("{{ name }}")
    assert page.render(name="") == ""
    with pytest.raises(jinja2.UndefinedError, match="name"):
        page.render(nmae="film")


def test_templates_are_loaded_by_name_with_the_filters_that_were_given() -> None:
    texts = {"page": "{% include 'part' %}!\n", "part": "{{ word | loud }}"}
    environment = template_environment(texts.__getitem__, filters={"loud": str.upper})
    assert environment.get_template("page").render(word="film") == "FILM!"
