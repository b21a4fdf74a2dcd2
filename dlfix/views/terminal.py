"""A result for the terminal: readable on 80 columns, without colour, and in a log file."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from ..result import FaultResult, Result, SuggestionResult
from . import wording

_FAULTS_SHOWN = 5
_LOSERS_SHOWN = 5
_EVIDENCE_SHOWN = 3
_PLACE_WIDTH = 22
#: What stands for a character where the terminal writes ASCII only.
_PLAIN = {"“": '"', "”": '"', "’": "'", "…": "~", "·": "-", "→": ">", "×": "x", "–": "-", "—": "-"}
_DIFF_STYLES = {"+": "green", "-": "red", "@": "cyan"}


def render_terminal(result: Result, console: Console, *, verbose: bool = False, report: str | None = None) -> None:
    """Print a result.

    Args:
        result: What to print.
        console: Where to print it.
        verbose: Also all symptoms, all checks, every trial and every patch that did not help.
        report: Where the HTML report was written, if not in the run folder.
    """
    view = _View(result, console, verbose)
    if result.verdict == "error":
        view.error()
    else:
        view.heading()
        view.skill()
        view.faults()
        view.suggestions()
        if verbose:
            view.symptoms()
        view.checks()
    view.notes()
    view.next_steps(report or wording.report_path(result))


def render_suggestion(suggestion: SuggestionResult, result: Result, console: Console) -> None:
    """Print one patch with its evidence and its diff, for ``dlfix show N``."""
    view = _View(result, console, verbose=True)
    view.suggestion(suggestion)


class _View:
    """Prints the parts of one result to one console."""

    def __init__(self, result: Result, console: Console, verbose: bool) -> None:
        self.result = result
        self.console = console
        self.verbose = verbose
        ascii_only = console.options.ascii_only
        self.ascii_only = ascii_only
        self.arrow = "->" if ascii_only else "→"
        self.bullet = "-" if ascii_only else "·"

    def heading(self) -> None:
        cost = self.result.cost
        parts = [f"Probe {wording.seconds(cost.probe_seconds)}"] if cost.probe_seconds else []
        if cost.trials:
            patches = wording.count(len(self.result.suggestions), "patch", "patches")
            parts.append(f"{patches}, {wording.count(cost.trials, 'trial')}")
        if self.verbose and cost.watching_share is not None:
            parts.append(f"watching took {cost.watching_share:.1%} of the training")
        if cost.wall_seconds:
            parts.append(f"{wording.seconds(cost.wall_seconds)} in all")
        style = "bold green" if self.result.verdict == "healthy" else "bold"
        self._print(Text(wording.headline(self.result), style))
        if parts:
            self._print(Text(f"{'; '.join(parts)}.", "dim"))

    def skill(self) -> None:
        baseline = [value for value in map(wording.finite, self.result.baseline.skill) if value is not None]
        facts = []
        if self.result.task.kind != "unknown" or self.result.task.text:
            facts.append(f"Task: {wording.task_text(self.result)}.")
        if baseline:
            facts.append(f"Skill {wording.skill(wording.mean(baseline))} ({self._references()}).")
        if facts:
            self._print(Text(" ".join(facts)))

    def _references(self) -> str:
        reference = self.result.reference
        parts = [
            f"{name} {wording.skill(value)}"
            for name, value in (("linear model", reference.linear),)
            if value is not None
        ]
        if reference.best is not None:
            parts.append(f"{wording.words(reference.best_name or 'best reference')} {wording.skill(reference.best)}")
        return ", ".join(["0 is trivial", "1 is perfect", *parts])

    def faults(self) -> None:
        faults = self.result.faults
        if not faults:
            return
        shown = faults if self.verbose else faults[:_FAULTS_SHOWN]
        self._title("Faults")
        for fault in shown:
            self._fault(fault)
        if len(shown) < len(faults):
            self._print(Text(f"  and {len(faults) - len(shown)} less likely; see the report or use -v", "dim"))

    def _fault(self, fault: FaultResult) -> None:
        head = Text(f"{fault.rank:>3}  ")
        head.append(wording.place(fault.location) or wording.one_line(wording.script_name(self.result)), "bold")
        head.append("  ")
        head.append(wording.words(fault.kind), "yellow")
        head.append(f"  {wording.subject(fault)}, {fault.confidence:.0%} sure")
        self._print(head, indent=5)
        if fault.text:
            self._print(Text(wording.one_line(fault.text, 400)), indent=5, first=5)
        symptoms = wording.symptoms_of(self.result, (fault,))
        for symptom in symptoms if self.verbose else symptoms[:_EVIDENCE_SHOWN]:
            self._print(Text(f"{self.bullet} {wording.one_line(symptom.text, 400)}", "dim"), indent=7, first=5)

    def suggestions(self) -> None:
        if self.result.suggestions:
            offers, losers = wording.offers(self.result), wording.losers(self.result)
            shown = losers if self.verbose else losers[:_LOSERS_SHOWN]
            self._title("Patches")
            self.console.print(Padding(self._table((*offers, *shown)), (0, 0, 0, 1)))
            if len(shown) < len(losers):
                rest = wording.count(len(losers) - len(shown), "more patch", "more patches")
                self._print(Text(f"  {rest} did not help; see the report or use -v", "dim"))
            for entry in (*offers, *shown) if self.verbose else ():
                self._trials(entry)
        elif self.result.verdict == "faulty" and self.result.settings.get("command") == "suggest":
            self._print(Text("\nNo patch could be proposed for these faults.", "bold"))

    def _table(self, entries: Sequence[SuggestionResult]) -> Table:
        table = Table(box=None, padding=(0, 1), header_style="dim", pad_edge=False, expand=False)
        table.add_column("#", justify="right", no_wrap=True)
        table.add_column("Verdict", no_wrap=True)
        table.add_column("Where", no_wrap=True, max_width=_PLACE_WIDTH)
        table.add_column("Change", ratio=1, overflow="fold")
        table.add_column("Skill", no_wrap=True)
        for entry in entries:
            places = wording.where(entry)
            more = f" +{len(places) - 1}" if len(places) > 1 else ""
            place = f"{wording.one_line(places[0].file)}:{places[0].line}" if places else ""
            place = wording.shortened(place, _PLACE_WIDTH - len(more)) + more
            change = Text(wording.one_line(entry.title, 200))
            for trouble in wording.bad_trials(entry)[:2] if entry.verdict == "failed" else ():
                change.append(f"\n{trouble}", "dim")
            if entry.applicability == "display-only":
                change.append("\nshown only; edit by hand", "dim")
            cells = (Text(str(entry.rank)), self._verdict(entry.verdict), Text(place), change, self._skill(entry))
            table.add_row(*map(self._safe, cells))
        return table

    def _verdict(self, word: str) -> Text:
        entry = wording.VERDICTS[word]
        return Text(word if self.ascii_only else f"{entry.glyph} {word}", entry.style)

    def _skill(self, suggestion: SuggestionResult) -> Text:
        after = wording.mean(suggestion.skill.patched)
        if after is None:
            return Text("")
        before = wording.mean(suggestion.skill.baseline or self.result.baseline.skill)
        text = Text(f"{wording.skill(before)} {self.arrow} {wording.skill(after)}")
        if suggestion.skill.interval is not None:
            text.append(f"\n{wording.interval(suggestion.skill.interval)}", "dim")
        return text

    def symptoms(self) -> None:
        if not self.result.symptoms:
            return
        self._title("Symptoms")
        for symptom in self.result.symptoms:
            line = Text(f"  {self.bullet} {wording.one_line(symptom.text, 600)} ")
            line.append(f"[{wording.one_line(symptom.check)}]", "dim")
            self._print(line, indent=4)

    def checks(self) -> None:
        checks = self.result.checks
        counts = [
            (status, [entry for entry in checks if entry.status == status])
            for status in ("fired", "passed", "not applicable")
        ]
        if checks and (self.verbose or self.result.verdict == "healthy"):
            self._title("What was checked")
            for status, entries in counts:
                if entries:
                    names = ", ".join(wording.one_line(entry.check) for entry in entries)
                    self._print(Text(f"  {status} ({len(entries)}): {names}"), indent=4)
        for entry in self.result.checks_failed:
            reason = f"The check {entry.check} failed and was left out (a bug in dlfix): {entry.reason}"
            self._print(Text(wording.one_line(reason, 400), "yellow"))

    def notes(self) -> None:
        for note in self.result.notes if self.verbose or self.result.verdict == "error" else ():
            self._print(Text(f"Note: {wording.one_line(note, 600)}", "dim"), indent=6)

    def error(self) -> None:
        self._print(Text(wording.clean(self.result.error or wording.headline(self.result)), "bold red"))
        exception = self.result.exception
        if exception is None:
            return
        if exception.traceback:
            self.console.print()
            self._verbatim(Text(wording.clean(exception.traceback).rstrip("\n")))
            self.console.print()
        else:
            self._print(Text(wording.one_line(f"{exception.type_name}: {exception.message}", 1000)))

    def next_steps(self, report: str) -> None:
        first = wording.first_offer(self.result)
        if self.result.suggestions or report:
            self.console.print()
        if first is not None:
            self._command(f"dlfix show {first.rank}", "the diff and the evidence")
            self._command(f"dlfix apply {first.rank}", "write the patch (undo: dlfix apply --undo)")
        elif self.result.suggestions:
            self._command(f"dlfix show {self.result.suggestions[0].rank}", "the diff and the trials")
        if report:
            self._verbatim(Text.assemble("Report: ", (report, "bold")))
        self._print(Text("Your files were not changed.", "dim"))

    def _command(self, command: str, purpose: str) -> None:
        line = Text("  ")
        line.append(f"{command:<16}", "bold cyan")
        line.append(f" {purpose}")
        self._print(line)

    def suggestion(self, suggestion: SuggestionResult) -> None:
        head = Text(f"Patch {suggestion.rank}  ", "bold")
        head.append_text(self._verdict(suggestion.verdict))
        head.append(f"  {wording.one_line(suggestion.title)}", "bold")
        self._print(head)
        self._print(Text(wording.VERDICTS[suggestion.verdict].meaning, "dim"))
        self._gain(suggestion)
        if suggestion.why:
            self._title("Why")
            self._print(Text(wording.clean(suggestion.why)), indent=2, first=2)
        self._list("Where", self._edits(suggestion))
        symptoms = wording.symptoms_of(self.result, wording.faults_behind(self.result, suggestion))
        self._list("Evidence", (wording.one_line(symptom.text, 600) for symptom in symptoms))
        self._trials(suggestion, title=True)
        sources = [("Rules", suggestion.rules), ("Known cases", suggestion.cases), ("Read more", suggestion.references)]
        lines = [f"{name}: {', '.join(map(wording.one_line, values))}" for name, values in sources if values]
        self._list("Sources", lines)
        self._diff(suggestion.diff)
        self.console.print()
        if suggestion.applicability == "display-only":
            self._print(Text("This patch is shown only; dlfix does not apply it.", "dim"))
        else:
            self._command(f"dlfix apply {suggestion.rank}", "write the patch")

    def _gain(self, suggestion: SuggestionResult) -> None:
        skill = suggestion.skill
        if wording.mean(skill.patched) is None:
            return
        before = skill.baseline or self.result.baseline.skill
        line = f"Skill {wording.skill(wording.mean(before))} {self.arrow} {wording.skill(wording.mean(skill.patched))}"
        if wording.finite(skill.gain) is not None:
            bounds = f", 90 % interval {wording.interval(skill.interval)}" if skill.interval else ""
            line += f" (gain {wording.signed(skill.gain)}{bounds})"
        self._print(Text(line))
        for name, values in (("before", before), ("after", skill.patched)):
            self._print(Text(f"  {name + ':':<8}{'  '.join(map(wording.skill, values)) or 'no score'}", "dim"))

    def _edits(self, suggestion: SuggestionResult) -> Iterable[str]:
        for edit in suggestion.edits:
            change = f" {self.arrow} ".join(wording.one_line(part, 60) for part in (edit.before, edit.after) if part)
            parts = (wording.place(edit.location), wording.words(edit.edit) + (":" if change else ""), change)
            yield " ".join(filter(None, parts))

    def _trials(self, suggestion: SuggestionResult, *, title: bool = False) -> None:
        if not suggestion.trials:
            return
        self._title("Trials" if title else f"Trials of patch {suggestion.rank}")
        for trial in suggestion.trials:
            reason = f", {wording.one_line(trial.reason, 200)}" if trial.reason else ""
            epochs = wording.count(trial.epochs, "epoch")
            score = "" if wording.finite(trial.skill) is None else f", skill {wording.skill(trial.skill)}"
            state = wording.one_line(trial.state)
            line = f"  seed {trial.seed}: {state}{score}, {epochs}, {wording.seconds(trial.seconds)}{reason}"
            self._print(Text(line), indent=4)

    def _diff(self, diff: str) -> None:
        if not diff.strip():
            return
        self._title("Diff")
        shown = Text()
        for line in diff.rstrip("\n").split("\n"):
            heading = line.startswith(("--- ", "+++ "))
            shown.append(wording.clean(line.rstrip("\r")), "bold" if heading else _DIFF_STYLES.get(line[:1], ""))
            shown.append("\n")
        shown.rstrip()
        self._verbatim(shown)

    def _list(self, title: str, lines: Iterable[str]) -> None:
        lines = list(lines)
        if lines:
            self._title(title)
            for line in lines:
                self._print(Text(f"  {self.bullet} {line}"), indent=4)

    def _title(self, title: str) -> None:
        self.console.print()
        self._print(Text(title, "bold"))

    def _safe(self, text: Text) -> Text:
        """The text without anything that steers a terminal, and in ASCII where that is all it can write.

        Each character stands for one, so that the styles stay where they are.
        """
        text.plain = "".join(c if c == "\n" else wording.clean(c)[:1] for c in text.plain)
        if self.ascii_only:
            text.plain = "".join(_PLAIN.get(c, c) if c.isascii() or c in _PLAIN else "?" for c in text.plain)
        return text

    def _print(self, text: Text, *, indent: int = 0, first: int = 0) -> None:
        """Print a paragraph, folded to the width, later lines indented."""
        if not indent:
            self.console.print(self._safe(text), overflow="fold")
            return
        lines = self._safe(text).wrap(self.console, max(20, self.console.width - indent), overflow="fold")
        for number, line in enumerate(lines):
            line.rstrip()
            self._verbatim(Text(" " * (first if number == 0 else indent)).append_text(line))

    def _verbatim(self, text: Text) -> None:
        """Print lines as they are, never folded, so that they can be copied."""
        self.console.print(self._safe(text), soft_wrap=True)
