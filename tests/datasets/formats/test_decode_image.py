"""Images of every format and mode become the pixels that they show, upright and in one size."""

import io
import sys
import warnings

import numpy as np
import pytest
from PIL import Image, ImageOps

from halfspaces import datasets
from halfspaces.datasets.formats import decode_image
from halfspaces.datasets.formats.image_size import AtMost
from tests.data_files import png_of_16_bits, save_image
from tests.helpers import refuses

pytestmark = pytest.mark.usefixtures("cache")

# --- pixels --------------------------------------------------------------------------------------


COLOUR, SHADE, CLEAR = (200, 100, 50), 180, (1, 2, 3, 0)
WRITTEN = [
    *((kind, "RGB", COLOUR, COLOUR) for kind in ("JPEG", "PNG", "WEBP", "BMP", "TIFF", "AVIF")),
    *((kind, "L", SHADE, SHADE) for kind in ("JPEG", "PNG", "BMP", "TIFF", "GIF")),
    *((kind, "1", 1, 255) for kind in ("PNG", "BMP", "TIFF")),
    *((kind, "RGBA", CLEAR, (255, 255, 255)) for kind in ("PNG", "WEBP", "TIFF", "AVIF")),
    *((kind, "RGBA", (*COLOUR, 255), COLOUR) for kind in ("PNG", "WEBP", "TIFF")),
    *((kind, "I;16", 180 * 256 + 255, SHADE) for kind in ("PNG", "TIFF")),
    *((kind, "CMYK", (55, 155, 205, 0), COLOUR) for kind in ("JPEG", "TIFF")),
    ("PNG", "LA", (SHADE, 255), SHADE),
    ("PNG", "LA", (SHADE, 0), 255),
    ("GIF", "RGB", COLOUR, COLOUR),
]


@pytest.mark.parametrize(("kind", "mode", "colour", "expected"), WRITTEN)
def test_every_format_and_mode(tmp_path, kind, mode, colour, expected):
    for name in ("a", "b"):
        save_image(tmp_path / name / "x", Image.new(mode, (6, 4), colour), format=kind)
    (tmp_path / "a" / "x").rename(tmp_path / "a" / f"x.{kind.lower()}")
    data = datasets.open(tmp_path)
    channels = np.size(expected)
    assert data.image_shape == (4, 6, channels)
    assert (data.X.dtype, data.y.tolist(), data.class_names) == (np.uint8, [0, 1], ("a", "b"))
    lossy = 4 if kind in ("JPEG", "WEBP", "AVIF") else 0
    np.testing.assert_allclose(
        data.images(data.X), np.broadcast_to(expected, (2, 4, 6, channels)), atol=lossy
    )


