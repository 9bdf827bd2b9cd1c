"""Linear probes by published protocols: `probe`, and a classifier for other packages' evaluators.

from halfspaces.estimators.probes import PROTOCOLS, LogisticProbe, probe
"""

from halfspaces.estimators.probes.logistic import LogisticProbe as LogisticProbe
from halfspaces.estimators.probes.protocols import PROTOCOLS as PROTOCOLS
from halfspaces.estimators.probes.protocols import Grid as Grid
from halfspaces.estimators.probes.protocols import Protocol as Protocol
from halfspaces.estimators.probes.result import ProbeResult as ProbeResult
from halfspaces.estimators.probes.run import probe as probe
