"""Run published files through all rings of verification, against what the Keras model answered."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from export.apart.arrays import map_arrays, store_reference
from export.apart.limits import USUAL, Limits
from export.apart.process import process_for
from export.arrays import Arrays
from export.artifact import OUTPUT_NAME, REFERENCE, Artifact, Description, Format, ModelKind, Target, Variant
from export.comparison.output_parity import OutputParity, compare_outputs
from export.comparison.parity import Parity, compare, stability_radius
from export.comparison.reference import Reference, read_reference
from export.comparison.ring_result import SENSITIVITY, TEST_SET, RingResult
from export.comparison.tolerance import TOLERANCES, Tolerance
from export.comparison.verification_record import FileRecord, VerificationRecord
from export.errors import InputError, VerificationError
from export.folder.claims import check_claims, check_reference
from export.folder.manifest import Counts, Manifest, read_manifest
from export.folder.published_files import check_digests, check_foreign
from export.layers.matching import LayerMatch
from export.rings import Candidate
from export.rings.run import CheckRequest, answer, check, open_judged


@dataclass(frozen=True, kw_only=True, eq=False)
class Standard:
    """What files are held to: the model's answers, the tolerances, and what each file should say about itself."""

    reference: Reference
    description: Description
    tolerances: Mapping[Variant, Tolerance] = field(default_factory=lambda: TOLERANCES)


