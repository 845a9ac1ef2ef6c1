"""What loading costs: a batch of each sampler against the training step of a GRU it feeds.

    python benchmarks/loader.py [--rounds 11] [--pieces 120] [--json]

Makes seeded pieces of 300 to 3,000 steps: piano-rolls of 88 pitches as sounding and struck (176
columns), log-mel-like frames of 80 float32, and events of four ids. In each round every
loader makes one batch of about 16 x 256 steps, and a network reads it: linear or embedding,
`nn.GRU(512)`, linear; loss, backward, AdamW, on one thread. Medians over the rounds count; `share`
is the loader's time as a share of that step's, and has to stay under 5 %; `cpu_share` is the same
in processor time, which other programs on the machine don't stretch. Making the plan of an epoch
is counted apart, by batch. Rolls are read as a store keeps them: bit-packed and mapped.

The peer is what torch itself offers for sequences of unequal length: a DataLoader of whole
sequences in memory, shuffled and padded by `pad_sequence`, inputs shifted in its collate
function. It is compared in time per step that isn't padding, as it doesn't cut, sort or carry.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from rnnmusic.corpus.batches import CarriedStreams, WholePieces
from rnnmusic.corpus.pieces import Pieces
from rnnmusic.encodings import PianoRoll
from rnnmusic.sequences import (
    Bucketed,
    Carried,
    EndToEnd,
    EventDataset,
    FrameDataset,
    Packed,
    Shuffled,
)

ROWS, STEPS = 16, 256
UNITS, EMBEDDING = 512, 32
ROLL = PianoRoll(metrical=False)
COLUMNS, MELS, IDS = len(ROLL.sizes), 80, (128, 48, 48, 32)

Batch = tuple[Tensor, Tensor, Tensor]  # inputs, targets, mask
Clocks = NDArray[np.float64]
Loader = Callable[[], Iterator[Any]]


class Network(nn.Module):
    """What any of the batches trains: `nn.GRU(512)` between its input and an output a column."""

    def __init__(self, columns: int, *, ids: bool) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(n + 1, EMBEDDING) for n in IDS) if ids else None
        self.recurrent = nn.GRU(EMBEDDING * len(IDS) if ids else columns, UNITS, batch_first=True)
        self.output = nn.Linear(UNITS, sum(IDS) if ids else columns)

    def forward(self, inputs: Tensor, targets: Tensor, mask: Tensor) -> Tensor:
        """The mean loss of a batch."""
        if self.tables is None:
            hidden = self.recurrent(inputs.float())[0][mask]
            error: Tensor = self.output(hidden) - targets[mask].float()
            return error.square().mean()
        columns = zip(self.tables, inputs.unbind(-1), strict=True)
        features = torch.cat([table(column) for table, column in columns], dim=-1)
        logits = self.output(self.recurrent(features)[0][mask]).split(IDS, dim=1)
        wanted = targets[mask].unbind(-1)
        losses = [nn.functional.cross_entropy(a, b) for a, b in zip(logits, wanted, strict=True)]
        return torch.stack(losses).sum()


def corpora(folder: Path, pieces: int) -> dict[str, Any]:
    """The three kinds of pieces, written to and mapped from files; rolls also as Pieces."""
    rng = np.random.default_rng(0)
    lengths = rng.integers(300, 3001, pieces)
    total = int(lengths.sum())
    roll = rng.random((total, COLUMNS)) < 0.03
    np.save(folder / "roll.npy", np.packbits(roll, axis=1))
    np.save(folder / "mel.npy", rng.standard_normal((total, MELS), dtype=np.float32))
    np.save(folder / "ids.npy", rng.integers(0, IDS, (total, len(IDS))).astype(np.uint8))
    rows, mel, ids = (
        np.load(folder / f"{name}.npy", mmap_mode="r") for name in ("roll", "mel", "ids")
    )
    offsets = np.cumsum(lengths) - lengths
    clock: NDArray[np.uint8] = np.zeros((total, 0), dtype=np.uint8)
    names = [str(i) for i in range(pieces)]
    return {
        "pieces": Pieces(rows, clock, names, offsets, lengths, bits=COLUMNS),
        "rolls": FrameDataset({"x": EndToEnd(rows, lengths, bits=COLUMNS)}),
        "frames": FrameDataset({"x": EndToEnd(mel, lengths)}),
        "events": EventDataset(EndToEnd(ids, lengths), bos=IDS),
        "arrays": [mel[a : a + n].copy() for a, n in zip(offsets, lengths, strict=True)],
    }


def loaders(data: dict[str, Any]) -> dict[str, tuple[str, Any]]:
    """Name of each loader -> the kind of its batches, and the sampler."""
    found: dict[str, tuple[str, Any]] = {
        "WholePieces, max_length": (
            "rolls",
            WholePieces(data["pieces"], ROLL, ROWS, seed=0, max_length=STEPS),
        ),
        "CarriedStreams": ("rolls", CarriedStreams(data["pieces"], ROLL, ROWS, STEPS, seed=0)),
        "CarriedStreams, transposed": (
            "rolls",
            CarriedStreams(data["pieces"], ROLL, ROWS, STEPS, seed=0, transpose=5),
        ),
    }
    for kind in ("rolls", "frames", "events"):
        source = data[kind]
        windows = source.windows(STEPS)
        found |= {
            f"Carried, {kind}": (
                kind,
                Carried(source, rows=ROWS, chunk_length=STEPS, seed=0),
            ),
            f"Bucketed, {kind}": (kind, Bucketed(windows, max_steps=ROWS * STEPS, seed=0)),
            f"Packed, {kind}": (
                kind,
                Packed(source.windows(STEPS // 4), rows=ROWS, row_length=STEPS, seed=0),
            ),
            f"Shuffled, {kind}": (kind, Shuffled(windows, batch_size=ROWS, seed=0)),
        }
    return found


def tensors(batch: Any) -> Batch:
    """Inputs, targets and mask of any batch."""
    if isinstance(batch.inputs, dict):
        return batch.inputs["x"], batch.targets["x"], batch.mask
    return batch.inputs, batch.targets, batch.mask


def without_end(sampler: Any) -> Iterator[Any]:
    """Its batches, epoch after epoch."""
    n = 0
    while True:
        yield from sampler.epoch(n)
        n += 1


def measure(data: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """A row of figures for each loader."""
    chosen = loaders(data)
    networks = {
        "rolls": Network(COLUMNS, ids=False),
        "frames": Network(MELS, ids=False),
        "events": Network(len(IDS), ids=True),
    }
    optimizers = {kind: torch.optim.AdamW(n.parameters()) for kind, n in networks.items()}
    streams = {name: without_end(sampler) for name, (_, sampler) in chosen.items()}
    loading: dict[str, list[Clocks]] = {name: [] for name in chosen}
    training: dict[str, list[Clocks]] = {name: [] for name in chosen}
    for warm in range(rounds + 1):
        for name, (kind, _) in chosen.items():
            started = clocks()
            batch = tensors(next(streams[name]))
            loaded = clocks()
            networks[kind](*batch).backward()
            optimizers[kind].step()
            optimizers[kind].zero_grad()
            if warm:  # the first batch pays for the plan and for pages not yet read
                loading[name].append(loaded - started)
                training[name].append(clocks() - loaded)
    rows = []
    for name, (_, sampler) in chosen.items():
        load, train = (np.median(times[name], axis=0) for times in (loading, training))
        wall, cpu = (100 * load / train).tolist()
        rows.append(
            {
                "loader": name,
                "load_ms": 1e3 * float(load[0]),
                "train_ms": 1e3 * float(train[0]),
                "share_percent": wall,
                "cpu_share_percent": cpu,
                "plan_ms_per_batch": plan_ms(sampler),
            }
        )
    return rows


def clocks() -> Clocks:
    """The time on the wall and that of the processor, in seconds."""
    return np.array([time.perf_counter(), time.process_time()])


def plan_ms(sampler: Any) -> float:
    """Time to plan an epoch, by its number of batches."""
    started = time.perf_counter()
    batches = len(sampler.planned(0))
    return 1e3 * (time.perf_counter() - started) / batches


def shifted_and_padded(arrays: list[NDArray[np.float32]]) -> Batch:
    """A collate function as one writes it for torch."""
    targets = [torch.from_numpy(array) for array in arrays]
    inputs = [torch.cat([torch.zeros_like(t[:1]), t[:-1]]) for t in targets]
    lengths = torch.tensor([len(t) for t in targets])
    padded = pad_sequence(targets, batch_first=True)
    mask = torch.arange(padded.shape[1]) < lengths[:, None]
    return pad_sequence(inputs, batch_first=True), padded, mask


def against_torch(data: dict[str, Any], rounds: int) -> list[dict[str, Any]]:
    """Whole sequences of frames in memory, 16 a batch: theirs and ours, epochs in turn."""
    arrays = data["arrays"]
    theirs = torch.utils.data.DataLoader(
        arrays, batch_size=ROWS, shuffle=True, collate_fn=shifted_and_padded
    )
    ours = FrameDataset({"x": arrays})
    shuffled = Shuffled(ours, batch_size=ROWS, seed=0)
    bucketed = Bucketed(ours, batch_size=ROWS, seed=0)
    kinds: dict[str, Loader] = {
        "DataLoader, pad_sequence": lambda: iter(theirs),
        "Shuffled": lambda: map(tensors, shuffled.epoch(0)),
        "Bucketed": lambda: map(tensors, bucketed.epoch(0)),
    }
    times: dict[str, list[float]] = {name: [] for name in kinds}
    filled: dict[str, float] = {}
    for _ in range(max(3, rounds // 3)):
        for name, make in kinds.items():
            steps = places = 0
            started = time.perf_counter()
            for _, _, mask in make():
                steps, places = steps + int(mask.sum()), places + mask.numel()
            times[name].append((time.perf_counter() - started) / steps)
            filled[name] = steps / places
    return [
        {
            "loader": name,
            "us_per_step": 1e6 * statistics.median(times[name]),
            "filled_percent": 100 * filled[name],
        }
        for name in kinds
    ]


def show(rows: list[dict[str, Any]]) -> None:
    names = list(rows[0])
    print("| " + " | ".join(names) + " |")
    print("|" + "---|" * len(names))
    for row in rows:
        cells = (f"{v:.3g}" if isinstance(v, float) else str(v) for v in row.values())
        print("| " + " | ".join(cells) + " |")
    print()


def main() -> None:
    parser = argparse.ArgumentParser(description="What loading costs beside training.")
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--pieces", type=int, default=120)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        data = corpora(Path(folder), options.pieces)
        results = {
            "against_training": measure(data, options.rounds),
            "against_torch": against_torch(data, options.rounds),
        }
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for rows in results.values():
        show(rows)


if __name__ == "__main__":
    main()
