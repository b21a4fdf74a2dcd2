"""Plots without a screen: any window backend becomes Agg, and ``plt.show()`` returns at once."""

from __future__ import annotations

from typing import Any

from .imports import on_import

_FILE_BACKENDS = ("agg", "cairo", "pdf", "pgf", "ps", "svg", "template")


def make_plotting_harmless() -> None:
    """Have it so for matplotlib, whenever the script imports it."""
    on_import("matplotlib", _patch_use)
    on_import("matplotlib.pyplot", _patch_pyplot)


def _without_window(backend: Any) -> Any:
    return backend if str(backend).lower() in _FILE_BACKENDS else "Agg"


def _patch_use(matplotlib: Any) -> None:
    use = matplotlib.use

    def use_without_window(backend: Any, *, force: bool = True) -> None:
        use(_without_window(backend), force=force)

    matplotlib.use = use_without_window


def _patch_pyplot(pyplot: Any) -> None:
    switch_backend = pyplot.switch_backend

    def switch_without_window(newbackend: Any) -> Any:
        return switch_backend(_without_window(newbackend))

    def show(*_arguments: Any, **_keywords: Any) -> None:
        return None

    pyplot.switch_backend = switch_without_window
    pyplot.show = show
