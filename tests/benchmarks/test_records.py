"""Records are valid for exactly what they were made from, and survive several writers."""

from __future__ import annotations

import json
import threading

from benchmarks.run.records import Records, source_digest, stamp, text_digest

MADE_FROM = {"program": "abc", "tool": "123"}


def test_a_record_is_kept_for_the_next_process(tmp_path):
    Records(tmp_path / "results.json").put("plain a/buggy", MADE_FROM, {"seconds": 1.5})
    assert Records(tmp_path / "results.json").valid("plain a/buggy", MADE_FROM) == {"seconds": 1.5}


def test_a_record_of_another_program_or_tool_is_not_valid(tmp_path):
    records = Records(tmp_path / "results.json")
    records.put("plain a/buggy", MADE_FROM, {"seconds": 1.5})
    assert records.valid("plain a/buggy", {**MADE_FROM, "program": "abd"}) is None
    assert records.valid("plain a/buggy", {**MADE_FROM, "tool": "124"}) is None
    assert records.valid("plain b/buggy", MADE_FROM) is None


def test_again_takes_only_its_own_records(tmp_path):
    Records(tmp_path / "results.json").put("plain a/buggy", MADE_FROM, {"seconds": 1.5})
    again = Records(tmp_path / "results.json", again=True)
    assert again.valid("plain a/buggy", MADE_FROM) is None
    again.put("plain a/buggy", MADE_FROM, {"seconds": 2.0})
    assert again.valid("plain a/buggy", MADE_FROM) == {"seconds": 2.0}


def test_the_rest_of_the_document_stays(tmp_path):
    (tmp_path / "results.json").write_text('{"date": "2026-01-01", "records": {}}')
    Records(tmp_path / "results.json").put("plain a/buggy", MADE_FROM, {})
    document = json.loads((tmp_path / "results.json").read_text())
    assert document["date"] == "2026-01-01"
    assert list(document["records"]) == ["plain a/buggy"]


def test_writers_at_the_same_time_lose_nothing(tmp_path):
    def write(number):
        Records(tmp_path / "results.json").put(f"plain {number}/buggy", MADE_FROM, {"seconds": number})

    writers = [threading.Thread(target=write, args=(number,)) for number in range(12)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert len(Records(tmp_path / "results.json").read()["records"]) == 12


def test_the_digest_of_sources_follows_names_and_bytes(tmp_path):
    (tmp_path / "tool").mkdir()
    file = tmp_path / "tool" / "one.py"
    file.write_text("a = 1")
    first = source_digest(["tool"], tmp_path)
    (tmp_path / "tool" / "notes.txt").write_text("no source")
    assert source_digest(["tool"], tmp_path) == first
    file.write_text("a = 2")
    second = source_digest(["tool"], tmp_path)
    file.rename(tmp_path / "tool" / "two.py")
    assert len({first, second, source_digest(["tool"], tmp_path)}) == 3


def test_stamps_tell_tools_apart():
    assert stamp("diagnose", "abc")["tool"] != stamp("suggest", "abc")["tool"]
    assert stamp("skill", "abc", files=text_digest({"a.py": "1"})) != stamp("skill", "abc")
