import sys
import textwrap
from collections.abc import Callable
from pathlib import Path
from types import CodeType

import pytest
from dlfix.diagnose.probe.sites import SiteFinder, characters
from dlfix.diagnose.source import CallSite, SourceSpan

Run = Callable[..., list[CallSite | None]]


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Write files into a project, run the first, and return the site of every call of ``make``."""

    def run(source: str, encoding: str = "utf-8", **modules: str) -> list[CallSite | None]:
        script = tmp_path / "train.py"
        script.write_bytes(textwrap.dedent(source).encode(encoding))
        finder, found = SiteFinder(tmp_path, script), []

        def make(*_: object, **__: object) -> list[int]:
            found.append(finder.site(sys._getframe(1)))
            return [1]

        space = {"make": make, "__name__": "__main__"}
        for name, text in modules.items():
            path = tmp_path / f"{name}.py"
            path.write_text(textwrap.dedent(text))
            module = {"make": make, "__name__": name}
            exec(compile(path.read_bytes(), str(path), "exec"), module)
            space[name] = module
        exec(compile(script.read_bytes(), str(script), "exec"), space)
        return found

    return run


def text_of(path: Path, span: SourceSpan) -> str:
    lines = path.read_text().splitlines()[span.line - 1 : span.end_line]
    lines[-1] = lines[-1][: span.end_column - 1]
    lines[0] = lines[0][span.column - 1 :]
    return "\n".join(lines)


def test_exact_span_of_the_call(run: Run, tmp_path: Path) -> None:
    [site] = run("x = 1\ny = [make(1, 2), 3]\n")
    assert site == CallSite(SourceSpan("train.py", 2, 6, 2, 16))
    assert text_of(tmp_path / "train.py", site.span) == "make(1, 2)"


def test_columns_are_characters(run: Run, tmp_path: Path) -> None:
    [site] = run("größe = 'äöü'; z = make(größe)  # ü\n")
    assert site is not None
    assert text_of(tmp_path / "train.py", site.span) == "make(größe)"


def test_latin_1_source(run: Run) -> None:
    [site] = run("# -*- coding: latin-1 -*-\ng = 'äöü'; z = make(g)\n", "latin-1")
    assert site is not None
    assert (site.span.column, site.span.end_column) == (16, 23)


def test_tabs_count_once(run: Run) -> None:
    [site] = run("if True:\n\tmake(1)\n")
    assert site is not None
    assert site.span == SourceSpan("train.py", 2, 2, 2, 9)


def test_chained_method_over_lines(run: Run, tmp_path: Path) -> None:
    [site] = run(
        """
        class C:
            pass
        c = C()
        c.fit = make
        h = (c
             .fit(1,
                  epochs=2))
        """
    )
    assert site is not None
    assert text_of(tmp_path / "train.py", site.span).startswith("c\n")
    assert text_of(tmp_path / "train.py", site.span).endswith("epochs=2)")


def test_helper_function_keeps_its_callers(run: Run) -> None:
    sites = run(
        """
        def block(n):
            return make(n)
        def model():
            return [block(1), block(2)]
        model()
        """
    )
    assert [s.function for s in sites if s] == ["block", "block"]
    assert sites[0] is not None
    assert sites[1] is not None
    assert sites[0].span == sites[1].span
    assert [c.line for c in sites[0].callers] == [5, 6]
    assert sites[0].callers != sites[1].callers


def test_comprehension_is_no_caller(run: Run) -> None:
    sites = run("def f():\n    return [make(i) for i in range(2)]\nf()\n")
    assert len(sites) == 2
    for site in sites:
        assert site is not None
        assert site.function == "f"
        assert [c.line for c in site.callers] == [3]


def test_other_module_of_the_project(run: Run) -> None:
    [site] = run("\nnet['head'](3)\n", net="def head(n):\n    return make(n)\n")
    assert site is not None
    assert site.span.file == "net.py"
    assert [str(c) for c in site.callers] == ["train.py:2:1"]


def test_library_frames_are_skipped(tmp_path: Path) -> None:
    library = tmp_path / "venv" / "lib" / "site-packages" / "lib.py"
    library.parent.mkdir(parents=True)
    library.write_text("def call(f):\n    return f()\n")
    script = tmp_path / "train.py"
    script.write_text("call(make)\n")
    finder, found = SiteFinder(tmp_path, script), []
    space: dict[str, object] = {"__name__": "lib"}
    exec(compile(library.read_text(), str(library), "exec"), space)
    user = {"call": space["call"], "make": lambda: found.append(finder.site(sys._getframe(1))), "__name__": "__main__"}
    exec(compile(script.read_text(), str(script), "exec"), user)
    assert [str(s.span) for s in found if s] == ["train.py:1:1"]


def test_no_frame_of_the_user(tmp_path: Path) -> None:
    assert SiteFinder(tmp_path).site(sys._getframe()) is None


def test_code_without_columns_gives_its_line(tmp_path: Path) -> None:
    script = tmp_path / "train.py"
    script.write_text("x = 1\nmake()\n")
    finder, found = SiteFinder(tmp_path, script), []

    def make() -> None:
        found.append(finder.site(sys._getframe(1)))

    code = compile(script.read_text(), str(script), "exec")
    exec(without_columns(code), {"make": make, "__name__": "__main__"})
    assert [s.span for s in found if s] == [SourceSpan("train.py", 2, 1, 2, 7)]


def without_columns(code: CodeType) -> CodeType:
    """The same code with a line table that knows lines only, as ``-X no_debug_ranges`` makes it."""
    units = len(code.co_code) // 2
    table = bytearray()
    table += bytes([0x80 | (13 << 3) | 0, 0])  # one unit on the first line
    left, delta = units - 1, 2  # the rest one line below (signed: 1 << 1)
    while left > 0:
        count = min(left, 8)
        table += bytes([0x80 | (13 << 3) | (count - 1), delta])
        left, delta = left - count, 0
    return code.replace(co_linetable=bytes(table))


@pytest.mark.parametrize(("text", "offset", "expected"), [("abc", 2, 2), ("äbc", 3, 2), ("", 4, 4), ("😀x", 4, 1)])
def test_characters(text: str, offset: int, expected: int) -> None:
    assert characters(text, offset) == expected
