//! Machines that never were: a folder in the driver's place, a script in that of `nvidia-smi`.

use super::*;
use crate::system::written_program::write_program;

struct Machine(tempfile::TempDir);

impl Machine {
    fn new(in_driver: &[&str], listed: &[&str]) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        let folder = machine.0.path();
        in_driver.iter().for_each(|gpu| fs::create_dir_all(folder.join("gpus").join(gpu)).unwrap());
        let lines: Vec<String> =
            listed.iter().enumerate().map(|(n, uuid)| format!("GPU {n}: NVIDIA H200 (UUID: {uuid})")).collect();
        write_program(&folder.join("nvidia-smi"), &format!("cat <<END\n{}\nEND", lines.join("\n")));
        machine
    }

    fn shown(&self, variable: Option<&str>) -> VisibleGpus {
        let folder = self.0.path();
        let (driver, nvidia_smi) = (folder.join("gpus"), folder.join("nvidia-smi"));
        GpuSources { variable: variable.map(OsString::from), driver, nvidia_smi }.visible()
    }
}

fn select(gpus: &VisibleGpus, list: &str) -> Result<String, String> {
    gpus.select(&list.split(',').map(String::from).collect::<Vec<_>>()).map(|names| names.join(","))
}

const FOUR: [&str; 4] = ["0000:1b:00.0", "0000:43:00.0", "0000:52:00.0", "0000:61:00.0"];

#[test]
fn gpus_are_those_of_the_variable_else_the_drivers_else_nvidia_smis() {
    let two = ["GPU-8932f937", "GPU-46abccf7"];
    for (in_driver, listed, variable, expected) in [
        (&FOUR[..], &[][..], None, &["0", "1", "2", "3"][..]),
        (&[], &two, None, &["0", "1"]),
        (&[], &[], None, &[]),
        (&FOUR, &[], Some(""), &[]),
        (&FOUR, &[], Some("2,0"), &["2", "0"]),
        (&FOUR, &[], Some(" 3 , 1 "), &["3", "1"]),
        (&FOUR, &[], Some("GPU-8932f937,MIG-1/2/3"), &["GPU-8932f937", "MIG-1/2/3"]),
        // CUDA heeds what stands before the first that is none.
        (&FOUR, &[], Some("-1"), &[]),
        (&FOUR, &[], Some("NoDevFiles"), &[]),
        (&FOUR, &[], Some("1,-1,2"), &["1"]),
        (&FOUR, &[], Some("1,4,2"), &["1"]),
        (&FOUR, &[], Some("1,1,2"), &["1", "2"]),
        // How many there are is not known.
        (&[], &[], Some("7"), &["7"]),
    ] {
        let machine = Machine::new(in_driver, listed);
        assert_eq!(machine.shown(variable).names(), expected, "{in_driver:?} {listed:?} {variable:?}");
    }
}

#[test]
fn a_user_names_gpus_by_their_places_or_uuids() {
    let machine = Machine::new(&FOUR, &["GPU-8932f937", "GPU-46abccf7", "GPU-46ffffff", "GPU-11111111"]);
    let all = machine.shown(None);
    assert_eq!(select(&all, "3,0,0").unwrap(), "3,0,0");
    assert_eq!(select(&all, " 1, GPU-89").unwrap(), "1,GPU-8932f937");
    // Numbers are places in the variable's list, as in cuda:N.
    let some = machine.shown(Some("3,GPU-46abccf7"));
    assert_eq!(select(&some, "1,0").unwrap(), "GPU-46abccf7,3");
    assert_eq!(select(&some, "GPU-46").unwrap(), "GPU-46abccf7");
    // Where nobody knows UUIDs CUDA is left to judge.
    assert_eq!(select(&Machine::new(&FOUR, &[]).shown(None), "MIG-0").unwrap(), "MIG-0");
}

#[test]
fn a_gpu_that_is_not_there_is_refused_with_what_there_is() {
    let machine = Machine::new(&FOUR, &["GPU-8932f937", "GPU-46abccf7", "GPU-46ffffff", "GPU-11111111"]);
    let numbers = "This machine has 4: they are numbers 0 to 3.";
    let uuids = "GPU-8932f937, GPU-46abccf7, GPU-46ffffff, GPU-11111111";
    let expected = "expected a GPU's number, such as 0, or its UUID, which begins with GPU- or MIG-, found";
    let driver = machine.0.path().join("absent");
    for (gpus, list, problem) in [
        (machine.shown(None), "0,4", format!("4: there is no GPU 4. {numbers}")),
        (machine.shown(None), "first", format!("first: {expected} \"first\". {numbers}")),
        (machine.shown(None), "", format!(": {expected} \"\". {numbers}")),
        (machine.shown(None), "-1", format!("-1: {expected} \"-1\". {numbers}")),
        (machine.shown(None), "GPU-46", "GPU-46: both GPU-46abccf7 and GPU-46ffffff begin so. Give more of it.".into()),
        (
            machine.shown(None),
            "MIG-0",
            format!("MIG-0: there is no GPU of this UUID. `nvidia-smi -L` lists those there are: {uuids}."),
        ),
        (
            machine.shown(Some("2,3")),
            "2",
            "2: there is no GPU 2. CUDA_VISIBLE_DEVICES=2,3 shows 2: they are numbers 0 to 1.".into(),
        ),
        (
            machine.shown(Some("3")),
            "GPU-89",
            "GPU-89: there is no GPU of this UUID. CUDA_VISIBLE_DEVICES=3 shows one: it is number 0.".into(),
        ),
        (
            machine.shown(Some("")),
            "0",
            "0: there is no GPU 0. CUDA_VISIBLE_DEVICES= shows none: name there what may be used, or unset it.".into(),
        ),
        (
            GpuSources { variable: None, driver: driver.clone(), nvidia_smi: driver.clone() }.visible(),
            "0",
            format!(
                "0: there is no GPU 0. This machine has none: {} has no entry, and `nvidia-smi -L` no line.",
                driver.display()
            ),
        ),
    ] {
        assert_eq!(select(&gpus, list).unwrap_err(), problem);
    }
}
