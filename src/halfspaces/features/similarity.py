"""Local self-similarity: which displacements of a patch give a similar patch."""

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.features.images import squared
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

FLAT = 0.1  # of similarities: a descriptor with this range is stretched to half of it
NEIGHBOURS = 8  # displacements by one pixel


class SelfSimilarity(LocalFeature):
    """Local self-similarity: where the surroundings of a point resemble it, whatever its colours.

    A patch of patch × patch pixels around a point is compared with patches displaced by up to
    `radius` pixels. With the mean squared difference of grey levels, over all channels, SSD(u) for
    displacement u,

        S(u) = exp(−SSD(u) / max(noise², var_auto))
        var_auto = max of SSD over the 8 displacements by one pixel

    and a descriptor b holds the largest S in each of rings × angles bins of u. The radii of the
    rings grow by the same factor up to `radius`; the first angle is centred on the axis to the
    right. A descriptor is stretched: (b − min b) / (max b − min b + 0.1). Points are `step` pixels
    apart, the first as near to the upper left corner as whole patches allow.

    Parameters
    ----------
    step : int
        Distance of neighbouring points, in pixels.
    patch : int
        Side of a patch in pixels, odd.
    radius : int
        The largest displacement, in pixels; from 2 to 255.
    rings, angles : int
        Bins of displacements.
    noise : float
        In grey levels: differences below it count as noise.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The paper uses regions 41 pixels wide with patches of 5 × 5 in L*a*b*, and leaves out salient
    and flat points.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, a bin without a displacement, and images too small for
        a point.

    References
    ----------
    Shechtman and Irani, Matching local self-similarities across images and videos, 2007,
    https://doi.org/10.1109/CVPR.2007.383198

    Examples
    --------
    >>> SelfSimilarity(step=4).local(np.zeros((2, 32, 32, 3), np.uint8)).shape
    (2, 25, 24)
    """

    word = "ssim"

    def __init__(
        self,
        step: int = 2,
        patch: int = 3,
        radius: int = 5,
        rings: int = 3,
        angles: int = 8,
        noise: float = 20.0,
        n_jobs: int | None = None,
    ) -> None:
        self.step = step
        self.patch = patch
        self.radius = radius
        self.rings = rings
        self.angles = angles
        self.noise = noise
        self.n_jobs = n_jobs

    @property
    def invariances(self) -> frozenset[str]:
        """Invariant to brightness: similarities use differences."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        for name in ("step", "patch", "rings", "angles"):
            option = f"SelfSimilarity({name}=...)"
            check_number(option, getattr(self, name), at_least=1, integer=True)
        check_number("SelfSimilarity(radius=...)", self.radius, at_least=2, integer=True)
        check_number("SelfSimilarity(radius=...)", self.radius, below=256)
        check_number("SelfSimilarity(noise=...)", self.noise, above=0)
        if self.patch % 2 == 0:
            raise ValueError(f"SelfSimilarity(patch=...) must be odd, got {self.patch}.")
        side = 2 * self.radius + self.patch
        if side > min(height, width):
            needed = f"the surroundings of a point, {side} x {side}"
            given = f"images of {height} x {width} pixels are smaller than {needed}"
            raise ValueError(f"SelfSimilarity: {given}; give a smaller radius, or larger images.")
        _, bins = self._displacements()
        if len(set(bins.tolist())) < self.rings * self.angles:
            given = f"{self.rings} rings of {self.angles} angles within {self.radius} pixels"
            problem = "leave a bin without a pixel"
            raise ValueError(f"SelfSimilarity: {given} {problem}; give fewer, or a larger radius.")

    def points(self, height: int, width: int) -> tuple[Array, Array]:
        """Rows and columns of the grid, in pixels: the centres of patches.

        >>> SelfSimilarity(step=8).points(32, 40)[1].tolist()
        [6, 14, 22, 30]
        """
        return np.array(self._places(height)), np.array(self._places(width))

    def local_shape(self, image_shape: tuple[int, int, int]) -> tuple[int, int, int]:
        """The grid of `points`, and the bins."""
        height, width, _ = image_shape
        return len(self._places(height)), len(self._places(width)), self.rings * self.angles

    def _places(self, length: int) -> range:
        """The points along one side of images of this length."""
        margin = self.radius + self.patch // 2
        return range(margin, length - margin, self.step)

    def _displacements(self) -> tuple[Array, Array]:
        """Displacements (m, 2) down and right, the shortest first, and the bin of each."""
        reach = np.arange(-self.radius, self.radius + 1)
        square = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
        squares = (square**2).sum(axis=1)
        inside = square[(squares > 0) & (squares <= self.radius**2)]
        lengths = np.hypot(*inside.T)
        displacements = inside[np.argsort(lengths, kind="stable")]
        lengths = np.sort(lengths)
        rings = np.ceil(self.rings * np.log(lengths) / np.log(self.radius) - 1e-9).astype(int) - 1
        turns = np.arctan2(-displacements[:, 0], displacements[:, 1]) / (2 * np.pi)
        angles = np.floor(turns * self.angles + 0.5 + 1e-9).astype(int) % self.angles
        return displacements, np.maximum(rings, 0) * self.angles + angles

    def _local(self, planes: Array) -> Array:
        from halfspaces.features.loops import similarity

        rows, columns = self.points(*planes.shape[2:])
        displacements, bins = self._displacements()
        size = self.rings * self.angles
        descriptors = np.empty((len(planes), len(rows), len(columns), size), np.float32)
        corner = self.patch // 2
        run_compiled(
            similarity.similarities,
            planes,
            self.patch,
            squared(self.noise),
            rows - corner,
            columns - corner,
            displacements,
            bins,
            NEIGHBOURS,
            np.float32(FLAT),
            descriptors,
        )
        return descriptors
