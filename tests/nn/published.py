"""Networks under the names of other code bases, written down plainly: what their published files hold."""

from typing import Any

import torch
from torch import Tensor, nn


def conv(inputs: int, outputs: int, size: int = 3) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, size, padding=size // 2)


def upscaler(scale: int, inputs: int, width: int) -> list[nn.Module]:
    if scale != 4:
        return [conv(inputs, width * scale**2), nn.PixelShuffle(scale)]
    return [conv(inputs, width * 4), nn.PixelShuffle(2), conv(width, width * 4), nn.PixelShuffle(2)]


class Add(nn.Module):
    """x + body(x) · res_scale."""

    def __init__(self, *body: nn.Module, res_scale: float = 1) -> None:
        super().__init__()
        self.body, self.res_scale = nn.Sequential(*body), res_scale

    def forward(self, x: Tensor) -> Tensor:
        return x + self.body(x) * self.res_scale


class Dense(nn.Module):
    def __init__(self, inputs: int, growth: int, *, sequential: bool) -> None:
        super().__init__()
        self.conv = nn.Sequential(conv(inputs, growth), nn.ReLU()) if sequential else conv(inputs, growth)

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((x, self.conv(x).relu()), 1)


class Lower(nn.Module):
    """An RDB of yjn870 and mmagic."""

    def __init__(self, *, C: int, G: int, G0: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(*(Dense(G0 + c * G, G, sequential=False) for c in range(C)))
        self.lff = conv(G0 + C * G, G0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.lff(self.layers(x))


class LowerRDN(nn.Module):
    """RDN of yjn870 (where G is G0) and of mmagic: values in [0, 1], an upscaler of width G0."""

    def __init__(self, scale: int, *, D: int = 2, C: int = 3, G: int = 5, G0: int = 6) -> None:
        super().__init__()
        self.sfe1, self.sfe2 = conv(3, G0), conv(G0, G0)
        self.rdbs = nn.ModuleList(Lower(C=C, G=G, G0=G0) for _ in range(D))
        self.gff = nn.Sequential(conv(D * G0, G0, 1), conv(G0, G0))
        self.upscale = nn.Sequential(*upscaler(scale, G0, G0))
        self.output = conv(G0, 3)

    def forward(self, x: Tensor) -> Tensor:
        first = self.sfe1(x)
        local = [self.sfe2(first)]
        for rdb in self.rdbs:
            local.append(rdb(local[-1]))
        output: Tensor = self.output(self.upscale(self.gff(torch.cat(local[1:], 1)) + first))
        return output


class RDB(nn.Module):
    def __init__(self, *, C: int, G: int, G0: int) -> None:
        super().__init__()
        self.convs = nn.Sequential(*(Dense(G0 + c * G, G, sequential=True) for c in range(C)))
        self.LFF = conv(G0 + C * G, G0, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.LFF(self.convs(x)) + x


class RDN(nn.Module):
    """RDN of EDSR-PyTorch: values in [0, 255] without a mean, an upscaler of width G."""

    value_range = 255

    def __init__(self, scale: int, *, D: int = 2, C: int = 3, G: int = 5, G0: int = 6) -> None:
        super().__init__()
        self.SFENet1, self.SFENet2 = conv(3, G0), conv(G0, G0)
        self.RDBs = nn.ModuleList(RDB(C=C, G=G, G0=G0) for _ in range(D))
        self.GFF = nn.Sequential(conv(D * G0, G0, 1), conv(G0, G0))
        self.UPNet = nn.Sequential(*upscaler(scale, G0, G), conv(G, 3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.SFENet1(x)
        local = [self.SFENet2(first)]
        for rdb in self.RDBs:
            local.append(rdb(local[-1]))
        output: Tensor = self.UPNet(self.GFF(torch.cat(local[1:], 1)) + first)
        return output


def shift(mean: Tensor) -> nn.Conv2d:
    layer = nn.Conv2d(3, 3, 1)
    layer.weight.data, layer.bias.data = torch.eye(3)[:, :, None, None], mean  # type: ignore[union-attr]
    return layer


class Residual(nn.Module):
    """What EDSR and RCAN of their authors share; DIV2K's mean, values in [0, 255]."""

    def __init__(self, scale: int, units: list[nn.Module], features: int, value_range: int = 255) -> None:
        super().__init__()
        self.value_range = value_range
        mean = value_range * torch.tensor((0.4488, 0.4371, 0.4040))
        self.sub_mean, self.add_mean = shift(-mean), shift(mean)
        self.head = nn.Sequential(conv(3, features))
        self.body = nn.Sequential(*units, conv(features, features))
        self.tail = nn.Sequential(nn.Sequential(*upscaler(scale, features, features)), conv(features, 3))

    def forward(self, x: Tensor) -> Tensor:
        first = self.head(self.sub_mean(x))
        output: Tensor = self.add_mean(self.tail(self.body(first) + first))
        return output


def edsr(scale: int, *, blocks: int = 3, features: int = 8, res_scale: float = 0.1, value_range: int = 255) -> Residual:
    units = [
        Add(conv(features, features), nn.ReLU(), conv(features, features), res_scale=res_scale) for _ in range(blocks)
    ]
    return Residual(scale, list(units), features, value_range)


class Attention(nn.Module):
    def __init__(self, channels: int, hidden: int, *, contrast: bool = False) -> None:
        super().__init__()
        self.contrast = contrast
        self.conv_du = nn.Sequential(conv(channels, hidden, 1), nn.ReLU(), conv(hidden, channels, 1), nn.Sigmoid())

    def forward(self, x: Tensor) -> Tensor:
        y = x.mean((2, 3), keepdim=True)
        if self.contrast:
            y = y + x.std((2, 3), keepdim=True, correction=0)
        return x * self.conv_du(y)


def rcan(scale: int, *, groups: int = 3, blocks: int = 2, features: int = 8, hidden: int = 2) -> Residual:
    def rcab() -> nn.Module:
        return Add(conv(features, features), nn.ReLU(), conv(features, features), Attention(features, hidden))

    units = [Add(*(rcab() for _ in range(blocks)), conv(features, features)) for _ in range(groups)]
    return Residual(scale, list(units), features)


class IMDModule(nn.Module):
    def __init__(self, nf: int) -> None:
        super().__init__()
        self.rest = nf - nf // 4
        self.c1, self.c2, self.c3 = conv(nf, nf), conv(self.rest, nf), conv(self.rest, nf)
        self.c4, self.c5 = conv(self.rest, nf // 4), conv(nf, nf, 1)
        self.cca = Attention(nf, nf // 16, contrast=True)

    def forward(self, x: Tensor) -> Tensor:
        kept, rest = [], x
        for layer in (self.c1, self.c2, self.c3):
            features = nn.functional.leaky_relu(layer(rest), 0.05)
            kept.append(features[:, : -self.rest])
            rest = features[:, -self.rest :]
        output: Tensor = self.c5(self.cca(torch.cat((*kept, self.c4(rest)), 1))) + x
        return output


class IMDN(nn.Module):
    """IMDN of its authors: values in [0, 1]."""

    def __init__(self, scale: int, *, nf: int = 16, modules: int = 6) -> None:
        super().__init__()
        self.modules_count = modules
        self.fea_conv = conv(3, nf)
        for number in range(1, modules + 1):
            self.add_module(f"IMDB{number}", IMDModule(nf))
        self.c = nn.Sequential(conv(modules * nf, nf, 1), nn.LeakyReLU(0.05))
        self.LR_conv = conv(nf, nf)
        self.upsampler = nn.Sequential(conv(nf, 3 * scale**2), nn.PixelShuffle(scale))

    def forward(self, x: Tensor) -> Tensor:
        outputs = [self.fea_conv(x)]
        for number in range(1, self.modules_count + 1):
            outputs.append(getattr(self, f"IMDB{number}")(outputs[-1]))
        output: Tensor = self.upsampler(self.LR_conv(self.c(torch.cat(outputs[1:], 1))) + outputs[0])
        return output


def upscale(network: Any, lr: Tensor) -> Tensor:
    """What a network makes of an image in [0, 1], in the range that it computes in, back in [0, 1]."""
    value_range = getattr(network, "value_range", 1)
    with torch.no_grad():
        output: Tensor = network(lr * value_range) / value_range
    return output
