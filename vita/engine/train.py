"""Training: one plain loop, seeded, resumable at any step to the same last bit."""

from __future__ import annotations

import time
from contextlib import closing, nullcontext
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, cast

import torch
from accelerate import PartialState
from torch import nn
from tqdm import tqdm

from vita.core.batch import clip_seeds
from vita.core.contract import Clip, Interrupted, Losses, UserError, VideoMethod
from vita.core.files import sha256
from vita.core.plugins import find_method, method_package
from vita.core.progress import progress, say
from vita.core.records import (
    HISTORY_FILE,
    START_FILE,
    TRAINING_FILE,
    TRIAL,
    WEIGHTS_FILE,
    FileOrigin,
    StartingWeights,
    TrainingRecord,
    read_record,
)
from vita.core.run_config import RunConfig
from vita.data.dataset import read_part
from vita.data.sampling.clip_stream import training_stream
from vita.engine.batch_transfer import to_device
from vita.engine.checkpoint import Checkpoint, constant_norms, load_backbone, load_weights, save_weights
from vita.engine.clip_loading import read_shares
from vita.engine.device_settings import Adopt, accelerator_of, apply_settings, as_it_is, place
from vita.engine.finished import all_take_finished, keep_finished
from vita.engine.history import VALIDATION, History, checked_sum, steps_of_row, values_of
from vita.engine.interruption import EndRequest
from vita.engine.memory_advice import memory_explained, training_advice
from vita.engine.optimizer import build_optimizer, set_rates
from vita.engine.passes import Pass, check_share, drawing_modules, key_draws, passes_of, times
from vita.engine.pauses import Pause, Pauses, stop_after
from vita.engine.processes import Processes
from vita.engine.recomputation import recompute_layers
from vita.engine.record import (
    data_digest,
    device_name,
    new_training_record,
    source_digest,
    write_broken_off,
    write_ended,
)
from vita.engine.seeding import seed_everything
from vita.engine.step import take_step
from vita.engine.validation import Validation
from vita.engine.watching.watching import UNWATCHED, Watch, Watching
from vita.engine.work_folder import Holder, exclusive


def train(
    config: RunConfig,
    folder: Path,
    weights: Path | None,
    adopt: Adopt = as_it_is,
    watch: Watch = UNWATCHED,
    max_steps: int | None = None,
) -> None:
    """Train one run and write model.safetensors, history.csv and record.json into `folder`.

    State is kept in `folder/work`: the same call after any interruption goes on from the last checkpoint, to the same
    weights as an uninterrupted run's. Where another trainer is at work, waits for it, and takes what it has finished.
    Raises UserError on bad input and on a loss that is not finite; Interrupted, after a checkpoint at the end of the
    step, when a signal asked for an end. adopt: see `place`. watch: who is shown it. max_steps: of a trial, which ends
    after so many steps of the whole schedule; these three files then lie in `folder/trial`, and a training without it
    goes on from there.
    """
    record = new_training_record(config)
    # Told of the CPU explicitly: left to itself, it takes several processes without a GPU for as many separate runs.
    processes, end = Processes.of(PartialState(cpu=not torch.cuda.is_available())), EndRequest()
    record.processes = processes.count
    ended, watching = folder / "work" / TRAINING_FILE, Watching(watch)
    with exclusive(folder / "work") if processes.is_main else nullcontext() as holder, end.listening(), watching:
        if processes.is_main:
            ended.unlink(missing_ok=True)
        try:
            processes.gather(None)
            record.source_digest = source_digest(method_package(config.method))
            record.data_digest = data_digest(config)
            if not all_take_finished(folder, record, weights, processes):
                with memory_explained("training", training_advice(config.train)):
                    stop = stop_after(config.train, max_steps)
                    Trainer(config, folder, weights, record, processes, end, holder, adopt, watching, stop).run()
        except BaseException as error:
            write_broken_off(record, error, ended, processes, holder)
            raise


