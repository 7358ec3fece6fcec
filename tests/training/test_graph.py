"""Training by CUDA graphs is training without them; on a CPU with stand-ins that reuse their tensors as graphs do."""

import copy
from collections.abc import Callable
from functools import partial
from typing import Any
from unittest.mock import MagicMock

import pytest
import torch
from torch import Tensor, nn

from aldsr.nn.grouped_attention import GroupedAttention
from aldsr.run import training
from aldsr.train import train
from aldsr.training import SuperResolution, TrainingStep, graph
from aldsr.training.graph import GraphedStep, Work
from tests.command import run_command
from tests.nn.conftest import network_of
from tests.stopping import checkpoint, killed_at

LR, HR = torch.rand(2, 3, 5, 5), torch.rand(2, 3, 10, 10)


def stand_in(*works: Work) -> list[Any]:
    """What `graph.capture` does: what is computed goes to the same tensors each time, whoever still has them."""

    def replay(work: Work, outputs: Any) -> None:
        with torch.enable_grad():
            computed = work()
        for ours, new in zip(outputs, computed, strict=True):
            if ours is not None:
                ours.detach().copy_(new.detach())

    return [(partial(replay, work, outputs), outputs) for work in works for outputs in [work()]]


@pytest.fixture(params=["stand-in", pytest.param("gpu", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def run(device: str, small: list[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs a training, `graph=True` by graphs."""
    if device == "stand-in":
        monkeypatch.setattr(graph, "capture", stand_in)

    def run(name: str, *options: str, graph: bool) -> int:
        def build(**settings: Any) -> SuperResolution:
            return SuperResolution(**settings | {"graph": graph, "sharing": GroupedAttention})

        monkeypatch.setattr(training, "SuperResolution", build)
        on_gpu = ["trainer=gpu", "data.num_workers=1", f"compile={'graph' if graph else 'none'}"]
        return run_command(train, *small, *(on_gpu if device == "gpu" else []), f"run_dir={name}", *options)

    return run


@pytest.mark.slow
@pytest.mark.parametrize(
    "options",
    [
        ["trainer.gradient_clip_val=0.01", "ema=0.9", "model.checkpoint=true", "trainer.precision=bf16-mixed"],
        ["trainer.accumulate_grad_batches=2", "trainer.gradient_clip_val=0.01", "ema=0.9", "model.checkpoint=true"],
    ],
    ids=["all-in-bf16", "all"],
)
def test_a_training_is_the_same_also_stopped_and_continued(
    options: list[str], device: str, run: Callable[..., int], capsys: pytest.CaptureFixture[str]
) -> None:
    steps = 50 if device == "gpu" else 6
    options = [
        *options,
        f"trainer.max_steps={steps}",
        f"data.steps_per_epoch={steps}",
        f"checkpoint_every={steps // 2}",
    ]
    assert run("eager", *options, graph=False) == run("graph", *options, graph=True) == 0
    with killed_at(steps // 2 + 1):
        run("stopped", *options, graph=True)
    assert run("stopped", *options, "ckpt_path=last", graph=True) == 0
    assert "compile=graph" not in capsys.readouterr().out
    for name in ("graph", "stopped"):
        for part in {"state_dict", "current_model_state"} & checkpoint(name).keys():
            ours, theirs = (torch.cat([v.flatten() for v in checkpoint(r)[part].values()]) for r in (name, "eager"))
            assert (ours - theirs).norm() <= (0.01 * theirs.norm() if device == "gpu" else 0)


def step_of(network: nn.Module) -> TrainingStep:
    return TrainingStep(network, layout=torch.channels_last, sharing=GroupedAttention)


@pytest.fixture
def graphed(monkeypatch: pytest.MonkeyPatch) -> GraphedStep:
    monkeypatch.setattr(graph, "capture", stand_in)
    return GraphedStep()


@pytest.mark.parametrize("copies", [True, False])
def test_gradients_of_several_batches_are_added_if_they_are_copied(copies: bool, graphed: GraphedStep) -> None:
    """Without copies they are not, silently: the reason for copying."""
    network, other = network_of(), network_of()
    for lr in (LR, LR.flip(0), LR / 2):
        graphed(step_of(network), lr, HR, copies=copies).backward()
        step_of(other)(lr, HR).backward()
    both = [torch.cat([p.grad.flatten() for p in each.parameters()]) for each in (network, other)]
    assert torch.allclose(*both, rtol=1e-4, atol=1e-6) == copies


def test_weights_that_move_and_another_shape_are_recorded_again(graphed: GraphedStep) -> None:
    network = network_of()
    graphed(step_of(network), LR, HR, copies=False)
    first = graphed.recording
    torch.testing.assert_close(
        graphed(step_of(network), LR[:1], HR[:1], copies=False), step_of(network)(LR[:1], HR[:1])
    )
    assert graphed.recording is not first
    first = graphed.recording
    network.SFE1.weight.data = network.SFE1.weight.data * 2
    torch.testing.assert_close(graphed(step_of(network), LR, HR, copies=False), step_of(network)(LR, HR))
    assert graphed.recording is not first
    assert copy.deepcopy(graphed).recording is None


class Drawing(nn.Module):
    """Adds noise, of which a graph would repeat the first."""

    def forward(self, x: Tensor) -> Tensor:
        return x + torch.rand_like(x)


class Replacing(nn.BatchNorm2d):
    """Replaces a buffer at every step."""

    def forward(self, x: Tensor) -> Tensor:
        self.running_mean = self.running_mean * 2
        return super().forward(x)


@pytest.mark.parametrize("kind", ["hooks", "draws", "replaces", "capture"])
def test_what_a_graph_would_not_repeat_trains_without_and_one_line_says_so(
    kind: str, graphed: GraphedStep, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    network = network_of()
    if kind == "hooks":
        network.GFF[0].register_forward_hook(lambda *_: None)
    elif kind == "capture":
        monkeypatch.setattr(graph, "capture", lambda *_: torch.zeros(2) @ torch.zeros(3))
    else:
        network.UPNet.append(Drawing() if kind == "draws" else Replacing(3))
        network.UPNet.forward = nn.Sequential.forward.__get__(network.UPNet)
    for _ in range(2):
        graphed(step_of(network), LR, HR, copies=False).backward()
    said = capsys.readouterr().out
    assert said.count("compile=graph") == said.count("\n") == 1


def test_a_recording_that_fails_leaves_the_stream_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """As torch's context manager does not, whose end raises where the recording was spoilt."""
    streams = ["default"]

    class Spoilt:
        def __init__(self, *_: Any, **_options: Any) -> None: ...

        def __enter__(self) -> None:
            streams[0] = "recording"

        def __exit__(self, *_: object) -> None:
            raise RuntimeError("operation failed due to a previous error during capture")

    class Stream:
        """torch.cuda.stream, which restores the stream of before also if there was an error."""

        def __init__(self, name: str) -> None:
            self.name = name

        def __enter__(self) -> None:
            self.before, streams[0] = streams[0], self.name

        def __exit__(self, *_: object) -> None:
            streams[0] = self.before

    stand_ins = {"graph": Spoilt, "stream": Stream, "current_stream": lambda: streams[0], "CUDAGraph": MagicMock()}
    for name, each in {**stand_ins, "graph_pool_handle": MagicMock()}.items():
        monkeypatch.setattr(torch.cuda, name, each)
    with pytest.raises(RuntimeError, match="previous error"):
        graph.capture(lambda: None)
    assert streams == ["default"]
