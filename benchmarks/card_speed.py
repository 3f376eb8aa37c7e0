"""What was made for cards, each beside the plain way in one process, in turn: time, memory, largest difference, and how
often the host waits for a card or copies to it, counted on a pretended one.

Run: python benchmarks/card_speed.py [--help]. Times are of a CPU: they tell that nothing became slower there, and what
holds less memory; a card's are still to be measured. The ratios count, not the seconds: of time on the clock, and of
processor time, which hardly depends on what else the machine does.

Legend: F frames, S positions, Q queries, C channels, M masks, H W pixels.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from statistics import median
from typing import Annotated, Any

import torch
import typer
from card_speed_reference import PlainCriterion, PlainFrozenBatchNorm, plain_frame_targets
from pretend_card import CARD, OnCard, counting
from tabulate import tabulate
from torch import Tensor, nn
from torch._decomp.decompositions import _upsample_linear_vec as deterministic_resize
from transformers.models.mask2former import modeling_mask2former as library
from transformers.utils import logging

from vita.blocks.backbone import FrozenBatchNorm
from vita.blocks.deformable_attention import sample_levels
from vita.blocks.detector_options import DetectorOptions
from vita.blocks.losses.point_sampling import Owners
from vita.blocks.losses.set_criterion import ObjectCounts, SetCriterion
from vita.blocks.losses.targets import frame_targets, identities
from vita.blocks.mask_coding import CodingThread
from vita.blocks.mask_decoding import FrameGeometry, code_frames, columns_of
from vita.blocks.masked_attention import adopt_decoder
from vita.core.contract import Clip
from vita.engine.batch_transfer import to_device
from vita.engine.memory.tracker import MemoryTracker

Results = list[Tensor]
Way = Callable[[], Results]  # what was computed, gradients among it
FRAMES, HEIGHT, WIDTH = 2, 360, 640  # of the network's input
CARD_S = 0.03  # what a card would take for a frame, in the pair about masks


@dataclass(frozen=True)
class Pair:
    """Two ways to the same numbers. within: how far they may differ, as a share of the largest."""

    name: str
    plain: Way
    fast: Way
    within: float = 1e-4


def with_gradients(call: Callable[..., Tensor], *inputs: Tensor) -> Results:
    """The result and the gradients of all inputs, for a sum of squares."""
    given = [tensor.detach().requires_grad_() for tensor in inputs]
    result = call(*given)
    gradients = torch.autograd.grad(result.float().square().sum(), given)
    return [result.detach(), *gradients]


def masked_attention(random: torch.Generator) -> Pair:
    """Masks of the queries, and the cross-attention inside them, on the finest level (stride 8)."""
    plain = library.Mask2FormerMaskedAttentionDecoder(DetectorOptions(decoder_layers=1).configuration()).train()
    ours = copy.deepcopy(plain)
    adopt_decoder(ours)
    size = HEIGHT // 8, WIDTH // 8
    queries = torch.randn(100, FRAMES, 256, generator=random)
    features = torch.randn(FRAMES, 256, HEIGHT // 4, WIDTH // 4, generator=random) / 16
    keys = torch.randn(size[0] * size[1], FRAMES, 256, generator=random)

    def run(decoder: Any, queries: Tensor, features: Tensor, keys: Tensor) -> Tensor:
        _, blocked = decoder.mask_predictor(queries, features, size)
        blocked = blocked & ~blocked.all(-1, keepdim=True)
        attended: Tensor = decoder.layers[0].cross_attn(query=queries, key=keys, value=keys, attn_mask=blocked)[0]
        return attended

    def way(decoder: nn.Module) -> Way:
        return lambda: with_gradients(lambda q, k: run(decoder, q, features, k), queries, keys)

    return Pair("masked cross-attention", way(plain), way(ours))


def frozen_norms(random: torch.Generator) -> Iterator[Pair]:
    """A map of ResNet's first stage, with and without a gradient, in both precisions."""
    plain, ours = PlainFrozenBatchNorm(256), FrozenBatchNorm(256, 1e-5)
    ours.load_state_dict(plain.state_dict())
    maps = torch.randn(FRAMES, 256, HEIGHT // 4, WIDTH // 4, generator=random)
    for dtype, within in ((torch.float32, 1e-4), (torch.bfloat16, 2e-2)):
        given, name = maps.to(dtype), str(dtype).removeprefix("torch.")
        yield Pair(
            f"frozen norm, training, {name}",
            partial(with_gradients, plain, given), partial(with_gradients, ours, given), within,
        )  # fmt: skip
        yield Pair(f"frozen norm, inference, {name}", lambda x=given: [plain(x)], lambda x=given: [ours(x)], within)  # type: ignore[misc]


def deformable_attention(random: torch.Generator) -> Pair:
    """Sampling in the pixel decoder: strides 32, 16 and 8, eight heads, four points a level."""
    sizes = [(HEIGHT // stride + 1, WIDTH // stride) for stride in (32, 16, 8)]
    total = sum(height * width for height, width in sizes)
    values = torch.randn(FRAMES, total, 8, 32, generator=random)
    places = torch.rand(FRAMES, total, 8, 3, 4, 2, generator=random)
    weights = torch.rand(FRAMES, total, 8, 3, 4, generator=random) / 12
    ways = (library.multi_scale_deformable_attention, sample_levels)
    plain, ours = (partial(with_gradients, lambda v, p, w, way=way: way(v, sizes, p, w)) for way in ways)
    return Pair("deformable attention", lambda: plain(values, places, weights), lambda: ours(values, places, weights))


def resizing(random: torch.Generator) -> Pair:
    """Masks of all queries to the level that attends next: as deterministic mode has it off the CPU, and without."""
    masks, size = torch.randn(FRAMES, 100, HEIGHT // 4, WIDTH // 4, generator=random), (HEIGHT // 8, WIDTH // 8)
    return Pair(
        "resize of masks",
        lambda: with_gradients(lambda x: deterministic_resize(x, size, False, None), masks),
        lambda: with_gradients(lambda x: nn.functional.interpolate(x, size, mode="bilinear"), masks),
    )


def clips_of(random: torch.Generator, clips: int = 8, frames: int = 2, objects: int = 4) -> list[Clip]:
    """Clips of noise, whose objects are absent from some frames."""
    made = []
    for number in range(clips):
        ids = torch.arange(1, objects + 1)[:, None].repeat(1, frames)
        ids = ids.where(torch.rand(ids.shape, generator=random) > 0.2, -1)
        masks = (torch.rand(objects, frames, 96, 160, generator=random) > 0.5) & (ids != -1)[..., None, None]
        pictures = torch.randint(0, 256, (frames, 3, 96, 160), dtype=torch.uint8, generator=random)
        made.append(Clip(pictures, masks, torch.arange(objects), ids, ids != -1, number, tuple(range(frames))))
    return made


@dataclass(frozen=True)
class LossCase:
    """Frame-level targets, matching and losses of 8 clips of 2 frames and 10 predictions, with masks of 24 x 40."""

    clips: list[Clip]
    class_logits: Tensor  # (D, F, Q, K+1)
    mask_logits: Tensor  # (D, F, Q, 1, h, w)

    def plain(self, clips: list[Clip], classes: Tensor, masks: Tensor) -> Tensor:
        """Every index looked up where it is needed."""
        targets = plain_frame_targets(clips)
        objects = float(sum(len(target.labels) for target in targets))
        return sum_of(PlainCriterion(SetCriterion())(classes, masks, targets, objects, self.draws))

    def fast(self, clips: list[Clip], classes: Tensor, masks: Tensor) -> Tensor:
        """As training does."""
        targets = frame_targets(clips, identities(clips), (96, 160))
        whole = ObjectCounts([len(target.labels) for target in targets])
        loss, _ = SetCriterion()(classes, masks, targets, whole, self.draws)
        return sum_of((loss.classification, loss.mask, loss.dice))

    def draws(self, purpose: str, *shape: int, owners: Owners = ()) -> Tensor:
        """Points that depend on their number alone, where the masks are."""
        drawn = torch.rand(shape, generator=torch.Generator().manual_seed(3))
        return OnCard(drawn) if isinstance(self.mask_logits, OnCard) else drawn


def sum_of(parts: tuple[Tensor, ...]) -> Tensor:
    """Losses of all layers as one vector."""
    return torch.cat(parts)


def losses(random: torch.Generator) -> tuple[Pair, LossCase]:
    """The pair, and the case for counting."""
    case = LossCase(
        clips_of(random),
        torch.randn(10, 16, 100, 41, generator=random),
        torch.randn(10, 16, 100, 1, 24, 40, generator=random),
    )
    inputs = case.class_logits, case.mask_logits
    pair = Pair(
        "targets, matching, losses",
        lambda: with_gradients(lambda c, m: case.plain(case.clips, c, m), *inputs),
        lambda: with_gradients(lambda c, m: case.fast(case.clips, c, m), *inputs),
    )
    return pair, case


def one_by_one(clip: Clip) -> Clip:
    """The clip on its way to the card by a copy for each tensor."""
    return replace(clip, **{name: tensor.to(CARD) for name, tensor in clip.tensors.items()})


def asked(case: LossCase) -> list[list[Any]]:
    """How often each way waits for a card, and copies to it: forward, backward, and the batch's way there."""
    on_card = LossCase(case.clips, OnCard(case.class_logits), OnCard(case.mask_logits))
    rows = []
    for name, way, send in (
        ("plain", on_card.plain, lambda clips: [one_by_one(clip) for clip in clips]),
        ("as training does", on_card.fast, lambda clips: to_device(clips, CARD)),
    ):
        with counting() as seen:
            given = [OnCard(logits).requires_grad_() for logits in (case.class_logits, case.mask_logits)]
            way(send(case.clips), *given).square().sum().backward()
        copies = seen.pop("to the card", 0)
        rows.append([name, sum(seen.values()), copies])
    return rows


def coding(random: torch.Generator) -> Pair:
    """Masks of ten objects at 720p, frame by frame, while a card (here: a pause) is at the next frame."""
    noise = torch.randn(10, 12, 20, generator=random)
    logits = nn.functional.interpolate(noise[None], size=(96, 160), mode="bilinear")[0] - 0.5
    columns, geometry = columns_of(logits), FrameGeometry((384, 640), (360, 640), (720, 1280))

    def frames(thread: CodingThread | None) -> Results:
        done: list[int] = []

        def code() -> None:
            done.append(sum(len(one["counts"]) for one in code_frames(columns, geometry)[0]))

        for _ in range(10):
            time.sleep(CARD_S)
            thread.submit(code) if thread else code()
        if thread:
            thread.wait()
        return [torch.tensor(done)]

    return Pair("masks of ten frames", lambda: frames(None), lambda: frames(CodingThread()))


def seconds(way: Way) -> tuple[float, float]:
    """How long one call takes: on the clock, and of the processor."""
    began, worked = time.perf_counter(), time.process_time()
    way()
    return time.perf_counter() - began, time.process_time() - worked


def peak_mib(way: Way) -> float:
    """Tensors that are held at once, beside those that were there."""
    tracker = MemoryTracker()
    with tracker:
        way()
    return tracker.peak_bytes / 2**20


def measure(pair: Pair, repetitions: int) -> list[Any]:
    """One line of the printed table."""
    expected, found = pair.plain(), pair.fast()  # also a warm-up
    difference = max(
        float((one.double() - other.double()).abs().max() / other.double().abs().max().clamp(min=1e-12))
        for one, other in zip(found, expected, strict=True)
    )
    rounds = [(seconds(pair.plain), seconds(pair.fast)) for _ in range(repetitions)]
    times = [1000 * median(each[way][0] for each in rounds) for way in (0, 1)]
    ratios = [median(fast[clock] / plain[clock] for plain, fast in rounds) for clock in (0, 1)]
    return [pair.name, *times, *ratios, peak_mib(pair.plain), peak_mib(pair.fast), difference, pair.within]


def main(
    repetitions: Annotated[int, typer.Option(min=1, help="Of each pair, both ways in turn.")] = 7,
    threads: Annotated[int, typer.Option(min=1)] = 1,
) -> None:
    """Measure every pair; exit with 1 when results differ by more than rounding, or a step asks too often."""
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    random = torch.Generator().manual_seed(0)
    torch.manual_seed(0)
    of_losses, case = losses(random)
    networks = [masked_attention(random), *frozen_norms(random), deformable_attention(random), resizing(random)]
    pairs = [*networks, of_losses, coding(random)]
    rows = [measure(pair, repetitions) for pair in pairs]
    print(f"{threads} thread(s), torch {torch.__version__}; {repetitions} times each, in turn")
    headers = ["what", "plain [ms]", "ours [ms]", "ratio", "CPU ratio", "plain [MiB]", "ours [MiB]", "difference"]
    formats = ("", ".1f", ".1f", ".2f", ".2f", ".0f", ".0f", ".1e", ".0e")
    print(tabulate(rows, [*headers, "bound"], tablefmt="github", floatfmt=formats))
    counts = asked(case)
    print("\nA pretended card, asked by targets, matching and losses of frames, the batch's way there included")
    print(tabulate(counts, ["", "waits of the host", "copies to the card"], tablefmt="github"))
    raise typer.Exit(int(any(row[-2] > row[-1] for row in rows) or sum(counts[1][1:]) > 12))


if __name__ == "__main__":
    typer.run(main)
