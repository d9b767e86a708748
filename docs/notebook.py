# /// script
# requires-python = ">=3.11"
# dependencies = ["marimo", "matplotlib", "pandas"]
# ///
"""Run folders in pandas: learning curves, the runs of a sweep side by side, firing rates by layer.

A marimo notebook. `marimo edit docs/notebook.py` opens it in a browser; behind that, `-- --runs FOLDER` names another
folder than `runs`, and `--name 'same_sweep.*'` some of its runs.
"""

import marimo

__generated_with = "0.25.2"
app = marimo.App(width="medium")


@app.cell
def _():
    import json
    import tomllib
    from pathlib import Path

    import marimo as mo
    import matplotlib.pyplot as plt
    import pandas as pd

    return Path, json, mo, pd, plt, tomllib


@app.cell
def _(Path, mo):
    folder, name = Path(mo.cli_args().get("runs") or "runs"), mo.cli_args().get("name") or "*"
    files = {f"{file.parts[-3]}/{file.parts[-2]}": file for file in sorted(folder.glob(f"{name}/v*/metrics.jsonl"))}
    _place = f"`{folder.absolute() / name}`"
    mo.stop(not files, mo.md(f"{_place} is no run: train one, or name the folder by `-- --runs FOLDER`."))
    mo.md(f"# {len(files)} runs: {_place}")
    return (files,)


@app.cell
def _(files, json, pd):
    def lines_of(file):
        """The whole lines: the last one may still be written."""
        text = file.read_text()
        return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]

    def score(line):
        """Top-1 in percent on the images that an epoch is chosen by; none in an epoch that was not evaluated."""
        # Validation images where the run has some, even if this epoch was not evaluated on them.
        split = line["validation"] if "validation" in line else line["test"]
        return split["top1"] if split else None

    read = {run: lines_of(file) for run, file in files.items()}
    # A run with validation images ends with a line without an epoch: its one score on the test images.
    by_epoch = [(run, line) for run, lines in read.items() for line in lines if "epoch" in line]
    epochs = pd.json_normalize([{"run": run, "top1": score(line)} | line for run, line in by_epoch])
    epochs = epochs.set_index(["run", "epoch"])
    epochs["top1"] = pd.to_numeric(epochs["top1"])
    final_test = pd.Series(
        {run: line["test"]["top1"] for run, lines in read.items() for line in lines if "of_epoch" in line}, dtype=float
    )
    epochs
    return epochs, final_test


@app.cell
def _(epochs, plt):
    # A column a run, a row an epoch.
    losses = epochs["train.loss"].unstack("run")
    top1 = epochs["top1"].unstack("run")
    curves, (left, right) = plt.subplots(1, 2, figsize=(11, 4), layout="constrained")
    losses.plot(ax=left, ylabel="loss on the training images", legend=False)
    # Epochs without an evaluation leave no gap.
    top1.interpolate(limit_area="inside").plot(ax=right, ylabel="top-1 in percent, evaluated", legend=False)
    # More names than these hide the curves.
    if len(losses.columns) <= 12:
        right.legend(fontsize="small")
    curves
    return losses, top1


@app.cell
def _(epochs, files, final_test, json, pd, tomllib):
    def settings_of(file):
        """The config by dotted keys, and which run of its sweep it is."""
        config = tomllib.loads((file.parent / "config.toml").read_text())
        sweep = json.loads((file.parent / "provenance.json").read_text()).get("sweep") or {}
        keys = pd.json_normalize(config).iloc[0].map(lambda value: str(value) if isinstance(value, list) else value)
        # Every run has a name of its own.
        return {"sweep": sweep.get("name"), "variant": sweep.get("variant")} | keys.drop("name").to_dict()

    has_epochs = epochs.index.get_level_values("run").unique()
    settings = pd.DataFrame.from_dict({run: settings_of(files[run]) for run in has_epochs}, orient="index")
    differs = settings.loc[:, settings.nunique(dropna=False) > 1]

    of_run = epochs.groupby("run", sort=False)
    best = of_run["top1"].apply(lambda top1: top1.idxmax()[1] if top1.notna().any() else None)
    runs = differs.assign(
        epochs=of_run.size(),
        best=of_run["top1"].max(),
        best_epoch=best,
        last=of_run["top1"].last(),
        test=final_test,
        train_loss=of_run["train.loss"].last(),
        images_per_second=of_run["images_per_second"].mean(),
        minutes=of_run["seconds"].sum() / 60,
        peak_memory_mb=of_run["peak_memory_bytes"].max() / 1e6,
    ).dropna(axis="columns", how="all")
    runs.sort_values("best", ascending=False)
    return differs, runs


@app.cell
def _(differs, mo, runs):
    # Mean and sample standard deviation over seeds.
    _axes = [key for key in differs.columns if key not in ("seed", "sweep") and key in runs]
    mo.stop("seed" not in runs or not _axes, mo.md("No two settings were run with several seeds."))
    over_seeds = runs.groupby(_axes, dropna=False)["best"].agg(["count", "mean", "std"])
    over_seeds
    return (over_seeds,)


@app.cell
def _(epochs, mo):
    choice = mo.ui.dropdown(sorted(set(epochs.index.get_level_values("run"))), label="firing rates of")
    choice
    return (choice,)


@app.cell
def _(choice, epochs, plt):
    # Spikes per neuron and time-step. Networks of other layers have other columns, so that a run has only its own.
    rates = epochs.filter(like="firing_rates.").rename(columns=lambda name: name.removeprefix("firing_rates."))
    chosen = choice.value or epochs.index[-1][0]
    rates_by_epoch = rates.loc[chosen].dropna(axis="columns", how="all")
    last_rates = rates.groupby("run", sort=False).last()
    _, _axis = plt.subplots(figsize=(8, 4), layout="constrained")
    rates_by_epoch.plot(ax=_axis, title=chosen, ylabel="spikes per neuron and time-step", ylim=(0, None))
    _axis
    return last_rates, rates_by_epoch


@app.cell
def _(last_rates):
    # After the last epoch of every run.
    last_rates
    return


if __name__ == "__main__":
    app.run()
