"""One run from the script to the result: probe, diagnosis, patches, trials, run folder, within one budget of time."""

from __future__ import annotations

import ast
import re
import shutil
import sys
import time
import traceback
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ._version import __version__
from .assemble import Findings, run_environment, to_result
from .diagnose.whole_files import write_atomically
from .durations import format_duration
from .errors import DlfixError, ExitCode, ScriptError, UsageError, did_you_mean
from .inputs import Script, check_path, hash_files, read_script, relative_to_project
from .keras_support import check_imports, check_installation, check_project_files, tensorflow_version
from .progress import ProgressCallback, ProgressEvent
from .result import Result
from .runs import RunFolder, create_run, data_files, find_identical
from .script_failures import explain_failure
from .settings import Resolved

if TYPE_CHECKING:
    from .diagnose.execution import Executor, Job, JobOutcome
    from .knowledge_base import KnowledgeBase
    from .repair.search import SearchProgress

#: Share of the budget that the probe run may take at most; what it leaves goes to the trials.
PROBE_SHARE = 0.4

#: Without trials the probe run has nearly all of it; judging and reporting need the rest.
_DIAGNOSE_SHARE = 0.9

#: Last lines of the script's output that are shown when it failed.
_LOG_LINES = 12
_FRAMEWORK_CHATTER = re.compile(
    r"[IWE]\d{4} |WARNING: All log messages before absl|To enable the following instructions"
)

#: A test of learning rates gets this share of the time that is left, and no more than these seconds.
_RANGE_TEST_SHARE, _RANGE_TEST_SECONDS = 0.15, 60.0

#: Kept back from the trials for ending child processes and writing the report.
_CLOSING_SECONDS = 2.0


class InternalError(DlfixError):
    """A bug of dlfix; the traceback is in a file."""

    exit_code = ExitCode.BUG


@dataclass(frozen=True)
class Request:
    """What to run.

    Attributes:
        source: A script, or for ``diagnose`` the folder of a saved trace.
        trials: Propose and try patches (``suggest``) or stop after the diagnosis (``diagnose``).
        resume: Answer from an identical earlier run if there is one.
        run_base: Folder that gets ``.dlfix``; default: the current one.
        command: The command line as typed, for "run this again"; empty when called as a library.
    """

    source: Path
    resolved: Resolved
    arguments: tuple[str, ...] = ()
    trials: bool = True
    resume: bool = False
    run_base: Path | None = None
    command: tuple[str, ...] = ()
    progress: ProgressCallback = lambda event: None


@dataclass(frozen=True)
class Completed:
    """A result and the folder it is kept in."""

    result: Result
    folder: RunFolder


def run(request: Request) -> Completed:
    """Run the whole way and return what was found; a script that fails is a result with the verdict ``error``.

    Raises:
        UsageError: Nothing was run, because what was asked for cannot be.
        InternalError: A bug of dlfix.
    """
    return _Run(request).run()


