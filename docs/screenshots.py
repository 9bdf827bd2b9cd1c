"""Make the pictures of the page anew, in docs/pictures/: python -m docs.screenshots.

Each part at two widths, light and dark; Chromium and Playwright are needed.
"""

import io
from functools import partial
from pathlib import Path

from PIL import Image

from halfspaces.cli.page_training import train
from halfspaces.page.session import Session
from tests.page.browsing import Browsed, launched
from tests.page.serving import serving

PICTURES = Path(__file__).parent / "pictures"
WIDTHS = {1280: 900, 390: 844}
SCHEMES = ("light", "dark")
COLOURS = 64  # a picture of few colours is small
LARGEST = 200_000  # bytes


def points(page: Browsed) -> None:
    """Part one: some steps of a hinge loss, a point chosen, the slopes measured."""
    page.choose("side0.loss", "hinge")
    page.steps(60)
    page.click("side0.all")
    page.point(3).press("Enter")
    page.settle()


def images(page: Browsed) -> None:
    """Part two: a training of the digits that has ended, an example chosen."""
    page.click("tab-images")
    page.page.locator('[data-action="images-train"]').click()
    page.page.wait_for_selector('[data-name="images.accuracy.test"]', timeout=120_000)
    page.page.locator('[data-action^="images-row-"]').nth(7).click()
    page.settle()


PARTS = {"points": points, "images": images}


def save(screenshot: bytes, name: str) -> None:
    """Write a picture with few colours; a large one is an error."""
    path = PICTURES / f"page-{name}.png"
    picture = Image.open(io.BytesIO(screenshot)).convert("RGB")
    picture.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
        path, optimize=True
    )
    size = path.stat().st_size
    print(f"{path.name}: {picture.width} x {picture.height}, {size:,} bytes")
    if size > LARGEST:
        raise SystemExit(f"{path} has {size:,} bytes; at most {LARGEST:,} are wanted.")


def main() -> None:
    """Draw all pictures."""
    with launched() as browser, serving(new_session=partial(Session, trainer=train)) as server:
        for scheme in SCHEMES:
            for width, height in WIDTHS.items():
                size = {"width": width, "height": height}
                context = browser.new_context(viewport=size, color_scheme=scheme, locale="en-US")
                page = Browsed(context.new_page())
                page.open(server.address)
                for part, prepare in PARTS.items():
                    prepare(page)
                    page.page.evaluate("() => { scrollTo(0, 0); document.activeElement.blur(); }")
                    save(page.page.screenshot(full_page=True), f"{part}-{width}-{scheme}")
                context.close()


if __name__ == "__main__":
    main()