@dataclass(frozen=True, kw_only=True, eq=False)
class Verification:
    """Every artifact with its parity, in the manifest's order, what the other rings found, and what it answered: by
    file, then by output.

    `stability_radius` is None for a model that is no classifier. `passed_over`: why files that were written are not
    among these, where the smallest was to be chosen. `layers`: by file, which tensor is which layer's. `left`: what an
    earlier publication left that could not be removed, a sentence each.
    """

    artifacts: tuple[Artifact, ...]
    parities: tuple[Parity | OutputParity, ...]
    rings: tuple[tuple[RingResult, ...], ...]
    answers: Mapping[str, Arrays]
    stability_radius: float | None
    passed_over: Mapping[str, str] = field(default_factory=dict)
    layers: Mapping[str, tuple[LayerMatch, ...]] = field(default_factory=dict)
    left: tuple[str, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether there is something to pass, and all of it did."""
        return bool(self.artifacts) and all(self.failures_of(artifact) == () for artifact in self.artifacts)

    def failures_of(self, artifact: Artifact) -> tuple[str, ...]:
        """`RING: what failed` of one of the artifacts, in the order of the rings."""
        at = self.artifacts.index(artifact)
        results = [RingResult(ring=TEST_SET, failures=self.parities[at].failures), *self.rings[at]]
        return tuple(f"{result.ring}: {failure}" for result in results for failure in result.failures)

    def is_blind(self, artifact: Artifact) -> bool:
        """Whether faults were planted in the artifact and not seen."""
        results = self.rings[self.artifacts.index(artifact)]
        return any(result.ring is SENSITIVITY and not result.passed for result in results)

    def is_only_blind(self, artifact: Artifact) -> bool:
        """Whether the artifact failed although nothing differed: only that a difference would not have been seen."""
        at = self.artifacts.index(artifact)
        parity = self.parities[at]
        differs = parity.far if isinstance(parity, OutputParity) else parity.failures
        failed = {result.ring for result in self.rings[at] if not result.passed}
        return bool(self.failures_of(artifact)) and not differs and failed <= {SENSITIVITY}

    @property
    def only_blind(self) -> bool:
        """Whether it failed, and every artifact that did so only because a difference would not have been seen."""
        failed = [artifact for artifact in self.artifacts if self.failures_of(artifact)]
        return bool(failed) and all(map(self.is_only_blind, failed))

    @property
    def counted(self) -> Counts:
        """What the manifest says of it."""
        pairs = zip(self.artifacts, self.parities, strict=True)
        labels = {artifact.target.file: parity.counted for artifact, parity in pairs if isinstance(parity, Parity)}
        return Counts(examples=self.parities[0].examples, labels=labels)

    def of(self, artifacts: Sequence[Artifact]) -> Verification:
        """The same of some of the artifacts."""
        places = [self.artifacts.index(artifact) for artifact in artifacts]
        files = [artifact.target.file for artifact in artifacts]
        return Verification(
            artifacts=tuple(artifacts),
            parities=tuple(self.parities[at] for at in places),
            rings=tuple(self.rings[at] for at in places),
            answers={file: self.answers[file] for file in files},
            stability_radius=self.stability_radius,
            layers={name: layers for name, layers in self.layers.items() if name in files},
        )

    @property
    def record(self) -> VerificationRecord:
        """What `parity.json` holds."""
        return VerificationRecord(
            examples=self.parities[0].examples,
            kind=ModelKind.OUTPUTS if self.stability_radius is None else ModelKind.CLASSIFIER,
            stability_radius=self.stability_radius,
            passed=self.passed,
            passed_over=self.passed_over,
            results=tuple(
                FileRecord(
                    format=artifact.target.format,
                    variant=artifact.target.variant,
                    file=artifact.target.file,
                    sha256=artifact.files,
                    parity=parity,
                    passed=self.failures_of(artifact) == (),
                    only_blind=self.is_only_blind(artifact),
                    failures=self.failures_of(artifact),
                    rings=rings,
                    layers=self.layers.get(artifact.target.file, ()),
                )
                for artifact, parity, rings in zip(self.artifacts, self.parities, self.rings, strict=True)
            ),
        )


def get_ready(targets: Iterable[Target]) -> None:
    """Start the processes in which files of these targets are verified, so that they load meanwhile.

    For files that are written here: those of others are judged before anything is loaded for them.
    """
    for kind in {target.format for target in targets}:
        process_for(kind).ask("export.rings.run:get_ready", kind)


def verify_artifacts(
    folder: Path,
    artifacts: Sequence[Artifact],
    standard: Standard,
    *,
    limits: Limits = USUAL,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verification:
    """Check every file's bytes, run it in its runtime on all reference inputs, compare, and go through all rings.

    Each file is opened and run in a process apart, within the limits. Raises VerificationError for bytes that are not
    the manifest's, or are not safe to be run, for a file that goes beyond the limits or ends its process, and for
    answers that can't be compared.
    """
    answers: dict[str, Arrays] = {}
    parities: list[Parity | OutputParity] = []
    rings: list[tuple[RingResult, ...]] = []
    with tempfile.TemporaryDirectory() as place:
        store_reference(standard.reference, Path(place))
        for artifact in artifacts:
            check_digests(folder, artifact.files)
            on_step(f"verifying {artifact.target.file}")
            answers[artifact.target.file], results = _run_apart(folder, artifact, standard, Path(place), limits)
            parities.append(judge_answers(artifact, standard, answers[artifact.target.file]))
            rings.append(results)
    return Verification(
        artifacts=tuple(artifacts),
        parities=tuple(parities),
        rings=tuple(rings),
        answers=answers,
        stability_radius=None
        if standard.reference.labels is None
        else stability_radius(standard.reference.probabilities),
    )


def _run_apart(
    folder: Path, artifact: Artifact, standard: Standard, place: Path, limits: Limits
) -> tuple[Arrays, tuple[RingResult, ...]]:
    """What the file answers to the reference's inputs, and what the rings found but the one of the test set."""
    answers = place / artifact.target.file
    found = process_for(artifact.target.format).call(
        "export.rings.run:answer_and_check",
        CheckRequest(
            folder=folder.resolve(),
            artifact=artifact,
            description=standard.description,
            tolerance=standard.tolerances[artifact.target.variant],
            reference=place,
            answers=answers,
        ),
        file=folder / artifact.target.file,
        limits=limits,
    )
    return map_arrays(answers), tuple(map(RingResult.from_json, found))


def judge_answers(artifact: Artifact, standard: Standard, answers: Arrays) -> Parity | OutputParity:
    """How far a file's answers are from the Keras model's. Raises VerificationError if they can't be compared."""
    reference, tolerance = standard.reference, standard.tolerances[artifact.target.variant]
    try:
        if reference.labels is None:
            return compare_outputs(reference.outputs, answers, tolerance=tolerance)
        return compare(reference.probabilities, answers[OUTPUT_NAME], reference.labels, tolerance=tolerance)
    except ValueError as error:
        raise VerificationError(f"{artifact.target.file} can't be compared with the Keras model: {error}") from error


def open_candidate(folder: Path, artifact: Artifact, standard: Standard) -> Candidate:
    """The file, judged by its bytes, in its runtime here. Raises as `export.rings.run.opened` does."""
    return open_judged(
        CheckRequest(
            folder=folder,
            artifact=artifact,
            description=standard.description,
            tolerance=standard.tolerances[artifact.target.variant],
        ),
        standard.reference,
    )


def ask(candidate: Candidate, standard: Standard) -> tuple[Arrays, Parity | OutputParity]:
    """What the file answers to the reference's inputs, and how far that is from the Keras model's answers.

    Raises VerificationError for answers that can't be compared.
    """
    answers = answer(candidate)
    return answers, judge_answers(candidate.artifact, standard, answers)


def first_failing_ring(folder: Path, *, formats: Collection[Format]) -> str | None:
    """Verify a published folder until something fails: the ring that failed, `bytes` where files are missing, changed
    or foreign, `contract` where a file can't be opened or compared; None if all of it passed."""
    manifest = read_manifest(folder)
    try:
        check_digests(folder, manifest.digests)
        check_foreign(folder, manifest)
        standard = published_standard(folder, manifest)
        check_claims(folder, manifest, standard.reference)
    except VerificationError:
        return "bytes"
    for artifact in manifest.artifacts:
        if artifact.target.format not in formats:
            continue
        try:
            candidate = open_candidate(folder, artifact, standard)
            _, parity = ask(candidate, standard)
        except (VerificationError, InputError):
            return "contract"
        if not parity.passed:
            return TEST_SET
        for result in check(candidate):
            if not result.passed:
                return result.ring
    return None


def verify_folder(
    folder: Path,
    *,
    formats: Collection[Format],
    manifest: Manifest | None = None,
    limits: Limits = USUAL,
    on_step: Callable[[str], None] = lambda step: None,
) -> Verification:
    """Check a published folder by itself alone: no file missing, changed or foreign, and every answer as it was.

    Only artifacts of `formats` are run, so that only their runtimes have to be installed. `manifest`: the folder's, if
    it was read already: what was signed must not be read twice. Raises InputError if nothing of that is published
    there, VerificationError naming the file otherwise.
    """
    manifest = manifest if manifest is not None else read_manifest(folder)
    check_digests(folder, manifest.digests)
    check_foreign(folder, manifest)
    chosen = [artifact for artifact in manifest.artifacts if artifact.target.format in formats]
    if not chosen:
        raise InputError(f"{folder} holds no {' or '.join(formats)}: export it first with `export.py`")
    standard = published_standard(folder, manifest)
    check_claims(folder, manifest, standard.reference)
    return verify_artifacts(folder, chosen, standard, limits=limits, on_step=on_step)


def published_standard(folder: Path, manifest: Manifest) -> Standard:
    """What the files of a published folder are held to. Raises VerificationError if it can't be read, or is not what
    the manifest describes."""
    reference = read_reference(folder / REFERENCE)
    check_reference(manifest, reference)
    return Standard(
        reference=reference,
        description=manifest.description,
        tolerances={**TOLERANCES, **manifest.tolerances},
    )
