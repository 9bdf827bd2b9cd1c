"""The page for everyone: axe-core finds nothing, nothing is cut, everything works by keyboard."""

import pytest

pytestmark = pytest.mark.browser

CUT = """() => [...document.querySelectorAll("button, select, input, label, dd, dt, h1, h3, p")]
    .filter((each) => each.offsetParent !== null && !each.closest(".hidden, .scroll"))
    .filter((each) => each.getBoundingClientRect().right > innerWidth + 1)
    .map((each) => each.outerHTML.slice(0, 100))
"""
REACHABLE = """() => [...document.querySelectorAll(
    "#tab-points button, #tab-points input, #tab-points select, #tab-points textarea, summary"
)].filter((each) => each.offsetParent !== null && !each.disabled && each.tabIndex < 0)
    .map((each) => each.outerHTML.slice(0, 100))
"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_no_violation_and_nothing_is_cut(browse, served, axe, width, scheme):
    page = browse(served.address, viewport={"width": width, "height": 900}, color_scheme=scheme)
    page.fill("count", "12")
    page.click("draw")
    page.point(0).press("Enter")
    page.click("side0.all")
    page.steps(20)
    for part in ("points", "images"):
        page.click(f"tab-{part}")
        assert page.violations(axe) == []
        assert page.page.evaluate(CUT) == []
        assert page.page.evaluate("() => document.documentElement.scrollWidth") <= width


def test_everything_works_by_keyboard(page):
    assert page.page.evaluate(REACHABLE) == []
    page.page.locator('[data-action="step"]').press("Enter")
    page.settle()
    assert page.value("side0.steps") == 1
    page.point(0).focus()
    page.page.keyboard.press("End")
    page.page.keyboard.press("Enter")
    page.settle()
    assert page.session.page.board.selected == len(page.session.page.board.points) - 1
    page.page.locator("#to-points").press("ArrowRight")
    assert page.page.locator("#tab-images").is_visible()


@pytest.mark.parametrize(("language", "word"), [("zh", "损失"), ("ko", "손실")])
def test_the_page_speaks_other_languages(browse, served, language, word):
    page = browse(served.address, locale=language)
    assert page.page.locator("html").get_attribute("lang").startswith(language)
    assert word in page.page.locator("main").inner_text()
    page.choose("language", "en")
    assert "Loss" in page.page.locator("main").inner_text()
    assert word not in page.page.locator("main").inner_text()
