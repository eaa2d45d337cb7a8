"""Own vectors, GloVe and random vectors by two seeds, as a person sees them in the MLflow UI."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from mlflow import MlflowClient
from server import free_port

ARMS = ["own seed=1", "own seed=2", "glove", "random seed=1", "random seed=2"]  # glove has no seed
SCREENSHOTS = Path(__file__).parent.parent / "outputs" / "screenshots"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")
DRIVER = shutil.which("chromedriver")


@pytest.fixture(scope="module")
def runs(multirun):
    client = MlflowClient(f"sqlite:///{multirun[0]}/outputs/mlflow.db")
    found = client.search_runs([client.get_experiment_by_name("sample-5").experiment_id])
    return {run.info.run_name: run for run in found}


@pytest.fixture(scope="module")
def page(multirun):
    """What ``yourvectors ui`` opens."""
    command = [sys.executable, "-m", "pipeline", "ui", "--no-browser", "--port", str(free_port())]
    with subprocess.Popen(command, cwd=multirun[0], stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.send_signal(signal.SIGINT)
        assert process.wait(60) == 0


@pytest.fixture(scope="module")
def address(page):
    return page.partition("/#")[0]


@pytest.fixture(scope="module")
def browser():
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    size = "--window-size=1600,1200"
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", size):
        options.add_argument(argument)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    yield driver
    driver.quit()


@pytest.mark.browser
@pytest.mark.skipif(
    not (CHROMIUM and DRIVER),
    reason="chromium and chromedriver wanted, e.g. apt-get install chromium chromium-driver",
)
class TestInABrowser:
    @pytest.fixture
    def see(self, browser, address, request):
        """Open a page, wait until it says all that is asked for, and keep its picture."""
        from selenium.webdriver.common.by import By
        from selenium.webdriver.support.ui import WebDriverWait

        def see_(page, *words, click=None, draws=None, at=None):
            browser.get("about:blank")  # or only the part after # would change
            browser.get(f"{address}/#/{page}")
            wait = WebDriverWait(browser, 90)
            try:
                if click:
                    wait.until(lambda b: b.find_elements(By.XPATH, click))[0].click()
                for word in words:
                    wait.until(
                        lambda b, w=word: w in b.find_element(By.TAG_NAME, "body").text, word
                    )
                if draws:
                    wait.until(lambda b: b.execute_script(draws), draws)
                for heading in browser.find_elements(By.XPATH, f"//*[text()='{at}']"):
                    browser.execute_script("arguments[0].scrollIntoView()", heading)
            finally:
                SCREENSHOTS.mkdir(parents=True, exist_ok=True)
                browser.save_screenshot(str(SCREENSHOTS / f"{request.node.name}.png"))

        return see_

    def test_parent_with_children(self, see, runs):
        experiment = runs["own seed=1"].info.experiment_id
        expand = "//a[contains(., 'arm=own,glove')]/ancestor::*[@role='gridcell']//button"
        see(f"experiments/{experiment}/runs", "arm=own,glove", *ARMS, click=expand)

    def test_parent_run(self, see, runs):
        parent = runs["arm=own,glove,random seed=1,2"]
        page = f"experiments/{parent.info.experiment_id}/runs/{parent.info.run_id}"
        see(page, "Finished", *ARMS, "best_name", "best/dev_accuracy")

    def test_own_against_glove_opens_with_accuracy_and_macro_f1_in_sight(self, see, page):
        first = "Metrics:\ntest/accuracy\nClear All"
        rows = ("dev/accuracy", "dev/macro_f1")
        see(page.partition("#/")[2], "Comparing 5 Runs", *ARMS, first, *rows, at="Metrics")

    def test_plot(self, see, runs):
        one = runs["own seed=1"].info
        page = f"experiments/{one.experiment_id}/runs/{one.run_id}/artifacts/report/strength.png"
        drawn = "return [...document.images].some(i => i.src.startsWith('blob:') && i.naturalWidth)"
        see(page, "report/strength.png", draws=drawn)

    def test_sweep_table(self, see, runs):
        one = runs["own seed=1"].info
        page = f"experiments/{one.experiment_id}/runs/{one.run_id}/artifacts/sweep/results.json"
        columns = ("strength", "train_accuracy", "dev_accuracy")
        see(
            page,
            "sweep/results.json",
            *columns,
            draws="return document.querySelector('[role=table], table')",
        )
