//! A SLURM of one node on this machine, for the length of a test: munge, slurmctld and slurmd on loopback. Needs root
//! and Debian's packages slurm-wlm and munge.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub struct Cluster {
    folder: tempfile::TempDir,
    daemons: Vec<Child>,
}

impl Cluster {
    /// Starts it, with some lines more in its configuration, or says why it cannot run here.
    pub fn start(settings: &str) -> Result<Self, String> {
        for program in ["slurmctld", "slurmd", "sbatch", "munged"] {
            let found = ["/usr/sbin", "/usr/bin"].iter().any(|folder| Path::new(folder).join(program).exists());
            found.then_some(()).ok_or(format!("{program} is not installed: apt-get install slurm-wlm munge"))?;
        }
        // SAFETY: a plain call that cannot fail.
        if unsafe { libc::geteuid() } != 0 {
            return Err("its daemons need root".into());
        }
        let folder = tempfile::tempdir().map_err(|e| e.to_string())?;
        let mut cluster = Self { folder, daemons: Vec::new() };
        cluster.start_munge()?;
        let host = fs::read_to_string("/proc/sys/kernel/hostname").map_err(|e| e.to_string())?;
        for part in ["state", "spool"] {
            fs::create_dir(cluster.path(part)).map_err(|e| e.to_string())?;
        }
        fs::write(cluster.conf(), cluster.configuration(host.trim()) + settings).map_err(|e| e.to_string())?;
        cluster.daemon("slurmctld", &["-D"])?;
        cluster.daemon("slurmd", &["-D"])?;
        let started = Instant::now();
        while !cluster.says("sinfo", &["-h", "-o", "%t"]).contains("idle") {
            if started.elapsed() > Duration::from_secs(60) {
                return Err(format!("no node became idle: {}", cluster.logs()));
            }
            std::thread::sleep(Duration::from_millis(200));
        }
        Ok(cluster)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// For SLURM_CONF.
    pub fn conf(&self) -> PathBuf {
        self.path("slurm.conf")
    }

    fn configuration(&self, host: &str) -> String {
        let (folder, munge) = (self.folder.path().display(), self.path("munge.socket"));
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        format!(
            "ClusterName=trial\nSlurmctldHost={host}(127.0.0.1)\nSlurmUser=root\nSlurmctldPort=16817\nSlurmdPort=16818\n\
             AuthType=auth/munge\nAuthInfo=socket={}\nStateSaveLocation={folder}/state\nSlurmdSpoolDir={folder}/spool\n\
             SlurmctldPidFile={folder}/slurmctld.pid\nSlurmdPidFile={folder}/slurmd.pid\n\
             SlurmctldLogFile={folder}/slurmctld.log\nSlurmdLogFile={folder}/slurmd.log\nProctrackType=proctrack/linuxproc\n\
             TaskPlugin=task/none\nSelectType=select/cons_tres\nSchedulerType=sched/backfill\nReturnToService=2\nKillWait=5\n\
             SchedulerParameters=sched_interval=2,bf_interval=2\nMinJobAge=600\nJobRequeue=1\n\
             NodeName={host} NodeAddr=127.0.0.1 CPUs={cores} State=UNKNOWN\n\
             PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP\n",
            munge.display()
        )
    }

    /// A munge of its own, with a key and a socket of its own.
    fn start_munge(&mut self) -> Result<(), String> {
        let key = self.path("munge.key");
        let random: Vec<u8> = (0..64u64).flat_map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15)).to_le_bytes()).collect();
        fs::write(&key, random).map_err(|e| e.to_string())?;
        let mode = |path: &Path, mode| {
            fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(mode)).map_err(|e| e.to_string())
        };
        mode(&key, 0o400)?;
        mode(self.folder.path(), 0o755)?;
        let mut munge = Command::new("munged");
        munge.arg("--foreground").arg("--force").arg("--key-file").arg(&key);
        for (option, file) in [
            ("--socket", "munge.socket"),
            ("--pid-file", "munge.pid"),
            ("--log-file", "munge.log"),
            ("--seed-file", "munge.seed"),
        ] {
            munge.arg(option).arg(self.path(file));
        }
        let daemon = munge.stdout(Stdio::null()).stderr(Stdio::null()).spawn();
        self.daemons.push(daemon.map_err(|e| format!("munged: {e}"))?);
        let started = Instant::now();
        while !self.path("munge.socket").exists() {
            if started.elapsed() > Duration::from_secs(20) {
                let log = fs::read_to_string(self.path("munge.log")).unwrap_or_default();
                return Err(format!("munged did not start: {log}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn daemon(&mut self, program: &str, arguments: &[&str]) -> Result<(), String> {
        let mut command = Command::new(program);
        command.args(arguments).env("SLURM_CONF", self.conf()).stdout(Stdio::null()).stderr(Stdio::null());
        self.daemons.push(command.spawn().map_err(|e| format!("{program}: {e}"))?);
        Ok(())
    }

    /// What a command of SLURM's prints.
    pub fn says(&self, program: &str, arguments: &[&str]) -> String {
        let output = Command::new(program).args(arguments).env("SLURM_CONF", self.conf()).output();
        output.map_or_else(|e| e.to_string(), |o| String::from_utf8_lossy(&[o.stdout, o.stderr].concat()).into_owned())
    }

    pub fn logs(&self) -> String {
        let log = |name: &str| fs::read_to_string(self.path(name)).unwrap_or_default();
        let text = format!("{}\n{}", log("slurmctld.log"), log("slurmd.log"));
        text.lines().rev().take(30).collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for daemon in self.daemons.iter_mut().rev() {
            // SAFETY: a child that has not been waited for keeps its number.
            unsafe { libc::kill(daemon.id() as libc::pid_t, libc::SIGTERM) };
            let started = Instant::now();
            while daemon.try_wait().is_ok_and(|ended| ended.is_none()) && started.elapsed() < Duration::from_secs(10) {
                std::thread::sleep(Duration::from_millis(50));
            }
            let _ = daemon.kill();
            let _ = daemon.wait();
        }
    }
}
