"""The report in a real browser: no error, no request, no sideways scrolling, both themes, no need of scripts."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from dlfix.views.html import render_html

webdriver = pytest.importorskip("selenium.webdriver", reason="selenium is not installed")

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver")
NAMES = ["faulty", "healthy", "error", "empty", "hostile", "gaps", "branched", "huge"]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(CHROMIUM is None or DRIVER is None, reason="needs chromium and chromedriver on the path"),
]


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in (
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("reports")


def _open(
    browser: Any, folder: Path, samples: ModuleType, name: str, *, width: int = 1280, theme: str = "light"
) -> None:
    path = folder / f"{name}.html"
    if not path.exists():
        path.write_text(render_html(samples.SAMPLES[name]()), encoding="utf-8")
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
    )
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": theme}]}
    )
    browser.get(path.as_uri())


def _requested(browser: Any) -> list[str]:
    messages = (json.loads(entry["message"])["message"] for entry in browser.get_log("performance"))
    return [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]


@pytest.mark.parametrize("name", NAMES)
def test_no_error_and_no_request(browser: Any, written: Path, samples: ModuleType, name: str) -> None:
    browser.get("about:blank")
    browser.get_log("performance")
    browser.get_log("browser")
    _open(browser, written, samples, name)
    assert browser.get_log("browser") == []
    assert [url for url in _requested(browser) if not url.startswith(("file:", "data:"))] == []
    assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


@pytest.mark.parametrize("width", [320, 390, 1280])
@pytest.mark.parametrize("name", NAMES)
def test_the_page_never_scrolls_sideways(
    browser: Any, written: Path, samples: ModuleType, name: str, width: int
) -> None:
    _open(browser, written, samples, name, width=width)
    browser.execute_script("document.querySelectorAll('details').forEach(node => { node.open = true; })")
    page, room = browser.execute_script(
        "const root = document.documentElement; return [root.scrollWidth, root.clientWidth]"
    )
    assert page <= room


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_the_theme_reaches_charts_and_diffs(browser: Any, written: Path, samples: ModuleType, theme: str) -> None:
    _open(browser, written, samples, "faulty", theme=theme)
    colours = browser.execute_script(
        "const style = (selector, name) => getComputedStyle(document.querySelector(selector))[name];"
        "return [style('body', 'backgroundColor'), style('.tick', 'fill'), style('.d-added', 'backgroundColor'),"
        "        style('.graph .name', 'fill'), style('.curve', 'stroke')]"
    )
    lightness = [sum(int(part) for part in colour[4:-1].split(",")) / 3 for colour in colours]
    body, tick, added, name, _ = lightness
    assert (body > 128) == (added > 128) == (theme == "light")
    assert (tick < 128) == (name < 128) == (theme == "light")


def test_copying_works_and_is_an_extra(browser: Any, written: Path, samples: ModuleType) -> None:
    _open(browser, written, samples, "faulty")
    button = browser.find_element("css selector", "button[data-copy=apply-first]")
    assert button.is_displayed()
    button.click()
    status = browser.find_element("id", "copy-status")
    browser.execute_async_script("setTimeout(arguments[0], 300)")
    assert status.get_attribute("textContent") in ("Copied.", "Selected; copy it with your keyboard.")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        _open(browser, written, samples, "faulty")
        assert not browser.find_element("css selector", "button[data-copy=apply-first]").is_displayed()
        assert browser.find_element("id", "apply-first").text == "dlfix apply 1"
        assert len(browser.find_elements("css selector", "article")) == 3
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


def test_text_in_a_box_stays_in_its_box(browser: Any, written: Path, samples: ModuleType) -> None:
    for name in ("faulty", "branched", "huge", "hostile"):
        _open(browser, written, samples, name)
        outside = browser.execute_script(
            "return [...document.querySelectorAll('.graph .node')].flatMap(node => {"
            "  const box = node.querySelector('.box').getBoundingClientRect();"
            "  return [...node.querySelectorAll('text')].filter(text => {"
            "    const place = text.getBoundingClientRect();"
            "    return place.right > box.right + 1 || place.bottom > box.bottom + 1;"
            "  }).map(text => text.textContent);"
            "})"
        )
        assert outside == [], name


def test_keyboard_reaches_the_content_first(browser: Any, written: Path, samples: ModuleType) -> None:
    _open(browser, written, samples, "faulty")
    browser.find_element("css selector", "body").send_keys("\ue004")
    assert browser.switch_to.active_element.text == "Skip to the verdict"
    assert browser.switch_to.active_element.rect["y"] >= 0
