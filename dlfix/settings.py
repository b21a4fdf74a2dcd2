"""Settings: command line over ``DLFIX_*`` over ``[tool.dlfix]`` of ``pyproject.toml`` over the defaults."""

from __future__ import annotations

import difflib
import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from .durations import parse_duration
from .errors import UsageError, did_you_mean

ENVIRONMENT_PREFIX = "DLFIX_"

Seconds = Annotated[float, BeforeValidator(parse_duration)]


def parse_share(value: object) -> object:
    """Return a share as a number: ``"3%"``, ``"0.03"`` and ``0.03`` are the same.

    Raises:
        ValueError: For text that is neither a number nor a percentage.
    """
    if not isinstance(value, str):
        return value
    text = value.strip()
    try:
        return float(text.removesuffix("%")) / 100 if text.endswith("%") else float(text)
    except ValueError:
        raise ValueError(f"{value!r} is not a share; write 3% or 0.03") from None


Share = Annotated[float, BeforeValidator(parse_share)]


class Settings(BaseModel):
    """Everything that steers a run; same names on the command line, in the environment, in ``pyproject.toml``."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Seconds = Field(300.0, description="wall-clock time for the whole run")
    probe_time: Seconds | None = Field(None, description="of that, at most this for the probe run (default: 40 %)")
    probe_budget: Share = Field(0.03, gt=0, le=1, description="share of the training time that watching may cost: 3%")
    epochs: int | None = Field(None, ge=1, description="train at most this many epochs per trial")
    repeats: int = Field(3, ge=1, le=100, description="seeds per patch for what is shown as proven")
    seed: int = Field(0, ge=0, le=2**31 - 1, description="the first seed; trials use this one and those that follow")
    jobs: int | None = Field(None, ge=1, description="trials at the same time (default: by the number of cores)")
    metric: str | None = Field(None, description="rank by this metric of the script's instead of by skill")
    direction: Literal["max", "min"] | None = Field(None, description="whether more or less of that metric is better")
    select: tuple[str, ...] = Field((), description="use these rules only")
    ignore: tuple[str, ...] = Field((), description="leave these rules out")
    max_patches: int | None = Field(None, ge=1, description="try at most this many patches")
    validate_patches: bool = Field(True, alias="validate", description="prove patches by trials")
    rules: tuple[Path, ...] = Field((), description="folders with rules of your own")
    rule_order: Path | None = Field(None, description="a file with an order of rules other than the shipped one")
    format: Literal["text", "json", "sarif", "github"] = Field("text", description="form of the result on stdout")
    exit_zero: bool = Field(False, description="exit 0 even if faults were found")

    @model_validator(mode="after")
    def _metric_has_direction(self) -> Settings:
        if self.direction is not None and self.metric is None:
            raise ValueError("direction says how to read a metric, but no metric is given")
        if self.metric is not None and self.direction is None:
            raise ValueError(f"metric {self.metric!r} needs a direction: is more of it better (max) or less (min)?")
        return self


@dataclass(frozen=True)
class Resolved:
    """The settings in force and, for each, where it came from.

    Attributes:
        origins: Setting name -> ``default``, ``command line``, ``DLFIX_BUDGET`` or ``/path/pyproject.toml``.
    """

    settings: Settings
    origins: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as plain JSON-able values, by their public names."""
        return self.settings.model_dump(mode="json", by_alias=True)


def setting_names() -> tuple[str, ...]:
    """Return the public names of all settings."""
    return tuple(field.alias or name for name, field in Settings.model_fields.items())


