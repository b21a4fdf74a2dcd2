from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from importlib import resources
from itertools import pairwise
from types import ModuleType

import pytest

from dlfix.result import Result
from dlfix.views.html import BYTES_AT_MOST, render_html

VOID = {"meta", "link", "br", "input", "hr", "img"}
RESOURCES = {"src", "srcset", "data", "action", "formaction", "poster", "background", "ping", "manifest"}


@dataclass
class Element:
    tag: str
    attributes: dict[str, str | None]
    text: str = ""
    children: list[Element] = field(default_factory=list)

    def all_text(self) -> str:
        return self.text + "".join(child.all_text() for child in self.children)


class Page(HTMLParser):
    """A strict reader: every element must be closed by its own end tag."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = text
        self.elements: list[Element] = []
        self.open: list[Element] = []
        self.feed(text)
        self.close()
        assert not self.open, [element.tag for element in self.open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"twice the same attribute in {tag}: {names}"
        element = Element(tag, dict(attrs))
        self.elements.append(element)
        if self.open:
            self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if tag not in VOID:
            self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open, f"stray </{tag}>"
        assert self.open[-1].tag == tag, f"</{tag}> closes <{self.open[-1].tag}>"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        if self.open:
            self.open[-1].text += data

    def all(self, tag: str) -> list[Element]:
        return [element for element in self.elements if element.tag == tag]


@pytest.fixture(scope="module")
def pages() -> dict[str, Page]:
    return {}


@pytest.fixture
def page(sample_name: str, sample: Result, pages: dict[str, Page]) -> Page:
    """The page of each sample, rendered and read once."""
    if sample_name not in pages:
        pages[sample_name] = Page(render_html(sample))
    return pages[sample_name]


def _headings(page: Page) -> list[tuple[int, str]]:
    return [
        (int(element.tag[1]), " ".join(element.all_text().split()))
        for element in page.elements
        if re.fullmatch("h[1-6]", element.tag)
    ]


def test_page_is_well_formed_and_accessible(page: Page) -> None:
    (root,) = page.all("html")
    assert root.attributes["lang"] == "en"
    assert len(page.all("h1")) == 1
    assert len(page.all("main")) == 1
    levels = [level for level, _ in _headings(page)]
    assert levels[0] == 1
    assert all(after - before <= 1 for before, after in pairwise(levels))
    identifiers = [element.attributes["id"] for element in page.elements if "id" in element.attributes]
    assert len(identifiers) == len(set(identifiers))
    for element in page.elements:
        for attribute in ("aria-labelledby", "aria-describedby", "data-copy"):
            for reference in (element.attributes.get(attribute) or "").split():
                assert reference in identifiers
        if element.tag in ("a", "use") and (element.attributes.get("href") or "").startswith("#"):
            assert (element.attributes["href"] or "")[1:] in identifiers
    assert page.all("title")[0].all_text().strip()
    skip = page.all("a")[0]
    assert skip.attributes["href"] == "#content"


def test_every_header_cell_has_a_scope(page: Page) -> None:
    for cell in page.all("th"):
        assert cell.attributes.get("scope") in ("col", "row")
    for table in page.all("table"):
        (head,) = (child for child in table.children if child.tag == "thead")
        (body,) = (child for child in table.children if child.tag == "tbody")
        width = len(head.children[0].children)
        assert {len(row.children) for row in body.children} <= {width}


def test_every_picture_says_what_it_shows(page: Page) -> None:
    for picture in page.all("svg"):
        if picture.attributes.get("role") == "img":
            assert [child.tag for child in picture.children[:2]] == ["title", "desc"]
            assert all(child.all_text().strip() for child in picture.children[:2])


def test_nothing_is_loaded_from_anywhere(page: Page) -> None:
    for element in page.elements:
        assert not RESOURCES & element.attributes.keys(), element
        assert not any(name.startswith("on") for name in element.attributes), element
        target = element.attributes.get("href")
        if target is not None:
            allowed = {"a": ("#", "https://", "http://"), "use": ("#",), "link": ("data:,",)}[element.tag]
            assert target.startswith(allowed)
    styles = "".join(element.text for element in page.all("style"))
    assert "url(" not in styles
    assert "@import" not in styles
    assert {element.tag for element in page.elements} & {"iframe", "object", "embed", "img", "base", "form"} == set()
    (policy,) = (m for m in page.all("meta") if m.attributes.get("http-equiv") == "Content-Security-Policy")
    assert "default-src 'none'" in (policy.attributes["content"] or "")


def test_text_of_the_script_stays_text(samples: ModuleType) -> None:
    text = render_html(samples.hostile())
    page = Page(text)  # would fail on any element that a name had opened
    scripts = page.all("script")
    assert [element.attributes.get("type") for element in scripts] == ["application/json", None]
    assert "alert(1)" not in scripts[1].text
    assert "<script>alert" not in text
    assert "{{ 7*7 }}" in text  # no template of a template
    assert not re.search("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e\u2066]", text)
    assert samples.HOSTILE in page.all("h1")[0].all_text()


def test_island_is_the_result(samples: ModuleType) -> None:
    for name in ("faulty", "hostile"):
        result = samples.SAMPLES[name]()
        (island,) = (e for e in Page(render_html(result)).all("script") if e.attributes.get("id") == "dlfix-result")
        document = json.loads(island.text)
        assert Result.model_validate(document).script == result.script
        assert len(document["suggestions"]) == len(result.suggestions)


def test_lone_surrogates_do_not_break_the_page(faulty: Result) -> None:
    text = render_html(faulty.model_copy(update={"script": "caf\udce9.py", "notes": ("\ud800",)}))
    assert "caf\ufffd.py" in text
    text.encode()


def test_size_is_bounded(page: Page) -> None:
    assert len(page.source.encode()) <= BYTES_AT_MOST


def test_detail_is_given_up_before_the_bound(samples: ModuleType) -> None:
    result = samples.huge(600)
    long_diff = "--- a/f.py\n+++ b/f.py\n@@ -1,3000 +1,3000 @@\n" + "".join(
        f"-old {i}\n+new {i}\n" for i in range(3000)
    )
    suggestions = tuple(entry.model_copy(update={"diff": long_diff}) for entry in result.suggestions)
    text = render_html(result.model_copy(update={"suggestions": suggestions}))
    assert len(text.encode()) <= BYTES_AT_MOST
    assert "more lines; see the whole with" in text
    assert "dlfix-result" not in text


def test_same_result_same_page(sample: Result, page: Page) -> None:
    assert render_html(sample) == page.source


def test_cards_are_offers_and_the_rest_is_listed(faulty: Result) -> None:
    page = Page(render_html(faulty))
    cards = page.all("article")
    assert len(cards) == 3
    text = " ".join(cards[0].all_text().split())
    for part in (
        "fixed",
        "train.py:12:45",
        "dlfix apply 1",
        "skill 0.01 → 0.96, gain +0.95",
        "so-31556268",
        "99 % of the units of layer 0 are never active",
    ):
        assert part in text
    assert "dlfix apply" not in cards[2].all_text()  # display-only
    whole = " ".join(page.all("body")[0].all_text().split())
    for part in (
        "no change",
        "worse",
        "failed",
        "killed: used more than 2.0 GB of memory",
        "the task is not regression",
    ):
        assert part in whole


def test_metrics_that_do_not_compare_are_said_so(faulty: Result) -> None:
    first, second, _ = (" ".join(card.all_text().split()) for card in Page(render_html(faulty)).all("article"))
    assert "cannot be compared: the patch changes the loss function" in first
    assert "val_accuracy, only after" in first
    assert "cannot be compared" not in second
    assert "val_accuracy, only after" not in second


def test_zero_is_not_no(faulty: Result) -> None:
    text = render_html(faulty.model_copy(update={"settings": {"seed": 0, "jobs": 1, "select": [], "validate": False}}))
    rows = re.findall(r'<th scope="row">(\w+)</th><td>([^<]*)</td>', text)
    assert {("seed", "0"), ("jobs", "1"), ("select", "none"), ("validate", "no")} <= set(rows)


def test_layers_and_faults_are_in_the_picture(samples: ModuleType) -> None:
    text = render_html(samples.faulty())
    page = Page(text)
    (graph,) = (e for e in page.all("svg") if e.attributes.get("class") == "graph")
    words = graph.all_text()
    for part in ("0 dense", "1 dense_1", "2 dense_2", "Dense, sigmoid, 10 units, 650 par.", "fault 1", "grad", "sat"):
        assert part in words
    assert text.count('class="node faulty"') == 2


@pytest.mark.parametrize("name", ["faulty", "healthy", "error", "empty", "huge"])
def test_golden_outline(name: str, samples: ModuleType, check_golden: Callable[[str, str], None]) -> None:
    page = Page(render_html(samples.SAMPLES[name]()))
    outline = "".join(f"{'#' * level} {text}\n" for level, text in _headings(page))
    check_golden(f"{name}.outline.md", outline)


# Contrast, by the formulas of WCAG 2.2.

TEXT_PAIRS = [
    *((ink, ground) for ink in ("ink", "muted", "accent") for ground in ("bg", "surface", "code-bg")),
    *((word, f"{word}-bg") for word in ("fixed", "improved", "same", "worse", "failed", "fault", "added", "removed")),
    ("fault", "surface"),
    ("muted", "fault-bg"),
    ("ink", "fault-bg"),
    ("surface", "ink"),
]
GRAPHIC_PAIRS = [
    (mark, ground)
    for mark in ("before", "after", "line-strong", "accent", "fault", "ink")
    for ground in ("bg", "surface")
] + [("after", "fault-bg")]


def _palettes() -> dict[str, dict[str, str]]:
    css = resources.files("dlfix.templates").joinpath("report.css").read_text("utf-8")
    blocks = re.findall(r":root\s*{([^}]*)}", css)
    palettes = [dict(re.findall(r"--([\w-]+):\s*(#[0-9a-f]{6})", block)) for block in blocks]
    return dict(zip(("light", "dark", "print"), palettes, strict=True))


def _luminance(colour: str) -> float:
    channels = (int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def _contrast(one: str, other: str) -> float:
    light, dark = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("theme", ["light", "dark", "print"])
def test_contrast(theme: str) -> None:
    palette = _palettes()[theme]
    assert palette.keys() == _palettes()["light"].keys()
    for pairs, least in ((TEXT_PAIRS, 4.5), (GRAPHIC_PAIRS, 3.0)):
        for ink, ground in pairs:
            contrast = _contrast(palette[ink], palette[ground])
            assert contrast >= least, f"{theme}: {ink} on {ground} has {contrast:.2f}"


def test_styles_name_no_colour_of_their_own() -> None:
    css = resources.files("dlfix.templates").joinpath("report.css").read_text("utf-8")
    rules = re.sub(r":root\s*{[^}]*}", "", css)
    assert not re.search(r"#[0-9a-fA-F]{3,8}\b|rgba?\(|hsl", rules)
