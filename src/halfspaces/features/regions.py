"""What a region of an image, and a pixel, is called."""

COLORS = ("red", "green", "blue")


def pixel_places(image_shape: tuple[int, int, int], *, planar: bool = False) -> list[str]:
    """The row, the column and, of three channels, the colour of each number of an image.

    `planar` images store one channel after the other.

    >>> pixel_places((1, 1, 3))
    ['row 0, column 0, red', 'row 0, column 0, green', 'row 0, column 0, blue']
    """
    height, width, channels = image_shape
    names = [""]
    if channels > 1:
        colors = COLORS if channels == 3 else tuple(f"channel {c}" for c in range(channels))
        names = [f", {color}" for color in colors]
    pixels = [f"row {row}, column {column}" for row in range(height) for column in range(width)]
    if planar:
        return [pixel + name for name in names for pixel in pixels]
    return [pixel + name for pixel in pixels for name in names]


def region(name: str, top: int, left: int, height: int, width: int) -> str:
    """What a region of the image is called.

    >>> region("hog", 0, 8, 16, 16)
    'hog of rows 0-15, columns 8-23'
    """
    return f"{name} of rows {top}-{top + height - 1}, columns {left}-{left + width - 1}"
