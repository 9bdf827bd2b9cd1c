"""Networks as features: every law, preprocessing in plain NumPy and Pillow's resizing,
and refusals.
"""

import os

import numpy as np
import pytest
from PIL import Image

from halfspaces.features import Encoder, Mixture, Pixels, parse
from halfspaces.features.images import interpolation
from halfspaces.testing import check_feature

onnx = pytest.importorskip("onnx")
pytest.importorskip("onnxruntime")


def own(path, mean=0.0, std=1.0, **options):
    return Encoder(path=path, mean=mean, std=std, cache=False, **options)


KERNELS = np.random.default_rng(0).standard_normal((4, 3, 3, 3)).astype(np.float32)


def network(path, shape, *, layout="NCHW", seed=0):
    """A convolution, rectified and averaged: 4 numbers an image; and the average, 3 numbers."""
    helper, float32 = onnx.helper, onnx.TensorProto.FLOAT
    channels = shape[1] if layout == "NCHW" else shape[3]
    kernels = KERNELS[:, : channels if isinstance(channels, int) else 3] + np.float32(seed)
    nodes = (
        []
        if layout == "NCHW"
        else [helper.make_node("Transpose", ["x"], ["first"], perm=[0, 3, 1, 2])]
    )
    nodes += [
        helper.make_node("Conv", ["x" if layout == "NCHW" else "first", "kernels"], ["c"]),
        helper.make_node("Relu", ["c"], ["r"]),
        helper.make_node("GlobalAveragePool", ["r"], ["pooled"]),
        helper.make_node("GlobalAveragePool", ["x"], ["means"]),
    ]
    outputs = [helper.make_tensor_value_info(name, float32, None) for name in ("pooled", "means")]
    given = [helper.make_tensor_value_info("x", float32, shape)]
    graph = helper.make_graph(
        nodes, "g", given, outputs, [onnx.numpy_helper.from_array(kernels, "kernels")]
    )
    onnx.save(
        helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8),
        str(path),
    )
    return str(path)


@pytest.fixture
def images():
    return np.random.default_rng(1).integers(0, 256, (40, 12, 10, 3), np.uint8)


@pytest.fixture
def free(tmp_path):
    return network(tmp_path / "free.onnx", ["N", 3, "H", "W"])


def of_formula(images, mean=0.0, std=1.0):
    z = (images / 255 - mean) / std
    windows = np.lib.stride_tricks.sliding_window_view(z, (3, 3), axis=(1, 2))
    return np.maximum(np.einsum("nyxcij,kcij->nyxk", windows, KERNELS), 0).mean(axis=(1, 2))


@pytest.mark.parametrize(
    "options", [{}, {"size": (20, 9), "mean": (0.4, 0.5, 0.6), "std": (0.2, 0.3, 0.1)}], ids=str
)
def test_laws(free, options):
    check_feature(own(free, **options))


def test_rows_are_those_of_the_formula(images, free):
    mean, std = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
    found = own(free, mean, std).fit_transform(images)
    np.testing.assert_allclose(found, of_formula(images, mean, std), rtol=1e-4)
    means = own(free, mean, std, output="means").fit_transform(images)
    np.testing.assert_allclose(means, ((images / 255 - mean) / std).mean(axis=(1, 2)), atol=1e-5)


def test_layouts_fixed_numbers_of_images_and_channels(images, tmp_path):
    expected = of_formula(images)
    last = network(tmp_path / "last.onnx", ["N", 12, 10, 3], layout="NHWC")
    np.testing.assert_allclose(own(last, layout="NHWC").fit_transform(images), expected, rtol=1e-4)
    seven = network(tmp_path / "seven.onnx", [7, 3, 12, 10])
    np.testing.assert_allclose(own(seven).fit_transform(images), expected, rtol=1e-4)
    one = network(tmp_path / "one.onnx", ["N", 1, 12, 10])
    luma = images @ [0.299, 0.587, 0.114] / 255
    found = own(one, output="means").fit_transform(images)
    np.testing.assert_allclose(found[:, 0], luma.mean(axis=(1, 2)), rtol=1e-4)
    grey = own(seven).fit_transform(images[..., 0])
    np.testing.assert_allclose(grey, of_formula(np.repeat(images[..., :1], 3, axis=3)), rtol=1e-4)


def test_images_are_resized_to_the_size_that_a_network_fixes(images, tmp_path):
    fixed = own(network(tmp_path / "fixed.onnx", ["N", 3, 20, 16]))
    given = own(network(tmp_path / "free.onnx", ["N", 3, "H", "W"]), size=(20, 16))
    assert fixed.image_size == (20, 16)
    assert parse("encoder(size=100)+hog+encoder").image_size == (224, 224)
    assert parse("hog+hue").image_size is None
    np.testing.assert_array_equal(fixed.fit_transform(images), given.fit_transform(images))


