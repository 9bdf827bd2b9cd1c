"""Part two in a real browser: digits are trained to the accuracy of the command line."""

import json

import numpy as np
import pytest

import halfspaces
from halfspaces.losses import Hinge, Softmax
from halfspaces.noise import AdaptiveL2, Dropout
from tests.helpers import DIGITS

pytestmark = pytest.mark.browser

TRAINED = '[data-name="images.accuracy.test"]'


def test_digits_are_trained_and_looked_into(page, run, axe, tmp_path):
    page.click("tab-images")
    page.click("images-train")
    page.page.wait_for_selector(TRAINED, timeout=60_000)
    page.settle()
    report = tmp_path / "digits.json"
    assert run("train", "digits", "--report", report).code == 0
    assert page.value("images.accuracy.test") == json.loads(report.read_text())["accuracy"]

    with page.page.expect_download() as download:
        page.page.locator('[data-action="images-model"]').click()
    model = tmp_path / "model.safetensors"
    download.value.save_as(model)
    classifier = halfspaces.load(model)
    right = classifier.predict(DIGITS.X_test) == DIGITS.y_test
    assert page.value("images.accuracy.test") == right.mean()

    page.click("images-row-0")
    before = page.value("images.loss.softmax")
    slider = page.named(f"images.slider.{DIGITS.y_test[0]}")
    slider.focus()
    slider.press("Home")  # the score of the right class falls
    page.settle()
    scores = np.array([page.values(*(f"images.score.{k}" for k in range(10)))])
    label = DIGITS.y_test[:1]
    expected = classifier.decision_function(DIGITS.X_test[:1])
    moved = np.flatnonzero(~np.isclose(scores[0], expected[0]))
    assert moved.tolist() == label.tolist()
    assert page.value("images.loss.softmax") > before
    assert page.value("images.loss.softmax") == Softmax().value(scores, label)[0]
    assert page.value("images.loss.hinge") == Hinge().value(scores, label)[0]
    assert page.violations(axe) == []


def test_a_training_goes_on_while_its_page_is_reloaded(page):
    page.click("tab-images")
    page.click("images-train")
    page.page.reload()
    page.drawn()
    page.click("tab-images")
    page.page.wait_for_selector(TRAINED, timeout=60_000)
    assert page.value("images.accuracy.test") > 0.95


def test_data_that_are_not_there_are_named(page):
    page.click("tab-images")
    page.named("images.data").fill("no_such_folder")
    page.click("images-train")
    page.page.wait_for_selector('[data-name="images.phase"][data-value="failed"]')
    assert "no_such_folder" in page.named("images.phase").inner_text()


def test_noise_of_a_training(page):
    page.click("tab-images")
    page.fill("images.strengths", "0.1,0.01")
    page.fill("images.dropout", "0.25")
    page.named("images.adaptive_l2").check()
    page.click("images-train")
    page.page.wait_for_selector(TRAINED, timeout=60_000)
    options = {"strength": page.value("images.strength"), "verbose": -1}
    noise = AdaptiveL2(Dropout(0.25))
    classifier = halfspaces.LinearClassifier(noise=noise, **options).fit(DIGITS.X, DIGITS.y)
    accuracy = classifier.score(DIGITS.X_test, DIGITS.y_test)
    assert page.value("images.accuracy.test") == accuracy