def test_palettes_animations_and_32_bits(tmp_path):
    grey, red = Image.new("P", (4, 4), 1), Image.new("P", (4, 4), 1)
    grey.putpalette([0, 0, 0, 90, 90, 90])
    red.putpalette([0, 0, 0, 255, 0, 0])
    for name, frames in {"a": [grey, red], "b": [grey, grey]}.items():
        save_image(tmp_path / name / "x.gif", frames[0], save_all=True, append_images=frames[1:])
    first = datasets.open(tmp_path)
    assert (first.image_shape, np.unique(first.X).tolist()) == ((4, 4, 1), [90])
    save_image(tmp_path / "b" / "y.png", red)
    both = datasets.open(tmp_path)
    assert both.image_shape == (4, 4, 3)
    assert both.X[:, :3].tolist() == [[90, 90, 90], [90, 90, 90], [255, 0, 0]]
    save_image(tmp_path / "b" / "z.tiff", Image.new("F", (4, 4), 1.5))
    refuses(tmp_path, "b/z.tiff, which holds floats of 32 bits")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_stand_upright(tmp_path, kind, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    scene = np.kron(np.arange(6).reshape(2, 3) * 45, np.ones((8, 8))).astype(np.uint8)
    for name in ("a", "b"):
        save_image(tmp_path / name / f"x.{kind.lower()}", Image.fromarray(scene), exif=exif)
    data = datasets.open(tmp_path)
    stream = io.BytesIO(
        (tmp_path / "a" / f"x.{kind.lower()}").read_bytes()
    )  # by its path, Pillow 13 turns a TIFF twice
    upright = ImageOps.exif_transpose(Image.open(stream))
    assert data.image_shape[:2] == upright.size[::-1] == ((24, 16) if orientation > 4 else (16, 24))
    np.testing.assert_allclose(
        data.images(data.X)[0, ..., 0], np.asarray(upright.convert("L")), atol=1
    )


def test_sizes(tmp_path, pets):
    data = datasets.open(pets)
    assert (data.image_shape, data.notes) == ((4, 5, 1), ("6 images of 4 x 5, kept as they are",))
    assert datasets.open(pets, image_size=(2, 3)).image_shape == (2, 3, 1)
    coloured = datasets.open(pets, image_size=(4, 5, 3))
    np.testing.assert_array_equal(
        coloured.images(coloured.X), np.repeat(data.images(data.X), 3, axis=3)
    )
    save_image(
        pets / "dog" / "wide.png",
        Image.fromarray(np.repeat([[0, 255]], 40, axis=1).astype(np.uint8)),
    )
    many = datasets.open(pets)
    assert many.image_shape == (32, 32, 1)
    assert many.notes == (
        "7 images of 2 sizes from 4 x 5 to 1 x 80, each resized whole to 32 x 32",
    )
    assert many.images(many.X)[-1, :, [0, 31], 0].tolist() == [
        [0] * 32,
        [255] * 32,
    ]  # both its ends are there
    assert datasets.open(pets, image_size=AtMost(224, 50)).image_shape == (4, 50, 1)
    assert datasets.open("digits", image_size=AtMost(224, 224)).image_shape == (8, 8, 1)
    for size in (0, 5000, (3,), (3, 4, 5), (3, 4, 1, 1), "32", 2.5):
        refuses(pets, "image_size must be a side or (height, width)", image_size=size)
    refuses("digits", "digits takes no image_size (--image-size)", image_size=3)
    refuses("digits", "skip_bad (--skip-bad)", skip_bad=True)


def test_a_large_jpeg_is_averaged_not_sampled(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (512, 512), np.uint8)
    for name in ("a", "b"):
        save_image(tmp_path / name / "x.jpg", Image.fromarray(noise), quality=95)
    data = datasets.open(tmp_path)
    means = noise.reshape(32, 16, 32, 16).mean((1, 3))
    assert np.corrcoef(data.images(data.X)[0, ..., 0].ravel(), means.ravel())[0, 1] > 0.8
    assert abs(data.X[0].mean() - means.mean()) < 1
    assert data.X[0].std() < 2 * means.std()


# --- archives ------------------------------------------------------------------------------------


def test_image_bombs_are_refused_by_name(pets, monkeypatch):
    save_image(pets / "dog" / "vast.png", Image.new("1", (300, 400)))
    for most, words in {
        100_000: "has 400 x 300 pixels, more than",
        30_000: "exceeds limit",
    }.items():
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", most)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            refuses(pets, "dog/vast.png, which ", "limit" if words == "exceeds limit" else "")
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", None)
    assert len(datasets.open(pets).y) == 7


# --- 16 bits -------------------------------------------------------------------------------------


def tiff_of_16_bits(values):
    written = io.BytesIO()
    Image.fromarray(values).save(written, "TIFF", compression="tiff_lzw")
    return written.getvalue()


def images_of(bits, channels):
    """Two images (4, 5) or (4, 5, channels) of values below 2^bits, the largest among them."""
    images = np.random.default_rng(bits).integers(0, 1 << bits, (2, 4, 5, *channels))
    images[0, 0, 0] = (1 << bits) - 1
    return images.astype(np.uint16)


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize(
    ("write", "channels"), [(png_of_16_bits, ()), (png_of_16_bits, (3,)), (tiff_of_16_bits, ())]
)
def test_images_of_16_bits_keep_the_8_bits_that_their_range_needs(tmp_path, write, channels, bits):
    images = images_of(bits, channels)
    for name, image in zip("ab", images, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x").write_bytes(write(image))
    (tmp_path / "a" / "x").rename(tmp_path / "a" / "x.png")
    data = datasets.open(tmp_path)
    np.testing.assert_array_equal(data.images(data.X).reshape(images.shape), images >> bits - 8)
    assert data.conventions.bits == bits
    assert f"2 images of 16 bits with values below {1 << bits:,}" in " ".join(data.notes)


def test_opacity_is_of_all_16_bits(tmp_path):
    values = images_of(12, (4,))
    values[..., 3] = 0xFFFF
    values[0, 1, 1, 3] = 0
    for name, image in zip("ab", values, strict=True):
        (tmp_path / name).mkdir()
        (tmp_path / name / "x.png").write_bytes(png_of_16_bits(image))
    data = datasets.open(tmp_path)
    expected = values[..., :3] >> 4
    expected[0, 1, 1] = 255
    np.testing.assert_array_equal(data.images(data.X), expected)


def test_images_are_divided_like_those_of_another_data_set(tmp_path):
    images = images_of(12, ())
    for name, image in zip("ab", images, strict=True):
        (tmp_path / "train" / name).mkdir(parents=True)
        (tmp_path / "train" / name / "x.png").write_bytes(png_of_16_bits(image))
    (tmp_path / "new").mkdir()
    dark, bright = images[1] >> 3, images[1] << 2
    (tmp_path / "new" / "dark.png").write_bytes(png_of_16_bits(dark))
    (tmp_path / "new" / "bright.png").write_bytes(png_of_16_bits(bright))
    trained = datasets.open(tmp_path / "train")
    read = datasets.open_rows(tmp_path / "new", like=trained.conventions)
    clipped = np.minimum(bright >> 4, 255)
    np.testing.assert_array_equal(read.images[..., 0], [clipped, dark >> 4])


@pytest.mark.parametrize("orientation", range(1, 9))
def test_images_of_16_bits_stand_upright(tmp_path, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    image = Image.fromarray(images_of(16, ())[0])
    for name in "ab":
        save_image(tmp_path / name / "x.png", image, exif=exif)
    data = datasets.open(tmp_path)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(tmp_path / "a" / "x.png")))
    np.testing.assert_array_equal(data.images(data.X)[0, ..., 0], upright >> 8)


# --- AVIF and HEIC -------------------------------------------------------------------------------


def corners(pixels) -> list[int]:
    """The channel that is largest in each corner."""
    return [int(pixels[y, x].argmax()) for y in (4, -5) for x in (4, -5)]


def corners_image() -> Image.Image:
    pixels = np.zeros((64, 96, 3), np.uint8)
    pixels[:, :48, 0] = pixels[:32, 48:, 1] = pixels[32:, 48:, 2] = 220
    return Image.fromarray(pixels)


def heic(image: Image.Image, exif: Image.Exif) -> bytes:
    pillow_heif = pytest.importorskip("pillow_heif")
    stream = io.BytesIO()
    pillow_heif.from_pillow(image).save(stream, quality=95, exif=exif.tobytes())
    return stream.getvalue()


@pytest.mark.parametrize("kind", ["JPEG", "WEBP", "AVIF", "HEIC"])
def test_orientation_of_every_kind(kind):
    for orientation, expected in {1: [0, 1, 0, 2], 6: [0, 0, 2, 1], 2: [1, 0, 2, 0]}.items():
        exif = Image.Exif()
        exif[0x0112] = orientation
        stream = io.BytesIO()
        if kind == "HEIC":
            stream.write(heic(corners_image(), exif))
        else:
            corners_image().save(stream, kind, exif=exif)
        height, width = (96, 64) if orientation == 6 else (64, 96)
        given = stream.getvalue()
        assert decode_image.look(io.BytesIO(given)).height == height
        assert corners(decode_image.decode(io.BytesIO(given), height, width, 3)) == expected


def test_heic_without_its_library(pets, monkeypatch):
    """The first bytes of a photo of an iPhone."""
    (pets / "cat" / "IMG_0001.HEIC").write_bytes(b"\0\0\0$ftypheic\0\0\0\0mif1MiHBheic" + bytes(99))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    refuses(pets, "has cat/IMG_0001.HEIC, which is in HEIC", "pip install 'halfspaces[heic]'")
    assert len(datasets.open(pets, skip_bad=True).y) == 6


def test_depth_of_grey_images_of_16_bits_is_that_of_all_columns():
    values = np.zeros((4, 9), np.uint16)
    values[:, 8] = 4000
    stream = io.BytesIO()
    Image.fromarray(values).save(stream, "TIFF")
    assert decode_image.depth(io.BytesIO(stream.getvalue())) == 12
