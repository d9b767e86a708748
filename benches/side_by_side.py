"""Times the same training step in bntt and in other libraries, in turn, and prints the medians of the ratios of each round.

usage: side_by_side.py [--bntt PROGRAM] [--with torch,torch.compile,spikingjelly] [--rounds 5] [--repeats 10] [--threads 1]
                       [NETWORK:BATCH:TIME_STEPS ...]

Without networks: vgg9_bntt and vgg11_bntt at batch 16 and T 5, 8 and 10, 4 and 25; vgg5_direct at 16 and 10. A library that
is not installed is left out, with a note. Machines are shared: only ratios of what ran one after the other are worth reading.
"""
import argparse
import importlib.util
import json
import os
import statistics
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
CONFIGS = {
    "vgg9_bntt": "vgg9_cifar10_bntt.toml",
    "vgg11_bntt": "vgg11_cifar100_bntt_t30.toml",
    "vgg5_direct": "vgg5_cifar10_direct.toml",
}
LIBRARIES = {
    "torch": ("torch", ["pytorch_step.py"]),
    "torch.compile": ("torch", ["pytorch_step.py", "--compile"]),
    "spikingjelly": ("spikingjelly", ["spikingjelly_step.py"]),
}
USUAL = [f"{network}:{sizes}" for network in ("vgg9_bntt", "vgg11_bntt") for sizes in ("16:5", "8:10", "4:25")]


def timed(command, threads):
    environment = {**os.environ, "RAYON_NUM_THREADS": str(threads), "OMP_NUM_THREADS": str(threads)}
    done = subprocess.run(command, env=environment, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
    return json.loads(done.stdout[done.stdout.index("{"):])


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("sizes", nargs="*", default=[*USUAL, "vgg5_direct:16:10"], metavar="NETWORK:BATCH:TIME_STEPS")
    parser.add_argument("--bntt", default=str(HERE.parent / "target/release/bntt"))
    parser.add_argument("--with", dest="libraries", default=",".join(LIBRARIES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    libraries = []
    for name in args.libraries.split(","):
        if importlib.util.find_spec(LIBRARIES[name][0]):
            libraries.append(name)
        else:
            print(f"{name} is left out: {LIBRARIES[name][0]} is not installed", file=sys.stderr)
    print("| network, batch, T | library | its step, ms | bntt, ms | ratio | evaluation | memory, MiB |")
    print("|---|---|--:|--:|--:|--:|--:|")
    for sizes in args.sizes:
        network, batch, time_steps = sizes.split(":")
        ours, theirs = [], {name: [] for name in libraries}
        for _ in range(args.rounds):
            config = str(HERE.parent / "configs" / CONFIGS[network])
            ours.append(timed([args.bntt, "bench", config, f"network.time_steps={time_steps}", f"data.batch_size={batch}",
                               "--repeats", str(args.repeats), "--format", "json"], args.threads))
            for name in libraries:
                script, *flags = LIBRARIES[name][1]
                theirs[name].append(timed([sys.executable, str(HERE / script), network, "--batch", batch, "--time-steps", time_steps,
                                           "--repeats", str(args.repeats), "--threads", str(args.threads), *flags], args.threads))
        median = lambda runs, part: statistics.median(run[part]["median"] for run in runs) * 1e3
        ratio = lambda runs, part: statistics.median(b[part]["median"] / a[part]["median"] for a, b in zip(ours, runs))
        memory = lambda runs: max(run["peak_memory_bytes"] for run in runs) / 2**20
        for name, runs in theirs.items():
            print(f"| {network}, {batch}, {time_steps} | {name} | {median(runs, 'step'):.0f} | {median(ours, 'step'):.0f} "
                  f"| {ratio(runs, 'step'):.2f} | {ratio(runs, 'evaluation'):.2f} | {memory(runs):.0f} / {memory(ours):.0f} |", flush=True)


if __name__ == "__main__":
    main()
