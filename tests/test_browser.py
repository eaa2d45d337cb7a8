"""The pages in a browser: nothing spills over, nothing is fetched, nothing goes wrong."""

from __future__ import annotations

import base64
import shutil

import numpy as np
import pytest
from PIL import Image
from runs import Vectors, hostile

from pipeline.comparison import compare
from pipeline.stages.report.report import Report

CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(
        not (CHROMIUM and DRIVER),
        reason="chromium and chromedriver wanted, e.g. apt-get install chromium chromium-driver",
    ),
]


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    report = Report(words=["film", "but", "not", "<"], learning_curve=[0.5, 1.0])
    for i, name in enumerate(("own", "glove")):
        hostile(folder / str(i), name, vectors=Vectors(seed=i), report=report)
    compare([folder / "0", folder / "1"]).save(folder)
    return {"run": folder / "0" / "report" / "index.html", "comparison": folder / "comparison.html"}


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


def show(browser, page, width, scheme):
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": width < 600}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    feature = {"name": "prefers-color-scheme", "value": scheme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [feature]})
    browser.get(page.as_uri())


WHOLE = {"format": "png", "captureBeyondViewport": True}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["run", "comparison"])
class TestEveryPage:
    def test_fits_the_window_and_complains_of_nothing(self, name, width, scheme, pages, browser):
        show(browser, pages[name], width, scheme)
        wide = browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width
        assert browser.get_log("browser") == []
        requests = [
            log for log in browser.get_log("performance") if "requestWillBeSent" in str(log)
        ]
        assert all('"url":"http' not in log["message"] for log in requests)

    def test_is_drawn_in_the_colours_that_are_asked_for(
        self, name, width, scheme, pages, browser, tmp_path
    ):
        show(browser, pages[name], width, scheme)
        shot = browser.execute_cdp_cmd("Page.captureScreenshot", WHOLE)["data"]
        path = tmp_path / f"{name}_{width}_{scheme}.png"  # pytest keeps it for a look
        path.write_bytes(base64.b64decode(shot))
        pixels = np.array(Image.open(path).convert("L"), float)
        ground = np.median(pixels)
        assert ground > 240 if scheme == "light" else ground < 40
        assert np.abs(pixels - ground).max() > 120  # there is something to read on it


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", ["run", "comparison"])
def test_every_text_can_be_told_from_its_ground(name, scheme, pages, browser):
    """At least 4.5 to 1, the contrast WCAG 2 asks for; coloured words and cells included."""
    show(browser, pages[name], 1280, scheme)
    browser.execute_script("document.querySelectorAll('details').forEach(d => d.open = true)")
    low = browser.execute_script(CONTRAST)
    assert low == []


def rows(browser, table):
    """Return the cells of the rows that are to be seen, as text."""
    return browser.execute_script(
        "return [...document.querySelectorAll(arguments[0] + ' tbody tr')].filter(r => !r.hidden)"
        ".map(r => [...r.cells].map(c => c.textContent))",
        table,
    )


