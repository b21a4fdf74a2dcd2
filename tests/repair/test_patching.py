# ruff: noqa: E501
"""Patches: bytes outside of the change, composition and conflicts, diffs that git applies."""

from __future__ import annotations

import subprocess
from pathlib import Path
from types import SimpleNamespace

import pytest
from dlfix.repair.edits import EDITS
from dlfix.repair.patch import Applicability, EditContext, EditRequest, Patch
from dlfix.repair.patching import EditConflict, EditNotApplicable, SourceFiles, compose, make_patch, patch_bytes
from edit_testing import request
from facts_from_source import fit_from_source

SCRIPT = '''"""Trains."""
# Zürich: größe, naïve – façade
from keras import layers, models
import numpy as np

X = np.ones((4, 2))  # données
if True:
\ty = X[:, 0] ;  z = 3
model = models.Sequential([
\tlayers.Dense(8,   input_shape=(2,), activation="relu"),   # première

\tlayers.Dense(1, activation = "relu"),
])
model.compile(optimizer="sgd", loss="mse")
model.fit(X, y, epochs=3)
print("é", model.predict(X))'''

#: (edit, layer, parameters): one of each kind of change: replaced, added, inserted lines, imports
EDITS_TO_TRY = [
    ("set-activation", 1, {"activation": "sigmoid"}),
    ("set-units", 0, {"units": 32}),
    ("set-loss", None, {"loss": "binary_crossentropy", "from_logits": True}),
    ("set-learning-rate", None, {"learning_rate": 0.5}),
    ("insert-layer", 0, {"position": "after", "layer": "BatchNormalization"}),
    ("remove-layer", 0, {}),
    ("scale-inputs", None, {"method": "standardize"}),
    ("scale-inputs", None, {"method": "normalization-layer"}),
    ("scale-targets", None, {}),
]

FORMS = {
    "utf-8": lambda text: text.encode(),
    "crlf": lambda text: text.replace("\n", "\r\n").encode(),
    "cr": lambda text: text.replace("\n", "\r").encode(),
    "bom": lambda text: b"\xef\xbb\xbf" + text.encode(),
    "bom and crlf": lambda text: b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode(),
    "latin-1": lambda text: ("# -*- coding: latin-1 -*-\n" + text.replace("–", "-")).encode("latin-1"),
    "no newline at the end": lambda text: text.rstrip("\n").encode(),
    "form feed": lambda text: text.replace("import numpy", "\f\nimport numpy").encode(),
    "mixed line ends": lambda text: text.replace("\nX = ", "\r\nX = ").encode(),
}


def decoded(data: bytes) -> str:
    return data.decode("latin-1" if b"latin-1" in data else "utf-8-sig")


def make(data: bytes, edit: str, layer: int | None, parameters: dict) -> tuple[Patch, SourceFiles]:
    import numpy as np

    facts = {"x": np.ones((4, 2)), "y": np.ones(4)}
    fit = fit_from_source(decoded(data), **facts)
    sources = SourceFiles.from_texts({"train.py": data})
    return make_patch([EditRequest(edit, parameters, EditContext(fit, layer, "train.py"))], sources, title="t"), sources


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("case", EDITS_TO_TRY, ids=lambda case: f"{case[0]}-{'-'.join(map(str, case[2].values()))}")
def test_bytes_outside_of_the_change_stay(form: str, case: tuple) -> None:
    before = FORMS[form](SCRIPT)
    patch, _ = make(before, *case)
    after = patch.files[0].after
    ends = {b"\r\n": before.count(b"\r\n"), b"\r": before.count(b"\r"), b"\n": before.count(b"\n")}
    if form in {"crlf", "bom and crlf"}:
        assert after.count(b"\n") == after.count(b"\r\n") == after.count(b"\r")
    elif form == "cr":
        assert b"\n" not in after
    elif ends[b"\r"] == 0:
        assert b"\r" not in after
    assert after.startswith(b"\xef\xbb\xbf") == before.startswith(b"\xef\xbb\xbf")
    # Lines that the edit has no reason to touch are there as they were, in order.
    import difflib

    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    kept = sum(block.size for block in difflib.SequenceMatcher(None, old, new, autojunk=False).get_matching_blocks())
    assert kept >= len(old) - 4
    compile(after, "train.py", "exec")