class _Run:
    """The state of one run: a deadline, the findings so far, the folder."""

    def __init__(self, request: Request) -> None:
        self.request = request
        self.settings = request.resolved.settings
        self.started = time.monotonic()
        self.deadline = self.started + self.settings.budget
        self.findings = Findings(
            script=request.source.name,
            project_root=str(request.source.absolute().parent),
            arguments=request.arguments,
            settings=_shown_settings(request),
        )
        self.script: Script | None = None
        self.knowledge: KnowledgeBase | None = None
        self.key: dict[str, Any] | None = None
        self.log = ""
        self.probe_job: Job | None = None
        self.peak_bytes = 0

    def run(self) -> Completed:
        saved = self._saved_trace()
        if saved is None:
            check_path(self.request.source, directory_is_trace=not self.request.trials)
            check_installation()
            self._read_script()
            earlier = self._earlier_run()
            if earlier is not None:
                return earlier
        with ExitStack() as stack:
            executor = None
            if self.script is not None and self.findings.error is None:
                executor = _start_executor(stack)  # it imports TensorFlow while we read the rules
            if self.request.trials and self.findings.error is None:
                self.knowledge = self._load_knowledge()
            return self._in_folder(executor, saved)

    def _in_folder(self, executor: Executor | None, saved: Path | None) -> Completed:
        if saved is not None:
            self._load_trace(saved)
        folder = create_run(Path(self.findings.script), self.request.run_base)
        self.findings.run = folder.id
        try:
            if saved is not None:
                self._diagnose()
            elif executor is not None:
                self._run_script(executor, folder)
        except KeyboardInterrupt:
            self._interrupted()
        except ScriptError as error:
            self.findings.error = error
        except DlfixError:
            raise
        except Exception as error:
            raise _crash_report(error, folder) from error
        return self._finish(folder)

    def _run_script(self, executor: Executor, folder: RunFolder) -> None:
        try:
            self._probe(executor, folder)
            self.findings.environment = run_environment(executor.isolation)
            self._diagnose()
            self._test_rates(executor, folder)
            if self._wants_patches():
                self._search(executor)
        except BaseException:
            executor.cancel_all()
            raise

    # -- before anything runs ------------------------------------------------------------------------------------

    def _saved_trace(self) -> Path | None:
        """Return the folder of a saved trace if that is what ``diagnose`` was given (a run folder holds one too)."""
        source = self.request.source
        if self.request.trials or not source.is_dir():
            return None
        for candidate in (source, source / "trace"):
            if (candidate / "trace.json").is_file():
                return candidate
        return None

    def _load_trace(self, folder: Path) -> None:
        from .diagnose.trace_io import TraceError, load_trace

        try:
            trace = load_trace(folder)
        except TraceError as error:
            raise UsageError("unreadable-trace", str(error), "Record it again: dlfix diagnose SCRIPT.") from None
        self.findings.trace = trace
        self.findings.script = relative_to_project(Path(trace.script), Path(trace.project_root))
        self.findings.arguments = trace.arguments
        self.findings.project_root = trace.project_root

    def _load_knowledge(self) -> KnowledgeBase:
        from .knowledge_base import KnowledgeError, load_knowledge
        from .knowledge_base.rule_order import load_rule_order

        try:
            order = load_rule_order(self.settings.rule_order)
        except ValueError as error:
            hint = "Give a file that `python -m benchmarks.calibration fit` wrote, or leave rule-order out."
            raise UsageError("broken-rule-order", str(error), hint) from None
        try:
            knowledge = load_knowledge(self.settings.rules, order=order)
        except KnowledgeError as error:
            raise UsageError("broken-rule", str(error), "Correct that rule, or leave its folder out.") from None
        for ordered in order.offsets if self.settings.rule_order else ():
            if ordered not in knowledge.by_id:
                reason = f"{self.settings.rule_order} orders the rule {ordered!r}, and there is none of that name"
                hint = did_you_mean(ordered, knowledge.by_id) or "`dlfix rules` lists them all."
                raise UsageError("broken-rule-order", reason, hint)
        for wanted in (*self.settings.select, *self.settings.ignore):
            if wanted not in knowledge.by_id:
                hint = did_you_mean(wanted, knowledge.by_id) or "`dlfix rules` lists them all."
                raise UsageError("unknown-rule", f"there is no rule {wanted!r}", hint)
        return knowledge

    def _read_script(self) -> None:
        try:
            self.script = read_script(self.request.source)
            self.findings.script = relative_to_project(self.script.path, self.script.project_root)
            self.findings.project_root = str(self.script.project_root)
            check_imports(self.script.tree, self.script.path.name)
            check_project_files(self.script.project_root, self.script.sources)
        except ScriptError as error:
            self.findings.error = error

    def _earlier_run(self) -> Completed | None:
        if self.script is None or self.findings.error is not None:
            return None
        self.key = _run_key(self.request, self.script)
        if not self.request.resume:
            return None
        earlier = find_identical(self.key, self.request.run_base)
        if earlier is None:
            self.findings.notes.append("--resume: there is no earlier run of exactly this; it was run afresh")
            return None
        result = earlier.load_result()
        note = f"this is the result of the identical run {earlier.id} ({result.created}); nothing was run again"
        return Completed(result.model_copy(update={"notes": (*result.notes, note)}), earlier)

    # -- the steps -----------------------------------------------------------------------------------------------

    def _probe(self, executor: Executor, folder: RunFolder) -> None:
        from .diagnose.recording import record_script

        assert self.script is not None
        share = PROBE_SHARE if self.request.trials else _DIAGNOSE_SHARE
        seconds = self.settings.probe_time or self.settings.budget * share
        seconds = max(min(seconds, self._seconds_left() - _CLOSING_SECONDS), 1.0)
        recorder = _Recorder(executor)
        self._report("probe", f"probe run of {self.script.path.name} (at most {format_duration(seconds)})")
        self.findings.trace = record_script(
            recorder,
            self.script.path,
            self.request.arguments,
            project_root=self.script.project_root,
            working_directory=Path.cwd(),
            seconds=seconds,
            memory_bytes=memory_limit(),
            seed=self.settings.seed,
            output=folder.trace,
            probe_budget=self.settings.probe_budget,
        )
        self.probe_job, self.peak_bytes = recorder.job, recorder.peak_bytes
        self.log = recorder.keep_log(folder.logs / "probe.log")

    def _diagnose(self) -> None:
        from .diagnose.diagnosis import diagnose

        trace = self.findings.trace
        assert trace is not None
        if not trace.fits:
            self._fail()
            return
        self._report("diagnose", f"diagnosing ({_seen(len(trace.fits))}, {format_duration(trace.seconds)})")
        diagnosis = diagnose(trace)
        self.findings.diagnosis = diagnosis
        # A training that was cut off in the middle proves nothing about health.
        died_training = trace.state in ("killed", "out of memory") and trace.fits[-1].state == "stopped"
        if diagnosis.verdict == "error" or (diagnosis.verdict == "healthy" and died_training):
            self._fail()
        elif trace.state == "timed out":
            self.findings.notes.append(
                f"the probe run was stopped after {format_duration(trace.seconds)}; the diagnosis rests on what was "
                "seen until then (--probe-time allows more)"
            )

    def _test_rates(self, executor: Executor, folder: RunFolder) -> None:
        """Put the learning rate to a range test where the diagnosis is in doubt about it, and diagnose again."""
        from .diagnose.diagnosis import diagnose, doubtful_fit, with_range_test
        from .diagnose.recording import record_range_test
        from .diagnose.trace_io import save_trace

        trace, diagnosis = self.findings.trace, self.findings.diagnosis
        if trace is None or diagnosis is None or self.probe_job is None or self.findings.error is not None:
            return
        fit = doubtful_fit(trace, diagnosis)
        seconds = min(_RANGE_TEST_SHARE * (self._seconds_left() - _CLOSING_SECONDS), _RANGE_TEST_SECONDS)
        if fit is None or seconds < 1:
            return
        self._report("diagnose", f"testing learning rates (at most {format_duration(seconds)})")
        output = folder.path / "range-test"
        test = record_range_test(executor, self.probe_job, fit, seconds=seconds, output=output)
        shutil.rmtree(output, ignore_errors=True)
        if test is not None:
            self.findings.trace = with_range_test(trace, fit, test)
            save_trace(self.findings.trace, folder.trace)
            self.findings.diagnosis = diagnose(self.findings.trace, known=diagnosis)

    def _fail(self) -> None:
        trace = self.findings.trace
        assert trace is not None
        script = self.script
        if script is None:
            path = Path(trace.script)
            script = Script(path, Path(trace.project_root), {}, ast.Module(body=[], type_ignores=[]))
        self.findings.error = explain_failure(trace, script, self.log)

    def _wants_patches(self) -> bool:
        diagnosis = self.findings.diagnosis
        return (
            self.request.trials and diagnosis is not None and diagnosis.verdict == "faulty" and not self.findings.error
        )

    def _search(self, executor: Executor) -> None:
        from .proposals import plan_machine, propose, prove, untested, why_no_trials

        findings, settings, script = self.findings, self.settings, self.script
        trace, diagnosis, knowledge = findings.trace, findings.diagnosis, self.knowledge
        assert trace is not None
        assert diagnosis is not None
        assert script is not None
        assert knowledge is not None
        proposals = propose(trace, diagnosis, knowledge, script, settings)
        findings.notes += proposals.notes
        findings.references = {rule.id: tuple(rule.references) for rule in knowledge.rules}
        findings.untested_because = why_no_trials(trace, diagnosis) if settings.validate_patches else ""
        if findings.untested_because or not settings.validate_patches:
            findings.suggestions = untested([*proposals.patches, *proposals.advice])
            return
        if proposals.patches:
            outcome = prove(
                trace,
                diagnosis,
                proposals,
                script,
                settings,
                knowledge=knowledge,
                executor=executor,
                machine=plan_machine(settings.jobs, self.peak_bytes),
                seconds=max(self._seconds_left() - _CLOSING_SECONDS, 1.0),
                progress=self._report_trials,
            )
            findings.baseline = outcome.baseline
            findings.suggestions = outcome.suggestions or untested(proposals.patches)  # there was time for none
            findings.trials, findings.trial_seconds = len(outcome.trials), outcome.trial_seconds
            findings.notes += outcome.notes
            if outcome.interrupted:
                self._interrupted()
        findings.suggestions += untested(proposals.advice, begin=len(findings.suggestions) + 1)

    def _interrupted(self) -> None:
        self.findings.interrupted = True
        self.findings.notes.append("interrupted: what was finished until then is reported")

    # -- the end -------------------------------------------------------------------------------------------------

    def _finish(self, folder: RunFolder) -> Completed:
        self._report("report", "writing the report")
        self._note_changed_files()
        self.findings.wall_seconds = time.monotonic() - self.started
        result = to_result(self.findings)
        for suggestion in self.findings.suggestions:
            folder.save_patch(suggestion.rank, suggestion.patch)
        result = self._write_report(folder, result)
        folder.save_result(result, None if self.findings.interrupted else self.key)
        return Completed(result, folder)

    def _write_report(self, folder: RunFolder, result: Result) -> Result:
        """A report that cannot be drawn must not cost the result."""
        try:
            from .views.html import render_html

            write_atomically(folder.report_file, render_html(result).encode("utf-8", "replace"))
        except Exception as error:
            crash = _crash_report(error, folder)
            note = f"there is no HTML report: {crash.what} ({folder.path / 'crash.txt'})"
            return result.model_copy(update={"notes": (*result.notes, note)})
        return result

    def _note_changed_files(self) -> None:
        if self.script is None:
            return
        root = self.script.project_root
        now = hash_files([root / name for name in self.script.sources], root)
        changed = [name for name, digest in self.script.sources.items() if now.get(name) != digest]
        if changed:
            self.findings.notes.append(
                f"changed by someone else while dlfix ran: {', '.join(changed)}; the result is about the files as they "
                "were at the start"
            )

    def _seconds_left(self) -> float:
        return self.deadline - time.monotonic()

    def _report(self, phase: str, message: str, **details: Any) -> None:
        event = ProgressEvent(phase, message, seconds_left=max(self._seconds_left(), 0.0), **details)
        self.request.progress(event)

    def _report_trials(self, state: SearchProgress) -> None:
        best = ""
        if state.best_skill is not None and state.best_title:
            before = f"{state.baseline_skill:.2f} → " if state.baseline_skill is not None else ""
            best = f"skill {before}{state.best_skill:.2f} ({state.best_title})"
        self._report("trials", state.message, done=state.done, total=state.total, best=best)