def resolve_settings(
    options: Mapping[str, Any] | None = None,
    *,
    near: Path | None = None,
    environment: Mapping[str, str] | None = None,
    origin: str = "command line",
) -> Resolved:
    """Merge all sources of settings.

    Args:
        options: From the command line or the caller; a value of None (or an empty sequence) means "not given".
        near: The script, or a folder: the nearest ``pyproject.toml`` at or above it with ``[tool.dlfix]`` counts.
        environment: Read for ``DLFIX_*``; by default the process's own.
        origin: How messages name the place that ``options`` come from.

    Raises:
        UsageError: An unknown or unusable setting, with its place and the nearest known name.
    """
    merged: dict[str, Any] = {}
    origins: dict[str, str] = dict.fromkeys(setting_names(), "default")
    given = {name: value for name, value in (options or {}).items() if value is not None and value not in ((), [])}
    file, table = project_table(near or Path.cwd())
    variables = _from_environment(os.environ if environment is None else environment)
    for values, source in ((_resolve_paths(table, file), str(file)), (variables, None), (given, origin)):
        for name, value in values.items():
            place = source if source is not None else ENVIRONMENT_PREFIX + name.upper()
            if name not in origins:
                raise UsageError(
                    "unknown-setting",
                    f"unknown setting {name!r} in {place}",
                    did_you_mean(name, origins) or f"Known settings: {', '.join(sorted(origins))}.",
                )
            merged[name] = value
            origins[name] = place
    try:
        return Resolved(Settings.model_validate(merged), origins)
    except ValidationError as error:
        raise _usage_error(error, origins) from None


def project_table(near: Path) -> tuple[Path | None, dict[str, Any]]:
    """Return the nearest ``pyproject.toml`` at or above ``near`` that has ``[tool.dlfix]``, and that table."""
    near = near.resolve()
    for folder in (near, *near.parents):
        file = folder / "pyproject.toml"
        if not file.is_file():
            continue
        try:
            tool = tomllib.loads(file.read_text(encoding="utf-8")).get("tool", {})
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise UsageError(
                "broken-configuration", f"{file} is not valid TOML: {error}", "Correct that file."
            ) from None
        except OSError:
            continue
        if isinstance(tool, dict) and "dlfix" in tool:
            table = tool["dlfix"]
            if not isinstance(table, dict):
                raise UsageError("broken-configuration", f"tool.dlfix in {file} is not a table", "Write [tool.dlfix].")
            return file, {str(name).replace("-", "_"): value for name, value in table.items()}
    return None, {}


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """Return the settings among the variables. An unknown ``DLFIX_*`` is a mistake only if it nearly is a setting."""
    names, values = setting_names(), {}
    for variable, text in environment.items():
        if not variable.startswith(ENVIRONMENT_PREFIX) or not text.strip():
            continue
        name = variable.removeprefix(ENVIRONMENT_PREFIX).lower()
        if name in names:
            values[name] = _environment_value(name, text)
        elif near := difflib.get_close_matches(name, names, n=1, cutoff=0.8):
            raise UsageError(
                "unknown-setting",
                f"unknown setting {variable} in the environment",
                f"Did you mean {ENVIRONMENT_PREFIX}{near[0].upper()}?",
            )
    return values


def _environment_value(name: str, text: str) -> Any:
    field = next(f for n, f in Settings.model_fields.items() if (f.alias or n) == name)
    if get_origin(field.annotation) is not tuple:
        return text
    separator = os.pathsep if Path in get_args(field.annotation) else ","
    return tuple(part.strip() for part in text.split(separator) if part.strip())


def _resolve_paths(table: dict[str, Any], file: Path | None) -> dict[str, Any]:
    """Paths in a configuration file are meant relative to that file."""
    folders = table.get("rules")
    folders = [folders] if isinstance(folders, str) else folders
    if file is None:
        return table
    resolved = dict(table)
    if isinstance(folders, list):
        resolved["rules"] = [str(file.parent / part) if isinstance(part, str) else part for part in folders]
    if isinstance(table.get("rule_order"), str):
        resolved["rule_order"] = str(file.parent / table["rule_order"])
    return resolved


def _usage_error(error: ValidationError, origins: Mapping[str, str]) -> UsageError:
    lines = []
    for problem in error.errors():
        message = problem["msg"].removeprefix("Value error, ")
        if not problem["loc"]:
            lines.append(message)
            continue
        name = str(problem["loc"][0])
        place = origins.get(name, "given")
        lines.append(f"{name} = {problem['input']!r} ({place}): {message[:1].lower()}{message[1:]}")
    hint = "`dlfix show --settings` prints every setting and where it came from."
    return UsageError("bad-setting", "; ".join(lines), hint)
