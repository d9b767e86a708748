"""Times a training step and an evaluation in SpikingJelly, in its multi-step mode: each layer goes through all time-steps at once.

usage: spikingjelly_step.py NETWORK [--batch N] [--time-steps T] [--repeats N] [--threads N]
The networks and the line of JSON are those of pytorch_step.py. Needs torch and spikingjelly.

Batch norm has statistics of its own for each time-step (BNTT is no part of SpikingJelly: a list of layers does it); the
surrogate is SpikingJelly's piecewise quadratic, whose derivative is a triangle, as the papers'.
"""
import torch
from spikingjelly.activation_based import functional, layer, neuron, surrogate
from torch import nn

from pytorch_step import measured, options


class ThroughTime(nn.Module):
    """A batch norm of its own for every time-step."""

    def __init__(self, norms):
        super().__init__()
        self.norms = nn.ModuleList(norms)
        for norm in self.norms:
            norm.bias = None

    def forward(self, x):
        return torch.stack([norm(step) for norm, step in zip(self.norms, x)])


class Current(nn.Module):
    """The factor of a current before its neuron."""

    def __init__(self, gain):
        super().__init__()
        self.gain = gain

    def forward(self, x):
        return self.gain * x


def network(trunk, hidden, classes, bntt, time_steps, leak, gain):
    """The layers, one after another."""
    layers, channels, size = [], 3, 32

    def fire(features, norm):
        if bntt:
            layers.append(ThroughTime(norm(features, 1e-4) for _ in range(time_steps)))
        if gain != 1:
            layers.append(Current(gain))
        # U <- U + (U_reset - U) / tau + I is leak U + I for tau = 1 / (1 - leak); a soft reset, detached.
        layers.append(neuron.LIFNode(tau=1 / (1 - leak), decay_input=False, v_threshold=1.0, v_reset=None, detach_reset=True,
                                     surrogate_function=surrogate.PiecewiseQuadratic(1.0), step_mode="m"))

    for item in trunk:
        if item == "A":
            layers.append(layer.AvgPool2d(2, step_mode="m"))
            size //= 2
        elif item == "G":
            layers.append(layer.AvgPool2d(size, step_mode="m"))
            size = 1
        else:
            layers.append(layer.Conv2d(channels, item, 3, padding=1, bias=False, step_mode="m"))
            fire(item, nn.BatchNorm2d)
            channels = item
    layers.append(layer.Flatten(step_mode="m"))
    layers.append(layer.Linear(channels * size * size, hidden, bias=False, step_mode="m"))
    fire(hidden, nn.BatchNorm1d)
    layers.append(layer.Linear(hidden, classes, bias=False, step_mode="m"))
    return nn.Sequential(*layers)


class Spiking(nn.Module):
    def __init__(self, trunk, hidden, classes, bntt, time_steps, leak, gain):
        super().__init__()
        self.time_steps = time_steps
        self.layers = network(trunk, hidden, classes, bntt, time_steps, leak, gain)
        for weight in self.layers:
            if isinstance(weight, (layer.Conv2d, layer.Linear)):
                nn.init.xavier_uniform_(weight.weight, gain=2)

    def forward(self, images, direct):
        functional.reset_net(self)
        repeated = images.unsqueeze(0).expand(self.time_steps, *images.shape)
        if direct:
            first = self.layers[0](images.unsqueeze(0)).expand(self.time_steps, -1, -1, -1, -1)
            return self.layers[1:](first).mean(0)
        return self.layers(torch.sign(repeated) * (2 * torch.rand_like(repeated) <= repeated.abs())).mean(0)


if __name__ == "__main__":
    measured(Spiking, options().parse_args(), "spikingjelly")