class _Recorder:
    """Runs the probe's job and remembers where its output went."""

    def __init__(self, executor: Executor) -> None:
        self._executor = executor
        self._outcome: JobOutcome | None = None
        self.job: Job | None = None

    def run(self, job: Job) -> JobOutcome:
        self.job = job
        self._outcome = self._executor.run(job)
        return self._outcome

    @property
    def peak_bytes(self) -> int:
        """Memory that the run needed at most, 0 if unknown."""
        return self._outcome.peak_memory_bytes if self._outcome is not None else 0

    def keep_log(self, file: Path) -> str:
        """Move what the script printed to ``file`` and return its last lines."""
        try:
            content = self._outcome.log.read_bytes() if self._outcome is not None else b""
            file.parent.mkdir(parents=True, exist_ok=True)
            if self._outcome is not None:
                self._outcome.log.replace(file)
        except OSError:
            return ""
        lines = content.decode("utf-8", "replace").splitlines()
        return "\n".join([line for line in lines if not _FRAMEWORK_CHATTER.match(line)][-_LOG_LINES:])


def _start_executor(stack: ExitStack) -> Executor:
    from .diagnose.execution import Executor, ExecutorError

    try:
        executor = stack.enter_context(Executor())
        executor.start()
    except ExecutorError as error:
        raise UsageError("unsupported-system", str(error)) from None
    return executor


