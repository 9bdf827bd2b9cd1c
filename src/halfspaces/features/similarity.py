"""Local self-similarity: where around a point an image looks as it does there."""

import numpy as np

from halfspaces.features.base import LocalFeature
from halfspaces.kernels.compile import run_compiled
from halfspaces.support.types import Array
from halfspaces.support.validation import check_number

FLAT = 0.1  # of similarities: descriptors whose range is this wide are stretched half


class SelfSimilarity(LocalFeature):
    """Local self-similarity: what lies around a point, told by where it resembles the point, whatever its colours.

    A patch of patch × patch pixels around a point is compared with those displaced by up to `radius` pixels. With the
    mean squared difference of grey levels, over all channels, SSD(u) for displacement u,

        S(u) = exp(−SSD(u) / max(noise², var_auto))      var_auto = max of SSD over the 8 displacements by one pixel

    and a descriptor b holds the largest S in each of rings × angles bins of u, the rings' radii growing by the same
    factor up to `radius`, the first angle around the axis to the right. It is stretched: (b − min b) / (max b − min b +
    0.1). Points are `step` pixels apart, the first as near to the upper left corner as whole patches allow.

    Parameters
    ----------
    step : int
        From point to point, in pixels.
    patch : int
        Side of a patch in pixels, odd.
    radius : int
        Of the region that is looked at, in pixels, up to the middles of patches; at least 2.
    rings, angles : int
        Bins of displacements.
    noise : float
        In grey levels: differences that say nothing.
    n_jobs : int or None
        Workers; None for every core.

    Notes
    -----
    The paper's regions are 41 pixels wide, with patches of 5 × 5 in L*a*b*, and it leaves salient and flat points out.

    Raises
    ------
    ValueError, TypeError
        In use, for parameters out of range, a bin without a displacement, and images too small for a point.

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
        """Differences know no brightness."""
        return frozenset({"brightness"})

    def _check(self, height: int, width: int) -> None:
        for name in ("step", "patch", "rings", "angles"):
            check_number(
                f"SelfSimilarity({name}=...)", getattr(self, name), at_least=1, integer=True
            )
        check_number("SelfSimilarity(radius=...)", self.radius, at_least=2, integer=True)
        check_number("SelfSimilarity(noise=...)", self.noise, above=0)
        if self.patch % 2 == 0:
            raise ValueError(f"SelfSimilarity(patch=...) must be odd, got {self.patch}.")
        side = 2 * self.radius + self.patch
        if side > min(height, width):
            given = f"images of {height} x {width} pixels are smaller than what a point looks at, {side} x {side}"
            raise ValueError(f"SelfSimilarity: {given}; give a smaller radius, or larger images.")
        _, bins = self._displacements()
        if len(set(bins.tolist())) < self.rings * self.angles:
            given = f"{self.rings} rings of {self.angles} angles within {self.radius} pixels"
            raise ValueError(
                f"SelfSimilarity: {given} leave a bin without a pixel; give fewer, or a larger radius."
            )

    def points(self, height: int, width: int) -> tuple[Array, Array]:
        """Rows and columns of the grid, in pixels: the middles of patches.

        >>> SelfSimilarity(step=8).points(32, 40)[1].tolist()
        [6, 14, 22, 30]
        """
        margin = self.radius + self.patch // 2
        rows, columns = (
            np.arange(margin, length - margin, self.step) for length in (height, width)
        )
        return rows, columns

    def _displacements(self) -> tuple[Array, Array]:
        """Displacements (m, 2) down and right, the nearest first, and the bin of each."""
        reach = np.arange(-self.radius, self.radius + 1)
        away = np.stack(np.meshgrid(reach, reach, indexing="ij"), axis=-1).reshape(-1, 2)
        squares = (away**2).sum(axis=1)
        away = away[(squares > 0) & (squares <= self.radius**2)]
        distances = np.hypot(*away.T)
        away, distances = away[np.argsort(distances, kind="stable")], np.sort(distances)
        rings = np.ceil(self.rings * np.log(distances) / np.log(self.radius) - 1e-9).astype(int) - 1
        turns = np.arctan2(-away[:, 0], away[:, 1]) / (2 * np.pi)
        angles = np.floor(turns * self.angles + 0.5 + 1e-9).astype(int) % self.angles
        return away, np.maximum(rings, 0) * self.angles + angles

    def _local(self, planes: Array) -> Array:
        from halfspaces.features.loops import similarity

        rows, columns = self.points(*planes.shape[2:])
        away, bins = self._displacements()
        found = np.empty(
            (len(planes), len(rows), len(columns), self.rings * self.angles), np.float32
        )
        corner = self.patch // 2
        run_compiled(
            similarity.similarities,
            *(
                planes,
                self.patch,
                np.float32(self.noise**2),
                rows - corner,
                columns - corner,
                away,
                bins,
                8,
            ),
            *(np.float32(FLAT), found),
        )
        return found
