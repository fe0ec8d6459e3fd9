"""The report as one page."""

from __future__ import annotations

import re
from dataclasses import replace
from html import unescape
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from cliffguard.core.reviews import Outcome
from cliffguard.report.html import render_html
from tests.report import samples

NAMES = ["failed", "passed", "inconclusive", "not_measured"]
VOID = {"meta", "link", "br", "wbr", "img", "input"}


class Reader(HTMLParser):
    """Collects tags, attributes and ids, and checks that elements are closed in order."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str | None]] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element."""
        self.tags.append(tag)
        self.attributes += attrs
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element without content."""
        self.tags.append(tag)
        self.attributes += attrs

    def handle_endtag(self, tag: str) -> None:
        """Close the element that was opened last."""
        assert self.open.pop() == tag


@pytest.fixture(scope="module")
def page() -> str:
    """The page of a failed review."""
    return render_html(samples.failed())


@pytest.fixture(scope="module")
def attacked() -> str:
    """The page of a review whose every text is hostile."""
    return render_html(samples.hostile())


def test_same_bytes_twice(page: str) -> None:
    """The same review gives the same bytes, figures included."""
    assert render_html(samples.failed()) == page


@pytest.mark.parametrize("name", NAMES)
def test_elements_are_closed(name: str) -> None:
    """Every element is closed, in order."""
    assert Reader(render_html(getattr(samples, name)())).open == []


def test_parts_stand_in_order(page: str) -> None:
    """Verdict, capabilities, what broke and where, what stands beside it, and so on to the key."""
    heads = re.findall(r"<h[12][^>]*>([^<]+)</h[12]>", page)

    assert heads == [
        samples.failed().verdict.sentence,
        "What next",
        "Capabilities",
        "Items that broke",
        "Ladders: where it falls",
        "By class",
        "Distance from the fine-tuning data",
        "Behaviour, beside the verdict",
        "Caveats",
        "How to reproduce",
        "How to read this",
    ]


def test_the_outcome_and_its_code_are_shown(page: str) -> None:
    """The first words are the outcome and the exit code."""
    assert re.search(r"✗ FAIL<span class=\"exit\">exit code 10</span>", page)


def test_nothing_is_fetched(page: str) -> None:
    """The only address on the page is the name of SVG."""
    assert set(re.findall(r"https?://[^\s\"'<>)]+", page)) == {"http://www.w3.org/2000/svg"}


def test_nothing_runs(page: str) -> None:
    """There is no handler of events, and no script but the data of the items and the page's."""
    reader = Reader(page)

    assert reader.tags.count("script") == 2
    assert [name for name, _ in reader.attributes if name.startswith("on")] == []


def test_the_policy_of_the_page_forbids_all_else(page: str) -> None:
    """The browser is told to load nothing, and of styles and scripts to take the page's alone."""
    head = r'<meta http-equiv="Content-Security-Policy" content="(.*?)">'
    digests = r"'sha256-[A-Za-z0-9+/]{43}='"
    policy = (
        rf"default-src 'none'; img-src data:; style-src {digests}; script-src {digests}; "
        "base-uri 'none'; form-action 'none'"
    )

    (content,) = re.findall(head, page)
    assert re.fullmatch(policy, unescape(content))
    assert not re.search(r"\s(style|on\w+)=", re.sub(r">[^<]*<", "><", page))


def test_ids_are_unique(page: str) -> None:
    """Two figures on one page do not share an id."""
    ids = [value for name, value in Reader(page).attributes if name == "id"]

    assert len(ids) == len(set(ids))


def test_references_have_their_id(page: str) -> None:
    """What a figure refers to is on the page."""
    ids = set(re.findall(r' id="([^"]+)"', page))
    references = re.findall(r'href="#([^"]+)"|url\(#([^)]+)\)|aria-describedby="([^"]+)"', page)

    assert references
    assert {a or b or c for a, b, c in references} <= ids


def test_every_svg_is_xml(page: str) -> None:
    """Each figure parses on its own, has a role, a name and, but for bars, a description."""
    figures = re.findall(r"<svg.*?</svg>", page, flags=re.DOTALL)
    roots = [ElementTree.fromstring(figure) for figure in figures]

    assert len(roots) == 3 + 5
    assert all(root.attrib["role"] == "img" and root.attrib["aria-label"] for root in roots)
    for root in roots[5:]:
        assert [child.tag.rpartition("}")[2] for child in root[:2]] == ["title", "desc"]


def test_scripts_do_not_survive(attacked: str) -> None:
    """Hostile text is text."""
    reader = Reader(attacked)

    assert reader.open == []
    assert "img" not in reader.tags
    assert reader.tags.count("script") == 2  # the page's data and its program


def test_terminal_sequences_do_not_survive(attacked: str) -> None:
    """No control or direction character is left."""
    assert not set(attacked) & set("\x00\x07\x08\x1b\u202e\u202c\ufffe")


def test_long_texts_are_cut(attacked: str) -> None:
    """A long answer shows both ends, and the mark of what is left out between them."""
    assert " […] " in attacked


def test_a_page_without_any_finding() -> None:
    """A verdict about nothing is still a page."""
    review = samples.inconclusive()
    review = replace(
        review,
        comparison=replace(review.comparison, capabilities=()),
        verdict=replace(review.verdict, findings=()),
    )

    text = render_html(review)

    assert "No capability was judged." in text
    assert "<svg" not in text


def test_what_the_policy_does_not_demand_is_reported() -> None:
    """The gain of a target is shown where the policy demands none."""
    passed = samples.passed()
    first, *rest = passed.verdict.findings
    findings = (replace(first, role="monitored", margin=0.05), *rest)
    text = render_html(replace(passed, verdict=replace(passed.verdict, findings=findings)))

    assert "nothing is demanded of it" in text


def test_parts_and_what_does_not_count() -> None:
    """Parts have a section; what does not count says so beside its word, on a phone too."""
    page = render_html(samples.causes())

    assert page.index(">Parts</h2>") < page.index(">Items that broke</h2>")
    assert page.count("a loss is proven") == 1
    assert "– NOT_MEASURED</span><small>does not count</small>" in page


def test_backticks_of_a_name_are_no_code() -> None:
    """They stay where they are, and a command of ours beside them is code."""
    row = samples.measured(
        "a `b` c", n_items=60, n_right_base=50, n_broken=40, n_fixed=2, p_drop=0.001
    )
    finding = samples.finding(row, Outcome.REGRESSED, "see a `b` c; run `cliffguard flips`")

    page = render_html(samples.review(Outcome.FAIL, "a `b` c regressed.", [(row, finding)]))

    assert "<h1>a `b` c regressed.</h1>" in page
    assert "see a `b` c; run <code>cliffguard flips</code>" in page
    assert "<code>b</code>" not in page


def test_a_flag_is_one_word() -> None:
    """A browser breaks a line after any hyphen, as in the two of --choose."""
    page = render_html(samples.review(Outcome.PASS, "judge with --choose, or a--b.", []))

    assert 'judge with <span class="flag">--choose</span>, or a--b.' in page
