"""A training step as two CUDA graphs: one launch starts all kernels of the forward pass, another those of the backward.

What `torch.cuda.make_graphed_callables` does, with three differences. Gradients can be copied: torch's own are the same
tensors at every step, to which those of a second micro-batch would be added wrongly (pytorch#181723). Other threads,
such as the one that pins the loader's batches, may use the GPU meanwhile. And what is recorded has not the weights but
tensors in the same memory, to which nothing is attached, neither by DDP nor by the optimizer.
"""

import gc
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any, Self

import torch
from lightning.pytorch.utilities.rank_zero import rank_zero_only
from torch import Tensor
from torch.autograd.function import once_differentiable
from torch.func import functional_call

from aldsr.core.hooks import has_hooks
from aldsr.training.step import TrainingStep

WARM_UP = 3  # steps, in which libraries choose their algorithms, before one is recorded
Work = Callable[[], Any]  # gives tensors and None


class GraphedStep:
    """Computes a `TrainingStep` by CUDA graphs, recorded with the first batch; if that fails, without, and says why.

    They are recorded again if the weights move to another place, and for batches of another shape. Unless they are
    copied, gradients hold until the next forward pass.
    """

    def __init__(self) -> None:
        self.recording: Recording | None = None
        self.failed = False

    def __deepcopy__(self, memo: Any) -> Self:
        return type(self)()  # a copy of the network needs graphs of its own

    def __call__(self, step: TrainingStep, lr: Tensor, hr: Tensor, *, copies: bool) -> Tensor:
        """The loss of a batch; `copies`: whether gradients of several batches are to be added."""
        wanted = find_state(step), (lr.shape, hr.shape)
        if not self.failed and (self.recording is None or (self.recording.state, self.recording.shapes) != wanted):
            self.recording = None  # its memory first
            try:
                self.recording = Recording(step, lr, hr)
            except Exception as error:  # what a network does may fail in any way
                self.failed = True
                reason = (str(error) or type(error).__name__).splitlines()[0]
                rank_zero_only(print)(f"compile=graph: the step cannot be a CUDA graph and trains without: {reason}")
        if self.recording is None:
            return step(lr, hr)
        return Replay.apply(self.recording, copies, lr, hr, *self.recording.trained)


def find_state(step: TrainingStep) -> tuple[Any, ...]:
    """All that a graph depends on beside the batch: where the weights are, which of them train, in which precision."""
    tensors = [(each.data_ptr(), each.requires_grad) for each in (*step.parameters(), *step.buffers())]
    kind = next(step.parameters()).device.type
    return step.network.training, torch.is_autocast_enabled(kind), torch.get_autocast_dtype(kind), *tensors


class Recording:
    """The graphs of a step, and the tensors that they read and write. Raises what torch raises if there can be none."""

    def __init__(self, step: TrainingStep, lr: Tensor, hr: Tensor) -> None:
        if has_hooks([step]):
            raise RuntimeError("a module has hooks, which a graph would not call")
        self.step = step
        self.state, self.shapes = find_state(step), (lr.shape, hr.shape)
        self.batch = lr.clone(), hr.clone()
        trained = {name: each for name, each in step.named_parameters() if each.requires_grad}
        self.trained = list(trained.values())  # to list them takes as long as to look where they are
        self.weights = {name: each.detach().requires_grad_() for name, each in trained.items()}
        self.output = self.grad = lr.new_ones(())  # the loss with its history, and the gradient with respect to it
        self._warm_up(lr.device)
        forward, backward = capture(self._forward, self._backward)
        (self.replay_forward, (self.loss,)), (self.replay_backward, self.grads) = forward, backward
        self.output = self.loss

    def _warm_up(self, device: torch.device) -> None:
        """Compute a few steps, which leave no trace. Raises RuntimeError if a graph could not repeat them."""
        before = [each.clone() for each in self.step.buffers()]
        on_gpu = device.type == "cuda"
        with torch.random.fork_rng(devices=[device] if on_gpu else []), side_stream(device):
            states = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
            for _ in range(WARM_UP):
                self._forward()
                self._backward()
            drawn = [torch.get_rng_state(), *([torch.cuda.get_rng_state(device)] if on_gpu else [])]
        # What hangs on these would take the side stream along into the recording.
        self.output, self.step.shared = self.grad, nullcontext()
        if find_state(self.step) != self.state:
            raise RuntimeError("the network replaces its buffers or parameters")
        for buffer, value in zip(self.step.buffers(), before, strict=True):
            buffer.copy_(value)
        if not all(map(torch.equal, states, drawn)):
            raise RuntimeError("the network draws random numbers")

    def _forward(self) -> Sequence[Tensor]:
        kind = self.batch[0].device.type
        dtype, enabled = torch.get_autocast_dtype(kind), torch.is_autocast_enabled(kind)
        with torch.autocast(kind, dtype, enabled, cache_enabled=False):  # a cast kept from before is not in the graph
            self.output = functional_call(self.step, self.weights, self.batch)
        return [self.output.detach()]

    def _backward(self) -> Sequence[Tensor | None]:
        with self.step.shared, torch.autocast(self.batch[0].device.type, enabled=False):
            return torch.autograd.grad(self.output, list(self.weights.values()), self.grad, allow_unused=True)


class Replay(torch.autograd.Function):
    """The loss of a batch by the graphs of a recording, and the gradients of the weights, in its order."""

    @staticmethod
    def forward(ctx: Any, recording: Recording, copies: bool, lr: Tensor, hr: Tensor, *weights: Tensor) -> Tensor:
        ctx.recording, ctx.copies = recording, copies
        for ours, given in zip(recording.batch, (lr, hr), strict=True):
            ours.copy_(given)
        recording.replay_forward()
        return recording.loss.clone()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
        ctx.recording.grad.copy_(grad)
        ctx.recording.replay_backward()
        grads = (g if g is None else g.clone() if ctx.copies else g.detach() for g in ctx.recording.grads)
        return None, None, None, None, *grads


def capture(*works: Work, pool: Any = None) -> list[tuple[Callable[[], None], Any]]:
    """Record each in a graph of its own: how to run it again, and what it then writes to. They share their memory."""
    recorded, pool = [], pool or torch.cuda.graph_pool_handle()
    gc.collect()  # an old graph that is destroyed while another is recorded may spoil that
    for work in works:
        graph, current = torch.cuda.CUDAGraph(), torch.cuda.current_stream()
        # Where recording fails, torch would leave the stream of the recording as the current one.
        with torch.cuda.stream(current), torch.cuda.graph(graph, pool=pool, capture_error_mode="thread_local"):
            outputs = work()
        recorded.append((graph.replay, outputs))
    return recorded


@contextmanager
def side_stream(device: torch.device) -> Iterator[None]:
    """Launch on another stream than torch's default one, of which recording is not possible."""
    if device.type != "cuda":
        yield
        return
    stream = torch.cuda.Stream(device)
    stream.wait_stream(torch.cuda.current_stream(device))
    with torch.cuda.stream(stream):
        yield
    torch.cuda.current_stream(device).wait_stream(stream)
