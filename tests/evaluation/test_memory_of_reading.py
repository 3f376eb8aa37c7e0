import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from evaluation_scenes import annotation, code, codes, ground_truth, prediction, video

SIZE = 200, 300
FRAMES = 40
# Reads once a file of one track, so that compiled code does not count, then the large file. Prints what the process
# held before, at most, and afterwards, in bytes.
MEASURE = """
import sys
from pathlib import Path
from vita.evaluation.readers.detections import read_detections_file
from vita.evaluation.readers.ground_truth import load_ground_truth

def held(what):
    line = next(line for line in open("/proc/self/status") if line.startswith(what))
    return int(line.split()[1]) * 1024

truth = load_ground_truth(Path(sys.argv[1]))
read_detections_file(Path(sys.argv[2]), truth)
before = held("VmRSS")
kept = read_detections_file(Path(sys.argv[3]), truth, scored=None if sys.argv[4] == "all" else [1])
print(before, held("VmHWM"), sum(detection.track.masks.text.size for detection in kept), len(kept))
"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ground truth of two videos, a file of one track, and one of 60 MB, half of it of the first video."""
    path = tmp_path_factory.mktemp("memory")
    blocks = np.random.default_rng(0).integers(0, 2, (FRAMES, 10, 300)).repeat(20, axis=1)
    noise = [code(mask) for mask in blocks]
    videos = [video(key, *SIZE, FRAMES) for key in (1, 2)]
    (path / "gt.json").write_text(json.dumps(ground_truth([annotation(1, codes([None] * FRAMES))], videos)))
    tracks = [json.dumps(prediction(noise, 0.5, video_id=key)) for key in (1, 2)]
    (path / "one.json").write_text(f"[{tracks[0]}]")
    times = 60_000_000 // len(tracks[0]) // 2
    (path / "large.json").write_text("[" + ", ".join(tracks * times) + "]")
    return path


def measured(folder: Path, which: str) -> Any:
    files = [str(folder / name) for name in ("gt.json", "one.json", "large.json")]
    done = subprocess.run([sys.executable, "-c", MEASURE, *files, which], capture_output=True, text=True, check=True)
    before, most, kept, count = map(int, done.stdout.split())
    return most - before, kept, count


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="reads what Linux tells of a process")
def test_reading_takes_the_space_of_the_codes(folder: Path) -> None:
    size = (folder / "large.json").stat().st_size
    assert size > 55_000_000
    more, kept, count = measured(folder, "all")
    assert kept > 0.8 * size  # the codes are most of the file
    # A few pieces of 1 MB are in work; a JSON reader alone needs the text and all its strings, twice the file or more.
    assert more < kept + 30_000_000
    half, half_kept, half_count = measured(folder, "first video")
    assert (2 * half_kept, 2 * half_count) == (kept, count)
    assert half < half_kept + 30_000_000
