"""How loud a finished file is, by FFmpeg's meter (EBU R 128), not the one that the narration is mastered by."""

from __future__ import annotations

from pathlib import Path

import av

from gpu_job.audio import decibels


def measured(path: Path) -> tuple[float, float]:
    """Integrated loudness in LUFS and true peak in dBTP."""
    graph = av.filter.Graph()
    values: dict[str, str] = {}
    peak = 0.0
    with av.open(str(path)) as container:
        source = graph.add_abuffer(template=container.streams.audio[0])
        meter = graph.add("ebur128", "peak=true:metadata=1:framelog=quiet")
        graph.link_nodes(source, meter, graph.add("abuffersink")).configure()
        for frame in [*container.decode(audio=0), None]:
            graph.push(frame)
            while True:
                try:
                    values.update(graph.pull().metadata)
                except (av.BlockingIOError, av.EOFError):
                    break
                peak = max(peak, float(values.get("lavfi.r128.true_peak", "0")))
    return float(values["lavfi.r128.I"]), decibels(peak)
