"""Times a training step and an evaluation in PyTorch, written the papers' way: one time-step after another through all layers.

usage: pytorch_step.py NETWORK [--batch N] [--time-steps T] [--repeats N] [--threads N] [--compile]
NETWORK: vgg9_bntt (CIFAR-10, Poisson), vgg11_bntt (CIFAR-100, Poisson), vgg5_direct (CIFAR-10, direct, no norm)

With --compile the network goes through torch.compile. Prints one line of JSON with the keys of `bntt bench --json` that it
can fill: seconds, bytes. Needs torch alone.
"""
import argparse
import json
import resource
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn

# Channels of 3x3 convolutions, "A" for an average pool of 2, "G" for the mean of every channel, then the hidden linear layer.
NETWORKS = {
    "vgg9_bntt": ([64, 64, "A", 128, 128, "A", 256, 256, 256, "A"], 1024, 10, True),
    "vgg11_bntt": ([64, "A", 128, "A", 256, 256, "A", 512, 512, "A", 512, 512, "G"], 4096, 100, True),
    "vgg5_direct": ([64, "A", 128, 128, "A"], 1024, 10, False),
}


class Spike(torch.autograd.Function):
    """1 where x > 0; derivative 0.3 max(0, 1 - |x|)."""

    @staticmethod
    def forward(ctx, x):
        ctx.save_for_backward(x)
        return (x > 0).float()

    @staticmethod
    def backward(ctx, grad):
        return grad * 0.3 * F.relu(1 - ctx.saved_tensors[0].abs())


class Spiking(nn.Module):
    """Convolutions and linear layers, each but the last followed by neurons that may have a batch norm for every time-step."""

    def __init__(self, trunk, hidden, classes, bntt, time_steps, leak, gain):
        super().__init__()
        self.time_steps, self.leak, self.gain = time_steps, leak, gain
        self.weights, self.norms, self.pools = nn.ModuleList(), nn.ModuleList(), []
        channels, size = 3, 32
        for item in trunk:
            if item == "A":
                self.pools[-1], size = 2, size // 2
            elif item == "G":
                self.pools[-1], size = size, 1
            else:
                self.weights.append(nn.Conv2d(channels, item, 3, padding=1, bias=False))
                self.pools.append(None)
                channels = item
        self.convolutions = len(self.weights)
        self.weights.append(nn.Linear(channels * size * size, hidden, bias=False))
        self.weights.append(nn.Linear(hidden, classes, bias=False))
        for weight in self.weights:
            nn.init.xavier_uniform_(weight.weight, gain=2)
        norm = lambda i, n: nn.BatchNorm2d(n, 1e-4) if i < self.convolutions else nn.BatchNorm1d(n, 1e-4)
        for i, weight in enumerate(self.weights[:-1]):
            norms = nn.ModuleList(norm(i, weight.weight.shape[0]) for _ in range(time_steps if bntt else 0))
            for each in norms:
                each.bias = None
            self.norms.append(norms)

    def forward(self, images, direct):
        potentials = [0.0] * (len(self.weights) - 1)
        total = 0.0
        first = self.weights[0](images) if direct else None
        for t in range(self.time_steps):
            x = None if direct else torch.sign(images) * (2 * torch.rand_like(images) <= images.abs())
            for i, weight in enumerate(self.weights[:-1]):
                if i == self.convolutions:
                    x = x.flatten(1)
                current = first if direct and i == 0 else weight(x)
                if self.norms[i]:
                    current = self.norms[i][t](current)
                potentials[i] = self.leak * potentials[i] + self.gain * current
                x = Spike.apply(potentials[i] - 1)
                potentials[i] = potentials[i] - x.detach()
                if i < self.convolutions and self.pools[i]:
                    x = F.avg_pool2d(x, self.pools[i])
            total = total + self.weights[-1](x)
        return total / self.time_steps


def timing(seconds):
    ordered = sorted(seconds)
    return {"median": statistics.median(ordered), "minimum": ordered[0]}


def options():
    parser = argparse.ArgumentParser()
    parser.add_argument("network", choices=NETWORKS)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--time-steps", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int)
    return parser


def measured(build, args, library, compiled=False):
    """Builds a network, trains and evaluates it on random images, and prints the times."""
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    trunk, hidden, classes, bntt = NETWORKS[args.network]
    leak, gain = (0.95, 1.0) if bntt else (0.5, 0.5)
    network = build(trunk, hidden, classes, bntt, args.time_steps, leak, gain)
    if bntt:
        optimizer = torch.optim.SGD(network.parameters(), 1e-12, momentum=0.9, weight_decay=1e-4)
    else:
        optimizer = torch.optim.Adam(network.parameters(), 1e-12)
    run = torch.compile(network) if compiled else network
    images, labels = torch.randn(args.batch, 3, 32, 32), torch.randint(0, classes, (args.batch,))
    steps, evaluations = [], []
    for _ in range(args.repeats + 2):
        network.train()
        start = time.perf_counter()
        optimizer.zero_grad()
        F.cross_entropy(run(images, not bntt), labels).backward()
        optimizer.step()
        steps.append(time.perf_counter() - start)
        network.eval()
        start = time.perf_counter()
        with torch.no_grad():
            run(images, not bntt)
        evaluations.append(time.perf_counter() - start)
    print(json.dumps({
        "name": args.network, "library": library, "batch_size": args.batch, "time_steps": args.time_steps,
        "threads": torch.get_num_threads(), "torch": torch.__version__,
        "step": timing(steps[2:]), "evaluation": timing(evaluations[2:]),
        "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }))


if __name__ == "__main__":
    parser = options()
    parser.add_argument("--compile", action="store_true")
    arguments = parser.parse_args()
    measured(Spiking, arguments, "torch.compile" if arguments.compile else "torch", arguments.compile)
