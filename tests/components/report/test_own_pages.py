"""Parts of the report that are a user's: Markdown becomes HTML without scripts, and a function that fails is told."""

from __future__ import annotations

import pytest

from kerasline.components.report.own_pages import own_pages, show_pages

CODE = """
def table(figures):
    figures["metrics"]["accuracy"] = 0  # its own copy
    return "What <it> cost", "| a | b |\\n|---|---|\\n| 1 | 2 |\\n\\n[site](https://example.org)"
def script(figures):
    return "t", "<script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1))"
def single(figures): return "text"
def fails(figures): return figures["nothing"]
"""
FIGURES = {"metrics": {"accuracy": 0.9}}


def test_markdown_is_shown(own: str) -> None:
    pages = own_pages([f"{own}:table"], FIGURES)
    assert FIGURES["metrics"]["accuracy"] == 0.9
    (page,) = show_pages({"pages": pages})
    assert page["title"] == "What <it> cost", "the template escapes it"
    assert "<td>1</td>" in page["body"]
    assert '<a href="https://example.org">site</a>' in page["body"]


def test_html_is_text_and_scripts_are_no_links(own: str) -> None:
    (page,) = show_pages({"pages": own_pages([f"{own}:script"], FIGURES)})
    assert "&lt;script&gt;" in page["body"]
    assert "<script" not in page["body"] and "<img" not in page["body"] and "href" not in page["body"]


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("single", "to return a title and a text in Markdown, but it returned str"),
        ("fails", "raised KeyError in"),
        ("none", "has no function"),
    ],
)
def test_what_fails_is_told_in_its_place(own: str, function: str, said: str) -> None:
    (page,) = own_pages([f"{own}:{function}"], FIGURES)
    assert page["title"] == f"{own}:{function}"
    assert said in page["text"]
    assert page["text"].startswith("`report.pages")
    assert show_pages({}) == []
