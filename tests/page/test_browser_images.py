"""Part two in a real browser: a training to the command line's accuracy, and one example moved."""

import numpy as np
import pytest

from halfspaces.losses import LOSSES
from tests.page.test_images import HOSTILE, folder_of_images

pytestmark = pytest.mark.browser


def train(page, **options):
    """Open the second part, fill its form in, and wait for the end of the training."""
    page.click("tab-images")
    for name, text in options.items():
        page.named(f"images.{name}").fill(text)
    page.page.keyboard.press("Enter")
    page.named("images.phase").and_(page.page.locator('[data-value="done"]')).wait_for()
    page.page.locator(".thumbnail").first.wait_for()
    page.settle()


def test_digits_are_trained_to_the_accuracy_of_the_command_line(page, run):
    printed = run("train", "digits").out
    train(page, data="digits")
    expected = {
        part: page.named(f"images.accuracy.{part}").inner_text()
        for part in ("train", "validation", "test")
    }
    for part, shown in expected.items():
        value = page.value(f"images.accuracy.{part}")
        assert f"{part} {100 * value:.2f} %" in printed
        assert " ".join(shown.split()) == f"{100 * value:.1f} %"
    classifier = page.session.images.inspection.trained.classifier
    assert page.value("images.strength") == classifier.strength
    assert page.value("images.confusion") == 360
    assert page.page.locator(".templates img").count() == 10
    assert page.value("images.candidates") == 9


def test_an_example_is_inspected_and_moved_by_keyboard(page):
    train(page, data="digits", strengths="0.001")
    page.choose("images.only", "mistakes")
    thumbnail = page.page.locator(".thumbnail").first
    thumbnail.focus()
    page.page.keyboard.press("Enter")
    page.settle()
    row = int(page.value("images.example"))
    examples = page.session.images.inspection.examples("test")
    assert thumbnail.get_attribute("data-action") == f"images-row-{row}"
    assert thumbnail.get_attribute("aria-pressed") == "true"
    scores = [page.value(f"images.score.{label}") for label in range(10)]
    assert scores == examples.scores[row].tolist()
    label = int(examples.labels[row])
    wrong = int(examples.predicted[row])

    page.named(f"images.slider.{wrong}").focus()
    for _ in range(30):
        page.page.keyboard.press("ArrowLeft")
    page.settle()
    moved = np.array(scores)
    moved[wrong] += float(page.named(f"images.slider.{wrong}").input_value())
    assert moved[wrong] < scores[wrong] - 2
    for name in ("softmax", "hinge"):
        assert page.value(f"images.loss.{name}") == LOSSES[name].value(moved, label)
        slopes = [page.value(f"images.gradient.{name}.{each}") for each in range(10)]
        assert slopes == LOSSES[name].grad(moved, label).tolist()
    assert page.value("images.probability.0") > 0

    page.click("images-reset")
    assert page.value(f"images.score.{wrong}") == scores[wrong]


def test_hostile_names_of_classes_make_no_elements(page, tmp_path):
    folder = folder_of_images(tmp_path / "images", ("plain", HOSTILE))
    train(page, data=str(folder), strengths="0.1")
    page.page.locator(".thumbnail").last.click()
    page.settle()
    assert HOSTILE in page.page.locator("#tab-images").inner_text()
    assert page.page.locator('img[src="x"]').count() == 0


def test_a_path_that_is_wrong_is_one_sentence_and_the_page_goes_on(page):
    page.click("tab-images")
    page.fill("images.data", "/nowhere")
    phase = page.named("images.phase")
    phase.and_(page.page.locator('[data-value="failed"]')).wait_for()
    assert phase.inner_text().startswith("There is no data set '/nowhere'")
    page.fill("images.data", "https://example.org")
    assert "fetches nothing" in page.problem
    train(page, data="digits", strengths="0.1")