def _shown_settings(request: Request) -> dict[str, Any]:
    shown = {**request.resolved.as_dict(), "command": "suggest" if request.trials else "diagnose"}
    return {**shown, "command_line": list(request.command)} if request.command else shown


def memory_limit() -> int:
    """Return how much one child process may use: most of what is free now, so that the machine stays usable."""
    import psutil

    return max(int(psutil.virtual_memory().available * 0.8), 1 << 30)


def _run_key(request: Request, script: Script) -> dict[str, Any]:
    """Return everything known that the result of a run depends on; two runs with equal keys would be the same run."""
    constants = (
        node.value for node in ast.walk(script.tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )
    settings = {
        name: value for name, value in request.resolved.as_dict().items() if name not in ("format", "exit_zero")
    }
    files = data_files((*constants, *request.arguments), (Path.cwd(), script.path.parent))
    return {
        "script": str(script.path),
        "sources": script.sources,
        "arguments": list(request.arguments),
        "working_directory": str(Path.cwd()),
        "settings": settings,
        "rules": _rule_files(request),
        "data": {name: list(facts) for name, facts in sorted(files.items())},
        "versions": {"dlfix": __version__, "python": sys.version, "tensorflow": tensorflow_version()},
        "trials": request.trials,
    }


def _rule_files(request: Request) -> dict[str, str]:
    settings = request.resolved.settings
    files = [path for folder in settings.rules for path in sorted(folder.rglob("*.yaml"))]
    return hash_files([*files, *([settings.rule_order] if settings.rule_order else [])], Path.cwd())


def _crash_report(error: Exception, folder: RunFolder) -> InternalError:
    file = folder.path / "crash.txt"
    text = "".join(traceback.format_exception(error))
    file.write_text(f"dlfix {__version__}, Python {sys.version}\n{sys.argv}\n\n{text}", encoding="utf-8")
    return InternalError(
        "bug",
        f"a bug in dlfix: {type(error).__name__}: {error}".splitlines()[0],
        f"The traceback is in {file}; it helps to mend this (and -v shows it). Your files were not changed.",
    )


def _seen(fits: int) -> str:
    return "1 training" if fits == 1 else f"{fits} trainings"
