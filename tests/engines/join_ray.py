"""A fit of digits on a cluster of Ray that a node joins and leaves, as a process: ADDRESS FOLDER.

Prints the numbers of workers before and after, and writes the coefficients into the folder.
"""

import sys
import warnings
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.engines import Ray, place
from tests.engines.servers import ray_node, wait_until


def main(address, folder):
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    workers = []

    def cores():
        import ray

        return int(ray.cluster_resources()["CPU"])

    with Ray(address) as engine, ExitStack() as nodes:

        def join_and_leave(run):
            workers.append(len(engine.workers()))
            if len(workers) == 3:
                nodes.enter_context(ray_node(address))
                wait_until(lambda: cores() > workers[0])
            elif len(workers) == 8:
                nodes.close()

        classifier = LinearClassifier(tol=1e-6, callbacks=[join_and_leave])
        classifier.fit(place(X, engine, 5), y)
    np.save(Path(folder) / "coef.npy", classifier.coef_)
    print(workers[0], workers[-1])


if __name__ == "__main__":
    main(*sys.argv[1:])
