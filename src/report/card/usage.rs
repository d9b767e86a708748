//! How others use the network.

use super::ModelCard;

impl ModelCard<'_> {
    pub(super) fn usage(&self) -> String {
        let experiment = &self.checked.experiment;
        let (name, dataset) = (&experiment.name, &experiment.data.dataset);
        let mut paths = dataset.clone();
        let key = format!("data.dataset.{}", dataset.kind().name());
        let data = match paths.spec_mut().paths().len() {
            0 => String::new(),
            1 => format!(" {key}.path=FOLDER"),
            _ => format!(" (its data by {key}.KEY=PATH)"),
        };
        let normalised = match (&experiment.data.normalize, self.checked.shape.time_steps) {
            (_, Some(_)) => "coded sequences [B, T, C, H, W]".to_string(),
            (None, None) => "images [B, C, H, W] with pixels in 0..1".into(),
            (Some(scale), None) => {
                format!(
                    "images [B, C, H, W] with pixels in 0..1, less the mean of their channel {:?}, over its standard \
                     deviation {:?}",
                    scale.mean, scale.std
                )
            }
        };
        format!(
            "With `bntt`, in this folder:\n\n\
             ```console\n\
             $ bntt import model.safetensors --config config.toml{data}\n\
             $ bntt eval runs/{name}\n\
             $ bntt run config.toml training.initial_weights=model.safetensors{data}\n\
             ```\n\n\
             The first makes a run of the weights, which `eval`, `energy`, `attack`, `early-exit` and `export` take; the last \
             trains on from them. The paths in `config.toml` are stand-ins.\n\n\
             From Python, the tensors by the names of their layers:\n\n\
             ```python\n\
             from safetensors import safe_open\n\
             from safetensors.torch import load_file\n\n\
             state = load_file(\"model.safetensors\")\n\
             print({{name: tuple(tensor.shape) for name, tensor in state.items()}})\n\
             print(safe_open(\"model.safetensors\", \"pt\").metadata()[\"config\"])\n\
             ```\n\n\
             As a module of PyTorch, after `bntt import` and `bntt export runs/{name} --pytorch exported`, in the folder \
             `exported`:\n\n\
             ```python\n\
             from network import Network\n\n\
             logits = Network()(images)\n\
             ```\n\n\
             It takes {normalised}.\n"
        )
    }
}
