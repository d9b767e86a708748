//! The GPU kernels and their launches against the CPU ops, on a machine without a GPU: see `emulated.rs`.

mod emulated;

use bntt::ops::selftest::{Checks, GROUPS};
use emulated::Emulated;

/// The groups, checked one by one; `bntt selftest` runs the same on a GPU.
fn check(names: &[&str]) {
    let mut checks = Checks::new(Emulated::get());
    for name in names {
        let (_, group) = GROUPS.iter().find(|(found, _)| found == name).expect("a group of that name");
        group(&mut checks).expect("ops that run");
    }
    let findings = checks.into_findings();
    assert!(findings.len() >= 2, "{findings:?}");
    let failures: Vec<_> = findings.iter().filter(|finding| finding.failure.is_some()).collect();
    assert!(failures.is_empty(), "{failures:#?}");
}

#[test]
fn every_kernel_file_defines_kernels_that_can_be_launched() {
    let files = emulated::kernel_files(std::path::Path::new("src/ops"));
    let names: Vec<String> = files.iter().flat_map(|file| emulated::kernel_names(file)).collect();
    assert!(names.len() > 60, "{names:?}");
    for name in ["lif_forward_bf16_bf16_x8", "norm_lif_backward_bf16_f32_x1", "flatten_u8", "unflatten_bf16", "sgd"] {
        assert!(names.iter().any(|found| found == name), "{name} is not among {names:?}");
    }
    let mut sorted = names.clone();
    sorted.sort();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "two kernels have one name");
}

#[test]
fn lif_gives_the_cpus_spikes_and_gradients() {
    check(&["neurons"]);
}

#[test]
fn batch_norm_alone_and_fused_with_neurons_is_the_cpus() {
    check(&["norms"]);
}

#[test]
fn convolutions_by_patches_are_the_cpus() {
    check(&["convolutions"]);
}

#[test]
fn linear_layers_biases_and_vectors_are_the_cpus() {
    check(&["linear layers", "vectors and biases"]);
}

#[test]
fn pools_are_the_cpus() {
    check(&["pools"]);
}

#[test]
fn joined_branches_are_the_cpus() {
    check(&["joins"]);
}

#[test]
fn rectifiers_are_the_cpus() {
    check(&["rectifiers"]);
}

#[test]
fn random_numbers_and_batches_are_the_cpus_bits() {
    check(&["random numbers", "batches"]);
}

#[test]
fn losses_norms_and_moves_are_the_cpus() {
    check(&["losses and moves"]);
}

#[test]
fn every_group_is_checked_here() {
    // The tests above name them one by one, to run side by side.
    let names: Vec<&str> = GROUPS.iter().map(|(name, _)| *name).collect();
    let source = include_str!("main.rs");
    assert!(names.iter().all(|name| source.matches(&format!("\"{name}\"")).count() == 1), "{names:?}");
}