class Trainer:
    """The parts of one training run."""

    def __init__(
        self,
        config: RunConfig,
        folder: Path,
        weights: Path | None,
        record: TrainingRecord,
        processes: Processes,
        end: EndRequest,
        holder: Holder | None,
        adopt: Adopt,
        watching: Watching,
        stop: int,
    ) -> None:
        """holder: of the folder's lock, in the process that has it.  stop: the step after which it ends."""
        self.watching, self.stop = watching, stop
        self.config, self.folder, self.record, self.processes = config, folder, record, processes
        self.end, self.holder = end, holder
        schedule = config.train
        check_share(schedule.clips_per_batch, processes)
        seed_everything(config.seed, schedule.threads)
        self.accelerator = accelerator_of(schedule.precision)
        record.device_settings = apply_settings(schedule.card, self.accelerator.device)
        split = read_part(config.dataset, "train")
        self.stream = training_stream(config, split)
        definition = find_method(config.method)
        model = definition.build(config.options, len(split.category_ids))
        if weights is not None:
            record.started_from = self._start(model, weights)
        elif frozen := constant_norms(model):
            raise UserError(
                f"{config.method} '{config.variant}' would train from nothing, but its norms are constants, which only "
                f"a file gives ({len(frozen)} of them, first {frozen[0]}): start from weights (`weights` in the tier, "
                "docs/checkpoints.md), or train them too (`norm: trained` in the method's options)"
            )
        if processes.count > 1 and self.accelerator.device.type == "cuda":  # whose norms alone can be synchronised
            model = nn.SyncBatchNorm.convert_sync_batchnorm(model)
        model = place(model, schedule.card, self.accelerator.device, adopt)
        if schedule.activation_checkpointing:
            recompute_layers(model)
        self.drawing = drawing_modules(model)
        optimizer = build_optimizer(model, cast(VideoMethod, model).backbone_parameters(), schedule)
        self.bare = model
        self.model, self.optimizer = self.accelerator.prepare(model, optimizer)
        start = record.started_from and record.started_from.sha256
        identity = f"{record.config_digest} {record.data_digest} {start}"
        self.checkpoint = Checkpoint(folder / "work" / "last.pt", identity)
        self.history, self.seconds, self.start = History(), 0.0, 0
        self.pauses = Pauses(processes, schedule, end)
        self.validation = Validation(config, definition.read_variant(config.validation)) if schedule.validates else None
        record.device = device_name(self.accelerator.device)

    def _start(self, model: nn.Module, weights: Path) -> StartingWeights:
        """Fill the model; of a backbone from a file of others, the record says which."""
        given = self.config.weights
        if given is not None and given.holds == "backbone" and str(weights) == self.config.start_from:
            self.record.origin = read_record(FileOrigin, weights.with_name(START_FILE))
            loaded = load_backbone(model, cast(VideoMethod, model).backbone_parameters(), weights)
        else:
            loaded = load_weights(model, weights)
        return StartingWeights(file=str(weights), sha256=sha256(weights), **asdict(loaded))

    def run(self) -> None:
        """Take all steps that are left, then write the final files."""
        validates = self._resume()
        self.watching.start(self.config, self.folder, self.start, self.history.rows, self.processes)
        if validates:
            self._validate(self.start)
        self.bare.train()
        schedule = self.config.train
        name = f"{self.config.variant} seed {self.config.seed}"
        shares = read_shares(self.stream, range(self.start, self.stop), schedule, self.processes)
        with (
            closing(shares) as batches,
            progress(self.stop, name, self.start, shown=self.processes.is_main) as bar,
        ):
            for step, clips in enumerate(batches, self.start):
                began = time.perf_counter()
                rate = self._step(step, clips)
                self.seconds += time.perf_counter() - began
                self._after_step(step + 1, rate, bar)
        if self.processes.is_main:
            self._finish()

    def _step(self, step: int, share: list[Clip | UserError]) -> float:
        """One optimiser step on the share of this process."""
        schedule = self.config.train
        *others, last = passes_of(share, self.config.seed, step, schedule.clips_per_pass, self.processes)

        def objective() -> Losses:
            seen = [self._accumulate(one) for one in others]
            losses = self._forward(last)
            shares = self.processes.gather(values_of([*seen, losses]))
            self.history.add(checked_sum(shares, step))
            return self._of_all_processes(losses)

        return take_step(self.accelerator, self.model, self.optimizer, schedule, step, objective).rate

    def _forward(self, one: Pass) -> Losses:
        key_draws(self.drawing, one.part)
        torch.manual_seed(clip_seeds(one.part, "others", 1)[0][0])  # for methods that know of no parts
        losses: Losses = self.model(to_device(one.clips, self.accelerator.device), one.part)
        return losses

    def _accumulate(self, one: Pass) -> Losses:
        """Add the gradient of a pass to what is there, in this process alone; its losses."""
        with self.accelerator.no_sync(self.model):
            losses = self._forward(one)
            with torch.autocast(self.accelerator.device.type, enabled=False):  # a backward pass has its own precision
                self.accelerator.backward(self._of_all_processes(losses).total)
        return Losses([replace(term, value=term.value.detach()) for term in losses.terms])

    def _of_all_processes(self, losses: Losses) -> Losses:
        """Gradients of processes are averaged where they meet, but objectives are parts of one sum."""
        return times(losses, self.processes.count)

    def _after_step(self, done: int, rate: float, bar: tqdm[Any]) -> None:
        schedule = self.config.train
        last = done == schedule.iterations
        if done % steps_of_row(schedule.iterations) == 0 or last:
            means = self.history.close_row(done, rate, self.seconds)
            bar.set_postfix_str(f"loss {means['total']:.3f}, lr {rate:.1e}", refresh=False)
            self.watching.row(self.history.rows[-1])
            self._tell(f"step {done} of {schedule.iterations}")
        validates = self.validation is not None and schedule.validates_after(done)
        pause = self.pauses.after(done)
        if pause or ((validates or done == self.stop) and not last):
            # Before a validation, which may take longer than a scheduler waits once it has asked for an end.
            self._save(done, validates)
        bar.update()
        if pause is Pause.END:
            self.record.iterations, self.record.train_time_s = done, round(self.seconds, 3)
            raise Interrupted(f"by {self.end.signal or 'a signal'} after step {done} of {schedule.iterations}")
        if validates:
            self._validate(done)

    def _validate(self, done: int) -> None:
        assert self.validation is not None
        found = self.validation(self.bare, self.processes)
        self.history.note_validation(done, found.ap)
        self.watching.row({"step": done, VALIDATION: found.ap})
        self.watching.predictions(done, self.validation.split, found.first)

    def _tell(self, progress: str) -> None:
        if self.holder:
            self.holder.tell(progress)

    def _save(self, done: int, validates: bool) -> None:
        scaler = self.accelerator.scaler  # of fp16 alone
        progress_so_far = {
            "step": done,
            "validates": validates,  # before the next step
            "seconds": self.seconds,
            "history": vars(self.history),
            "resumed_at": self.record.resumed_at,
            "scaler": scaler.state_dict() if scaler else {},
        }
        if self.processes.is_main:
            self.checkpoint.save(self.bare, self.optimizer, progress_so_far)
        self.pauses.saved()

    def _resume(self) -> bool:
        """Go on from the last checkpoint, where there is one; whether a validation comes before the next step."""
        found = self.checkpoint.restore(self.bare, self.optimizer)
        if not found:
            return False
        self.start, self.seconds = found["step"], found["seconds"]
        self.history = History(**found["history"])
        self.record.resumed_at = [*found["resumed_at"], self.start]
        if self.accelerator.scaler:
            self.accelerator.scaler.load_state_dict(found["scaler"])
        if self.start > self.stop:
            raise UserError(
                f"{self.checkpoint.path}: at step {self.start} already, beyond --max-steps {self.stop}; ask for more "
                "steps, or for another folder with --out"
            )
        return bool(found["validates"])

    def _finish(self) -> None:
        """Write the final files; of a trial into a folder of their own, and the state stays, to go on from."""
        trial = self.stop < self.config.train.iterations
        folder = self.folder / TRIAL if trial else self.folder
        weights = folder / WEIGHTS_FILE
        save_weights(cast(VideoMethod, self.bare).state_to_keep(), weights)
        self.record.iterations, self.record.train_time_s = self.stop, round(self.seconds, 3)
        self.record.weights_sha256, self.record.status = sha256(weights), "trial" if trial else "finished"
        rate = set_rates(self.optimizer, self.stop - 1, self.config.train)
        self.history.closed(self.stop, rate, self.seconds).write(folder / HISTORY_FILE)
        write_ended(self.record, folder / TRAINING_FILE)
        if trial:
            say(f"{folder}: a trial of {self.stop} of {self.config.train.iterations} steps")
            return
        keep_finished(self.folder)
        for name in ("last.pt", TRAINING_FILE):
            (self.folder / "work" / name).unlink(missing_ok=True)
