"""Checks: pure functions from what one ``fit`` left behind to the symptoms it shows. One module per family."""

from __future__ import annotations

from .registry import Check, all_checks, run_checks
from .subject import Subject

__all__ = ["Check", "Subject", "all_checks", "run_checks"]
