"""Fitting the line of confidences to families that may be fitted to, on made outcomes."""

from __future__ import annotations

import json
from argparse import Namespace

import pytest

from benchmarks.injected import __main__ as command
from benchmarks.injected import fitting

FAMILIES = ("tables", "pictures", "texts")


def row(family, side, *named):
    return {"family": family, "side": side, "named": [{"raw": one, "right": right} for one, right in named]}


def document(share):
    """Faults said with 0.6, of which a share is right, in each of three families to fit to and one that is held out."""
    sides = [*((family, "fit") for family in FAMILIES), ("sounds", "held-out")]
    rows = [row(family, side, (0.6, place < share * 20)) for family, side in sides for place in range(20)]
    return {"variants": rows, "healthy": [row("tables", "fit")]}


def test_a_line_that_knows_better_ships():
    found = fitting.fit(document(0.9))
    assert found["ships"]
    assert found["named"] == 60
    line = fitting.Line(**found["line"])
    assert line(0.6) == pytest.approx(0.9, abs=0.05)
    assert found["left_out"]["fitted"]["expected_error"] < 0.05 < found["left_out"]["raw"]["expected_error"]
    assert found["held_out"]["fitted"]["number"] == 20


def test_what_is_held_out_has_no_say():
    usual = document(0.9)
    turned = {**usual, "variants": [one for one in usual["variants"] if one["side"] == "fit"]}
    turned["variants"] += [row("sounds", "held-out", (0.6, False)) for _ in range(500)]
    assert fitting.fit(turned)["line"] == fitting.fit(usual)["line"]
    assert fitting.fit(turned)["held_out"]["fitted"]["brier"] > 0.5


def test_one_that_does_not_help_families_left_out_stays_at_home():
    """Families that differ: a line that was fitted to two of them says too much or too little of the third."""
    contrary = [
        row(family, "fit", (0.7, place < share * 20))
        for family, share in (("tables", 0.45), ("pictures", 0.95), ("texts", 0.7))
        for place in range(20)
    ]
    assert not fitting.fit({"variants": contrary, "healthy": []})["ships"]


@pytest.mark.parametrize("share", [0.9, 0.6], ids=["ships", "stays"])
def test_the_command_writes_the_line_or_takes_it_away(share, monkeypatch, tmp_path):
    shipped = tmp_path / "confidence.json"
    shipped.write_text('{"intercept": 5, "slope": 1}')
    monkeypatch.setattr(command, "CONFIDENCE", shipped)
    monkeypatch.setattr(command, "_document", lambda _: document(share))
    command._fit(Namespace(output=tmp_path))
    found = json.loads((tmp_path / "fit.json").read_text())
    assert found["ships"] == shipped.exists() == (share == 0.9)
    if found["ships"]:
        assert json.loads(shipped.read_text()) == found["line"]
