"""Adversarial fits: `python -m tests.soundness 10000 [--first SEED]`.

Prints what breaks; exit code 1 if anything does.
"""

import argparse
import sys
import warnings
from concurrent.futures import ProcessPoolExecutor

from tests.soundness.fits import broken

CHUNK = 20


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soundness")
    parser.add_argument("fits", type=int, nargs="?", default=10_000)
    parser.add_argument("--first", type=int, default=0)
    options = parser.parse_args()
    seeds = range(options.first, options.first + options.fits)
    faults = 0
    with ProcessPoolExecutor(initializer=warnings.simplefilter, initargs=("error",)) as pool:
        for done, found in enumerate(pool.map(broken, seeds, chunksize=CHUNK), start=1):
            for words in found:
                faults += 1
                print(words, flush=True)
            if done % 500 == 0:
                print(f"{done:,} fits, {faults} faults", flush=True)
    sys.exit(faults > 0)


if __name__ == "__main__":
    main()