class TestPlaying:
    @pytest.fixture(autouse=True)
    def page(self, pages, browser):
        show(browser, pages["comparison"], 1280, "light")
        return pages["comparison"]

    @pytest.mark.parametrize("column", [2, 6])
    def test_a_click_sorts_and_a_second_turns_it_round(self, column, browser):
        head = browser.find_element("css selector", f".arms th:nth-child({column + 1}) button")
        orders = []
        for _ in range(2):
            head.click()
            cells = [row[column] for row in rows(browser, ".arms")]
            orders.append([float(cell.split("±")[0]) for cell in cells if cell])
        assert orders[0] == sorted(orders[0], reverse=True)
        assert orders[1] == sorted(orders[1])

    def test_sentences_are_searched_and_filtered_by_answer(self, browser):
        everything = rows(browser, ".answers")
        search = browser.find_element("css selector", ".answers input")
        search.send_keys("FILM")
        found = rows(browser, ".answers")
        assert found == [row for row in everything if "film" in row[0].lower()] != everything
        search.clear()
        search.send_keys(" ")
        select = browser.find_elements("css selector", ".answers .filters select")[2]
        select.find_element("css selector", "option[value=right]").click()
        own_right = [row for row in everything if row[3] == row[2]]
        assert rows(browser, ".answers") == own_right != everything
        said = browser.find_elements("css selector", ".found")[-1].text
        assert said == f"{len(own_right)} of {len(everything)} shown"

    def test_pointing_at_the_map_names_a_word_and_the_search_finds_one(self, browser):
        assert len(browser.find_elements("css selector", "#word-map canvas")) == 2
        said = browser.execute_script(HOVER)
        assert "times in the training text" in said
        search = browser.find_element("css selector", "#word-map input")
        search.send_keys("film\n")
        status = browser.find_element("css selector", "#word-map > [role=status]")
        assert status.text.startswith("film:")
        search.clear()
        search.send_keys("nosuchword\n")
        assert "not among" in status.text

    def test_words_are_added_to_the_neighbours_and_taken_away(self, browser):
        before = rows(browser, "#neighbours")
        browser.find_element("css selector", "input[placeholder='add a word']").send_keys("film\n")
        added = rows(browser, "#neighbours")
        assert len(added) == len(before) + 1
        assert added[0][0].startswith("film")
        browser.find_element("css selector", "#neighbours .remove").click()
        assert rows(browser, "#neighbours") == before

    def test_without_script_everything_is_there(self, page, browser):
        with_script = rows(browser, ".answers")
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
        try:
            browser.get(page.as_uri())
            assert rows(browser, ".answers") == with_script
            assert not browser.find_elements("css selector", "button, input, select, canvas")
            assert browser.find_elements("css selector", "#word-map figure svg")
        finally:
            browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


# Moves the pointer over a map until a word is named.
HOVER = """
const canvas = document.querySelector('#word-map canvas'), box = canvas.getBoundingClientRect();
const status = document.querySelector('#word-map > [role=status]');
for (let x = 0; x < box.width; x += 12) for (let y = 0; y < box.height; y += 12) {
  const at = {clientX: box.left + x, clientY: box.top + y};
  canvas.dispatchEvent(new PointerEvent('pointermove', at));
  if (status.textContent.includes('times')) return status.textContent;
}
return status.textContent;
"""


def test_all_is_open_in_print(pages, browser):
    show(browser, pages["run"], 1280, "light")
    pdf = browser.execute_cdp_cmd("Page.printToPDF", {"paperWidth": 8.27, "paperHeight": 11.69})
    assert base64.b64decode(pdf["data"]).startswith(b"%PDF")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    closed = browser.execute_script(
        "return [...document.querySelectorAll('details > :not(summary)')]"
        ".filter(e => e.getBoundingClientRect().height === 0).length"
    )
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
    assert closed == 0


# Paints every colour on a canvas, which alone knows what color-mix() comes to.
CONTRAST = """
const canvas = document.createElement('canvas'); canvas.width = canvas.height = 1;
const paint = canvas.getContext('2d', {willReadFrequently: true});
function over(colours) {
  paint.clearRect(0, 0, 1, 1);
  for (const c of colours) { paint.fillStyle = c; paint.fillRect(0, 0, 1, 1); }
  return [...paint.getImageData(0, 0, 1, 1).data].slice(0, 3);
}
function light(rgb) {
  const [r, g, b] = rgb.map(
    v => v / 255 <= .04045 ? v / 255 / 12.92 : ((v / 255 + .055) / 1.055) ** 2.4
  );
  return .2126 * r + .7152 * g + .0722 * b;
}
const low = [];
for (const e of document.querySelectorAll('body *')) {
  const own = [...e.childNodes].some(n => n.nodeType === 3 && n.textContent.trim());
  const style = getComputedStyle(e);
  if (!own || e.closest('svg') || style.visibility === 'hidden') continue;
  const grounds = [];
  let opacity = 1;
  for (let p = e; p; p = p.parentElement) {
    grounds.unshift(getComputedStyle(p).backgroundColor);
    if (p === e) opacity = Number(getComputedStyle(p).opacity);
  }
  const ground = over(grounds), ink = over([...grounds, style.color]);
  const mixed = ink.map((v, i) => v * opacity + ground[i] * (1 - opacity));
  const [a, b] = [light(ground), light(mixed)].sort((x, y) => y - x);
  const contrast = (a + .05) / (b + .05);
  if (contrast < 4.5) low.push(`${contrast.toFixed(2)} ${e.outerHTML.slice(0, 90)}`);
}
return [...new Set(low)].slice(0, 12);
"""
