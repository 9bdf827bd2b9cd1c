"""A fit of digits on a cluster of Ray, as a process: ADDRESS FOLDER [PID of the head to kill].

Prints the number of turns and writes the coefficients into the folder, or prints the sentence of an
error.
"""

import os
import signal
import sys
import warnings
from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

from halfspaces import LinearClassifier
from halfspaces.callbacks import Checkpoint
from halfspaces.engines import EngineError, Ray, place


def main(address, folder, *head):
    warnings.simplefilter("ignore")
    X, y = load_digits(return_X_y=True)
    heads = [*head]

    def kill(run):
        if heads and run.passes > 5:
            os.killpg(int(heads.pop()), signal.SIGKILL)

    turns = []
    callbacks = [Checkpoint(folder, every=0), kill, turns.append]
    with Ray(address) as engine:
        classifier = LinearClassifier(tol=1e-6, callbacks=callbacks)
        classifier.fit(place(X, engine, 5), y)
    np.save(Path(folder) / "coef.npy", classifier.coef_)
    print(len(turns))


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except EngineError as error:
        print(error, flush=True)
        os._exit(2)  # Ray waits for its head for a minute