@pytest.mark.parametrize(("height", "width"), [(20, 33), (5, 4), (12, 3)])
def test_resizing_is_that_of_pillow(images, height, width):
    plane = images[0, ..., 0].astype(np.float32)
    found = interpolation(12, height) @ plane @ interpolation(10, width).T
    expected = np.asarray(Image.fromarray(plane).resize((width, height), Image.Resampling.BILINEAR))
    np.testing.assert_allclose(found, expected, atol=0.01)


def test_a_checksum_travels_and_another_network_is_refused(images, free, cache):
    feature = parse(f"encoder(path={free!r}, std=0.5, cache=False)+pixels").fit(images)
    rows = feature.transform(images)
    again = parse(str(feature)).restore(feature.arrays())
    np.testing.assert_array_equal(again.transform(images), rows)
    network(free, ["N", 3, "H", "W"], seed=1)
    with pytest.raises(
        ValueError,
        match="is another network than the one it was fitted with; fit anew, or restore it",
    ):
        again.transform(images[::-1])  # rows of `images` are in the cache
    assert isinstance(again, Mixture)
    assert not np.array_equal(Mixture([own(free, std=0.5), Pixels()]).fit_transform(images), rows)


@pytest.mark.parametrize(
    ("shape", "options", "told"),
    [
        (
            ["N", 3, 24, 24],
            {"size": 12},
            "takes images of 24 x 24 pixels, got 12 x 12; leave size out",
        ),
        (
            ["N", 3, 24, "W"],
            {"size": 12},
            "takes images of 24 x W pixels, got 12 x 12; give another size or layout",
        ),
        (
            ["N", 3, "H", "W"],
            {"layout": "NHWC"},
            "takes images of 3 x H pixels, got 12 x 10; give another size or layout",
        ),
        (["N", 3, "H", "W"], {"layout": "CHW"}, "is not known: did you mean 'NCHW'"),
        (["N", 3, "H", "W"], {"output": "pool"}, "is not known: did you mean 'pooled'"),
        (
            ["N", 3, "H", "W"],
            {"mean": (0, 0)},
            r"Encoder\(mean=...\) must be 1 number or 3, got 2",
        ),
        (["N", 3, "H", "W"], {"std": 0}, "must be above 0"),
        (["N", 3, "H", "W"], {"size": (1, 2, 3)}, "one number or height and width"),
        (["N", 3, "H", "W"], {"size": 2}, "cannot be run on images of 40 x 3 x 2 x 2"),
    ],
)
def test_refusals_are_one_sentence(images, tmp_path, shape, options, told):
    path = network(tmp_path / "a.onnx", shape)
    with pytest.raises(ValueError, match=told) as caught:
        own(path, **options).fit(images).transform(images)
    assert "\n" not in str(caught.value)


def test_files_that_are_no_networks_are_refused(images, tmp_path, monkeypatch):
    with pytest.raises(
        ValueError, match=r"no file 'missing\.onnx' can be read; give the path of a network"
    ):
        own("missing.onnx").fit(images)
    os.mkfifo(tmp_path / "pipe.onnx")
    for endless in ("/dev/zero", str(tmp_path / "pipe.onnx"), str(tmp_path)):
        with pytest.raises(
            ValueError,
            match=f"Encoder: '{endless}' is no file on disk; give the path of a netw",
        ):
            own(endless).fit(images)
    (tmp_path / "text.onnx").write_text("no network")
    with pytest.raises(ValueError, match="cannot be read as an ONNX network") as caught:
        own(str(tmp_path / "text.onnx")).fit(images)
    assert "\n" not in str(caught.value)
    rows = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["N", 5])
    node = onnx.helper.make_node("Relu", ["x"], ["y"])
    graph = onnx.helper.make_graph(
        [node], "g", [rows], [onnx.helper.make_tensor_value_info("y", 1, None)]
    )
    onnx.save(
        onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
        ),
        str(tmp_path / "rows.onnx"),
    )
    with pytest.raises(
        ValueError, match=r"takes no images: it has 1 inputs, the first tensor\(float\) of 2 axes"
    ):
        own(str(tmp_path / "rows.onnx")).fit(images)
    monkeypatch.setitem(__import__("sys").modules, "onnxruntime", None)
    with pytest.raises(ImportError, match=r"pip install 'halfspaces\[encoder\]'"):
        own(network(tmp_path / "b.onnx", ["N", 3, "H", "W"])).fit(images)
