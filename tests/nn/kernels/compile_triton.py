"""Compile every kernel in Triton for a GPU that need not be here, and print its name and its shared memory in bytes.

The launches are those of a forward and a backward pass, which compute nothing.
"""

import sys
from types import SimpleNamespace
from typing import Any

import torch
import triton as compiler
from torch import Tensor
from triton.backends.compiler import GPUTarget
from triton.compiler import ASTSource

from aldsr.nn import RDB, DWBlock, LDWBlock
from aldsr.nn.kernels import triton

TYPES = {torch.float32: "fp32", torch.bfloat16: "bf16", torch.float16: "fp16"}


class Compilation:
    """Stands for a kernel, and compiles it where it would be launched."""

    def __init__(self, kernel: Any) -> None:
        self.kernel, self.names = kernel, kernel.arg_names

    def __getitem__(self, grid: tuple[int, ...]) -> Any:
        return self.compile

    def compile(self, *values: Tensor | int, num_warps: int, num_stages: int, **constants: Any) -> None:
        kinds, aligned = dict.fromkeys(self.names, "i32"), {}
        for place, (name, value) in enumerate(zip(self.names, values, strict=False)):
            if isinstance(value, Tensor):
                kinds[name] = f"*{TYPES[value.dtype]}"
            elif value == 1:
                constants[name] = 1
            if isinstance(value, Tensor) or value % 16 == 0:
                aligned[(place,)] = [["tt.divisibility", 16]]
        kinds |= dict.fromkeys(constants, "constexpr")
        places = {(self.names.index(name),): value for name, value in constants.items()}
        target, options = GPUTarget("cuda", int(sys.argv[1]), 32), {"num_warps": num_warps, "num_stages": num_stages}
        compiled = compiler.compile(ASTSource(self.kernel, kinds, places, aligned), target=target, options=options)
        print(self.kernel.__name__, compiled.metadata.shared)


kernels = {name: Compilation(each) for name, each in vars(triton.jit).items() if hasattr(each, "arg_names")}
triton.jit = SimpleNamespace(**kernels)
for dtype in (torch.bfloat16, torch.float32):
    for block in (DWBlock, LDWBlock):
        rdb: Any = RDB(C=1, G=64, G0=64, conv=block).to(dtype)
        x = torch.zeros(1, 64, 16, 16, dtype=dtype, requires_grad=True)
        output = triton.buffered_rdb(x, [each.layer() for each in rdb.layers], rdb.LFF.weight, rdb.LFF.bias)
        output.sum().backward()
