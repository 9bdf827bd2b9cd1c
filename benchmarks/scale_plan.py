"""A model of the time of a pass on a cluster: `python -m benchmarks.scale_plan`.

From the rate of the products on one core, the cost of a call, and a network; all are stated here.
`docs/scale.md` shows the table.
"""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class Plan:
    """A fit of C classes to N rows of D features, and the cluster that makes it.

    Parameters
    ----------
    rows, features, classes : int
    bytes_a_value : int
        Of X as it is stored.
    flops : float
        Of one core in products of float32, a second.
    call : float
        Seconds of the client for the call of one worker.
    network : float
        Bytes a second of one machine.
    cores_a_machine : int
    """

    rows: int = 10**9
    features: int = 1024
    classes: int = 1000
    bytes_a_value: int = 2
    flops: float = 60e9
    call: float = 2e-3
    network: float = 1.25e9
    cores_a_machine: int = 32

    @property
    def W_bytes(self) -> int:
        """W as it travels, float32."""
        return 4 * (self.features + 1) * self.classes

    def pass_seconds(self, cores: int) -> dict[str, float]:
        """The parts of a pass on so many cores, a partition each and one worker a machine.

        The client sends W to each worker, and receives one sum of each.
        """
        machines = math.ceil(cores / self.cores_a_machine)
        return {
            "products": 4 * self.rows * self.features * self.classes / (cores * self.flops),
            "calls": machines * self.call,
            "sums": machines * 2 * self.W_bytes / self.network,
            "W": machines * self.W_bytes / self.network,
        }


def main():
    plan = Plan()
    terabytes = plan.rows * plan.features * plan.bytes_a_value / 1e12
    print(f"X {terabytes:.1f} TB, W {plan.W_bytes / 1e6:.1f} MB, sums {plan.W_bytes * 2e-6:.1f} MB")
    print("| cores | products | calls | sums | W | a pass | of it products |")
    print("| --- | --- | --- | --- | --- | --- | --- |")
    for cores in (64, 256, 1024, 4096, 16384):
        parts = plan.pass_seconds(cores)
        total = sum(parts.values())
        cells = " | ".join(f"{seconds:.2f} s" for seconds in parts.values())
        print(f"| {cores:,} | {cells} | {total:.1f} s | {parts['products'] / total:.0%} |")


if __name__ == "__main__":
    main()