def test_patch_files_apply_with_git(tmp_path: Path) -> None:
    for form in ("utf-8", "crlf", "bom", "latin-1", "no newline at the end", "mixed line ends", "form feed"):
        for number, case in enumerate(EDITS_TO_TRY):
            before = FORMS[form](SCRIPT)
            patch, _ = make(before, *case)
            folder = tmp_path / f"{form} {number}"
            folder.mkdir()
            (folder / "train.py").write_bytes(before)
            (folder / "1.patch").write_bytes(patch_bytes(patch))
            outcome = subprocess.run(  # noqa: PLW1510
                ["git", "-c", "core.autocrlf=false", "apply", "--whitespace=nowarn", "1.patch"],
                cwd=folder,
                capture_output=True,
                text=True,
                env={"GIT_CEILING_DIRECTORIES": str(tmp_path), "PATH": "/usr/bin:/bin:/usr/local/bin"},
            )
            assert outcome.returncode == 0, (form, case, outcome.stderr)
            assert (folder / "train.py").read_bytes() == patch.files[0].after, (form, case)


def req(edit: str, layer: int | None = None, /, **parameters) -> EditRequest:
    return request(edit, SCRIPT, layer, {"x": __import__("numpy").ones((4, 2))}, **parameters)


def patched(*requests: EditRequest) -> str:
    sources = SourceFiles.from_texts({"train.py": SCRIPT})
    return make_patch(requests, sources, title="t").files[0].after.decode()


def test_composition_is_the_union() -> None:
    after = patched(
        req("set-activation", 1, activation="sigmoid"),
        req("set-units", 1, units=3),
        req("set-loss", loss="binary_crossentropy"),
        req("set-optimizer-argument", name="clipnorm", value=1.0),
        req("insert-layer", 0, position="after", layer="BatchNormalization"),
        req("insert-layer", 0, position="after", layer="Dropout", arguments={"rate": 0.5}),
        req("set-argument", target="fit", name="epochs", value=30),
    )
    assert 'layers.Dense(3, activation = "sigmoid")' in after
    assert "première\n\tlayers.BatchNormalization(),\n\tlayers.Dropout(0.5),\n" in after
    assert 'optimizer=SGD(clipnorm=1.0), loss="binary_crossentropy"' in after
    assert after.count("from keras.optimizers import SGD\n") == 1
    assert "epochs=30" in after


def test_arguments_added_to_an_empty_call() -> None:
    text = "import keras\nm.add(keras.layers.BatchNormalization())\nm.compile(keras.optimizers.Adam())\nm.fit(X, y)\n"
    requests = [
        request("set-learning-rate", text, learning_rate=0.5),
        request("set-optimizer-argument", text, name="clipnorm", value=1.0),
    ]
    patch = make_patch(requests, SourceFiles.from_texts({"train.py": text}), title="t")
    assert b"Adam(learning_rate=0.5, clipnorm=1.0)" in patch.files[0].after


def test_the_same_import_is_added_once() -> None:
    text = "from keras.layers import Dense\nm.add(Dense(4))\nm.add(Dense(4))\nm.add(Dense(1))\nm.compile('sgd')\nm.fit(X, y)\n"
    requests = [request("insert-layer", text, i, position="after", layer="BatchNormalization") for i in (0, 1)]
    after = make_patch(requests, SourceFiles.from_texts({"train.py": text}), title="t").files[0].after.decode()
    assert after.startswith("from keras.layers import Dense, BatchNormalization\n")
    assert after.count("m.add(BatchNormalization())\n") == 2


def test_conflicts_name_both() -> None:
    with pytest.raises(
        EditConflict, match=r"set-activation\(activation='tanh'\).*set-activation\(activation='sigmoid'\)"
    ):
        patched(req("set-activation", 1, activation="tanh"), req("set-activation", 1, activation="sigmoid"))
    with pytest.raises(EditConflict, match=r"both change the same code at train\.py:10"):
        patched(req("set-units", 0, units=3), req("replace-layer", 0, layer="Dropout", arguments={"rate": 0.1}))


