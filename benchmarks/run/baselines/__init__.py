"""Other tools on the benchmark's programs: DeepLocalize, and the callbacks of Keras that its authors compared with.

Each program runs unmodified in a child process, where every ``fit`` is given the tool's callback.

- ``deeplocalize``: a fault is detected if the callback gives a verdict; it names a layer, or the whole model.
- ``terminate_on_nan``: ``keras.callbacks.TerminateOnNaN``; detected if it stops training.
- ``early_stopping_loss``, ``early_stopping_accuracy``: ``keras.callbacks.EarlyStopping`` on the training loss, or on
  the training accuracy, patience 0; a fault is detected if it stops training before the last planned epoch. This is the
  rule of the DeepLocalize paper, and it takes every training that has an epoch without progress for a faulty one.

A program with several fits has a fault if the tool sees one in any of them. A tool cannot run on a program (detected is
None, and ``error`` says why) if it cannot on any of its fits, if nothing is trained by ``fit``, or if the run does not
come to its end without a verdict (the script raises, or takes too long).
"""

from .outcome import BaselineOutcome
from .process import run_baseline

__all__ = ["BaselineOutcome", "run_baseline"]
