"""{title} as it evaluates: running statistics, no dropout. Written by bntt {version}.

    logits = Network()(images)    # {input}; gives [B, {classes}]
"""
import os
import torch
import torch.nn.functional as F
from torch import nn

LAYERS = {layers}

def each(f, x):  # a sequence [T, B, ...] as T B images
    return f(x.flatten(0, 1)).unflatten(0, x.shape[:2])

class Layer(nn.Module):
    def __init__(self, name, kind, settings, tensors):
        super().__init__()
        self.kind, self.settings = kind, {k: v for k, v in settings.items() if not isinstance(v, list)}
        for side in settings.keys() - self.settings.keys():  # a residual's two lists
            setattr(self, side, chain(f"{name}.{side}", settings[side], tensors))
        for key, value in ((k.rpartition(".")[2], v) for k, v in tensors.items() if k.rpartition(".")[0] == name):
            if key.startswith("running"):
                self.register_buffer(key, value)
            else:
                self.register_parameter(key, nn.Parameter(value))

    def forward(self, x):
        return getattr(self, self.kind)(x, **self.settings)

    def conv2d(self, x, **s): return each(lambda x: F.conv2d(x, self.weight, getattr(self, "bias", None), **s), x)
    def linear(self, x): return F.linear(x, self.weight, getattr(self, "bias", None))
    def relu(self, x): return F.relu(x)
    def dropout(self, x): return x
    def flatten(self, x): return x.flatten(2)
    def average_pool(self, x, side): return each(lambda x: F.avg_pool2d(x, side), x)
    def max_pool(self, x, side): return each(lambda x: F.max_pool2d(x, side), x)
    def global_average_pool(self, x): return x.mean((-2, -1), keepdim=True)

    def norm(self, x, eps, factor=1.0, power=0):  # statistics [1, C] of all time-steps or [T, C] of each
        scale = factor * self.gamma / torch.sqrt(self.running_var + eps)
        shift = getattr(self, "beta", 0.0) - self.running_mean * scale
        step = self.p[:, None] ** power if power else 1.0
        scale, shift = ((v * step)[:len(x), None].unflatten(-1, [-1] + [1] * (x.dim() - 3)) for v in (scale, shift))
        return x * scale + shift

    def lif(self, x, leak=None, threshold=None, input="unit", reset="soft", fire_before_integrate=False):
        wide = [-1] + [1] * (x.dim() - 3)
        leak = torch.sigmoid(self.leak_logit).view(wide) if leak is None else leak
        threshold = self.threshold.view(wide) if threshold is None else threshold
        gain, u, spikes = 1.0 if input == "unit" else 1.0 - leak, torch.zeros_like(x[0]), []
        for current in x:
            found, u = u, leak * u + gain * current
            s = ((found if fire_before_integrate else u) / threshold > 1).to(x.dtype)
            u = {"soft": u - threshold * s, "hard": u * (1 - s), "none": u}[reset]
            spikes.append(s)
        return torch.stack(spikes)

    def join(self, x, how):
        a, b = self.residual(x), self.shortcut(x)
        return a + b if how == "add" else a * b if how == "and" else b * (1 - a)

def chain(name, layers, tensors):
    return nn.Sequential(*(Layer(f"{name}.{i}", kind, settings, tensors) for i, (kind, settings) in enumerate(layers)))

class Network(nn.Module):
    def __init__(self, weights=os.path.join(os.path.dirname(os.path.abspath(__file__)), "weights.pt")):
        super().__init__()
        self.layers = chain("layers", LAYERS, torch.load(weights, map_location="cpu", weights_only=True))

    def forward(self, x):
{encoder}
        x = self.layers(x)
        return {readout}