def test_what_is_done_already_does_not_stop_the_rest() -> None:
    after = patched(req("set-activation", 1, activation="relu"), req("set-units", 1, units=5))
    assert 'layers.Dense(5, activation = "relu")' in after
    with pytest.raises(EditNotApplicable, match="already"):
        patched(req("set-activation", 1, activation="relu"))


def test_keys_are_stable_and_tell_changes_apart() -> None:
    sources = SourceFiles.from_texts({"train.py": SCRIPT})
    one = make_patch([req("set-units", 1, units=5)], sources, title="a", support=0.4)
    same = make_patch([req("set-units", 1, units=5)], sources, title="b")
    other = make_patch([req("set-units", 1, units=6)], sources, title="a", support=0.5)
    assert one.key == same.key != other.key
    both = compose([one, make_patch([req("set-loss", loss="mae")], sources, title="Use mae", support=0.5)], sources)
    assert both.title == "a; use mae"
    assert both.support == pytest.approx(0.2)
    assert [record.after for record in both.edits] == ["5", '"mean_absolute_error"']
    assert both.applicability is Applicability.SAFE
    assert make_patch([req("scale-inputs", method="divide")], sources, title="a").applicability is Applicability.REVIEW


def test_diff_as_shown() -> None:
    sources = SourceFiles.from_texts({"train.py": SCRIPT})
    diff = make_patch([req("set-argument", target="fit", name="epochs", value=30)], sources, title="t").diff
    assert diff.startswith("--- a/train.py\n+++ b/train.py\n@@ ")
    assert "-model.fit(X, y, epochs=3)\n+model.fit(X, y, epochs=30)\n" in diff
    assert diff.endswith("\\ No newline at end of file\n")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"m.fit(\n" + b"\n" * 40, "cannot be parsed"),
        (b"x = '\xff'\n", "cannot be decoded"),
        (b"# coding: martian\nx = 1\n", "cannot be decoded"),
    ],
)
def test_unreadable_sources_say_why(data: bytes, message: str) -> None:
    with pytest.raises(EditNotApplicable, match=message):
        make_patch([req("set-loss", loss="mae")], SourceFiles.from_texts({"train.py": data}), title="t")


def test_missing_and_outside_files(tmp_path: Path) -> None:
    with pytest.raises(EditNotApplicable, match="cannot be read"):
        SourceFiles.read(tmp_path, ["gone.py"])
    with pytest.raises(EditNotApplicable, match="outside of the project"):
        SourceFiles.read(tmp_path, ["../up.py"])


def test_a_stale_span_is_noticed() -> None:
    sources = SourceFiles.from_texts({"train.py": "x = 1\n"})
    with pytest.raises(EditNotApplicable, match="changed since it was run"):
        make_patch([req("set-loss", loss="mae")], sources, title="t")


def test_every_edit_describes_itself() -> None:
    for name, edit in EDITS.items():
        assert name == edit.id
        assert edit.summary.endswith(".")
        assert edit.parameters or name in ("remove-layer", "match-scaling", "rows-first", "shuffle-rows")
    planned = (
        "set-activation set-units set-argument remove-argument set-loss set-optimizer set-learning-rate "
        "set-optimizer-argument insert-layer replace-layer remove-layer scale-inputs scale-targets encode-labels clean-data "
        "encode-inputs match-scaling rows-first shuffle-rows add-comment"
    )
    assert sorted(planned.split()) == sorted(EDITS)


def test_a_bug_in_an_edit_costs_only_that_edit() -> None:
    broken = EditRequest("set-units", {"units": 3}, EditContext(fit=None, layer=0, script="train.py"))
    with pytest.raises(EditNotApplicable, match="set-units failed by a bug in dlfix"):
        make_patch([broken], SourceFiles.from_texts({"train.py": SCRIPT}), title="t")


def test_requests_of_two_trainings_are_told_apart_without_comparing_their_arrays() -> None:
    """Trainings in a loop agree in all but their statistics, and arrays have no single truth value."""
    import numpy as np

    fits = [SimpleNamespace(losses=np.zeros(2)) for _ in range(2)]
    first, second = (EditRequest("set-loss", {"loss": "mse"}, EditContext(fit, 0, "train.py")) for fit in fits)
    assert first != second
    assert first == EditRequest("set-loss", {"loss": "mse"}, EditContext(fits[0], 0, "train.py"))
    assert first.context != "train.py"
