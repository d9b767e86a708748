//! The front matter: YAML between two lines of three hyphens. Every text in it is quoted as JSON quotes it, which YAML
//! reads.

use super::ModelCard;
use serde_json::json;

impl ModelCard<'_> {
    pub(super) fn front_matter(&self) -> String {
        let experiment = &self.checked.experiment;
        let (dataset, name) = (experiment.data.dataset.kind().name(), &experiment.name);
        let mut lines = vec!["---".to_string()];
        lines.push(match self.license {
            Some(license) => format!("license: {}", json!(license)),
            None => "# license: say under which license these weights may be used, such as mit".into(),
        });
        let mut tags = vec!["spiking-neural-network", "snn", "image-classification"];
        tags.extend(self.norms().into_iter().map(|(kind, _)| kind));
        lines.push("library_name: \"bntt\"".into());
        lines.push("pipeline_tag: \"image-classification\"".into());
        lines.push(format!("tags: {}", json!(tags)));
        // Data of the user's own have no name on the hub.
        if !experiment.data.dataset.spec().is_own() {
            lines.push(format!("datasets: {}", json!([dataset])));
        }
        lines.push("metrics: [\"accuracy\"]".into());
        lines.extend(self.model_index(name, dataset));
        lines.push("---\n".into());
        lines.join("\n")
    }

    /// The results as the hub reads them: accuracies as shares of 1.
    fn model_index(&self, name: &str, dataset: &str) -> Vec<String> {
        let reached = self.reached();
        if reached.is_empty() {
            return Vec::new();
        }
        let mut lines = vec!["model-index:".to_string(), format!("- name: {}", json!(name)), "  results:".into()];
        let task = json!({ "type": "image-classification", "name": "Image classification" });
        lines.push(format!("  - task: {task}"));
        lines.push(format!("    dataset: {}", json!({ "type": dataset, "name": dataset, "split": "test" })));
        lines.push("    metrics:".into());
        for found in reached {
            let of = if found.own { ", these weights" } else { "" };
            let share = (found.top1 * 1e4).round() / 1e6;
            let metric = json!({ "type": "accuracy", "name": format!("top-1, {}{of}", found.how), "value": share });
            lines.push(format!("    - {metric}"));
        }
        lines
    }
}
