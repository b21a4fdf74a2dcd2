from __future__ import annotations

import re
from pathlib import Path

from dlfix.troubleshooting import ENTRIES, markdown

ROOT = Path(__file__).parents[1]


def test_the_page_is_what_the_program_says():
    assert (ROOT / "docs" / "troubleshooting.md").read_text() == markdown()


def test_every_message_has_an_entry_and_every_entry_a_message():
    source = "".join(file.read_text() for file in (ROOT / "dlfix").glob("*.py") if file.name != "troubleshooting.py")
    raised = set(re.findall(r'(?:Error|Refused|_refused)\(\s*"([a-z0-9-]+)"', source))
    raised |= set(re.findall(r'slug(?:, hint)? = "([a-z0-9-]+)"', source))
    assert raised == set(ENTRIES)
