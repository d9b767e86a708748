//! Standard output and standard error that are closed, full, or read by nobody: no command panics, and what was asked
//! for is done.

use super::workspace::Workspace;
use std::ffi::CStr;
use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::os::unix::fs::OpenOptionsExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// What has become of a stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    Closed,
    Full,
    /// A pipe whose reader is gone.
    Unread,
    /// A terminal that is gone.
    HungUp,
}

const WAYS: [Way; 4] = [Way::Closed, Way::Full, Way::Unread, Way::HungUp];

/// Both ends of a terminal: what a person sees, and what a program writes to. No other program that is started
/// meanwhile inherits them.
fn terminal() -> (File, File) {
    let mut name = [0; 64];
    // SAFETY: plain calls on a number, of which the last writes into an array no more than its length.
    let seen = unsafe {
        let seen = libc::posix_openpt(libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC);
        assert!(seen >= 0 && libc::grantpt(seen) == 0 && libc::unlockpt(seen) == 0, "a terminal");
        assert_eq!(libc::ptsname_r(seen, name.as_mut_ptr(), name.len()), 0);
        seen
    };
    // SAFETY: it was just opened, and nothing else has it; the array holds a name and the 0 behind it.
    let (seen, name) = unsafe { (File::from_raw_fd(seen), CStr::from_ptr(name.as_ptr())) };
    let written = File::options().write(true).custom_flags(libc::O_NOCTTY).open(name.to_str().expect("a name"));
    (seen, written.expect("a terminal"))
}

impl Way {
    /// What the program gets; a closed stream is closed at its start.
    fn stream(self) -> Stdio {
        match self {
            Self::Closed => Stdio::null(),
            Self::Full => File::options().write(true).open("/dev/full").expect("/dev/full").into(),
            Self::Unread => std::io::pipe().expect("a pipe").1.into(),
            Self::HungUp => terminal().1.into(),
        }
    }
}

/// The exit code with standard output and standard error as they are said to be, and else into nothing.
fn code(mut command: Command, output: Option<Way>, errors: Option<Way>) -> Option<i32> {
    command.env("TERM", "xterm").stdin(Stdio::null());
    command.stdout(output.map_or_else(Stdio::null, Way::stream));
    command.stderr(errors.map_or_else(Stdio::null, Way::stream));
    for (algorithm, number) in [(output, libc::STDOUT_FILENO), (errors, libc::STDERR_FILENO)] {
        if algorithm == Some(Way::Closed) {
            let close = move || {
                // SAFETY: a plain call.
                unsafe { libc::close(number) };
                Ok(())
            };
            // SAFETY: between fork and exec the closure makes one system call, and allocates nothing.
            unsafe { command.pre_exec(close) };
        }
    }
    command.status().expect("the program").code()
}

/// Whether a command tells something on standard output.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    Something,
    Nothing,
}

#[test]
fn no_command_minds_streams_that_nobody_reads() {
    use Says::{Nothing, Something};
    let workspace = Workspace::new();
    workspace.write("trial.toml", "base = 'tiny.toml'\nseeds = [0, 1]\n");
    workspace.write("broken.toml", "name = 'broken'\nlayers = 3\n");
    let images = candle_core::Tensor::zeros((2, 1, 8, 8), candle_core::DType::U8, &candle_core::Device::Cpu);
    images.and_then(|images| images.save_safetensors("images", workspace.path("in.safetensors"))).expect("images");
    for arguments in [&["run", "tiny.toml"][..], &["sweep", "trial.toml"]] {
        let (code, said) = workspace.run(arguments);
        assert_eq!(code, Some(0), "{said}");
    }
    let commands: &[(&str, i32, Says)] = &[
        ("run tiny.toml", 0, Nothing),
        ("run broken.toml", 2, Nothing),
        ("run absent.toml", 2, Nothing),
        ("resume runs/tiny/v0001", 0, Nothing),
        ("sweep trial.toml", 0, Something),
        ("sweep trial.toml --dry-run", 0, Something),
        ("sweep trial.toml --status", 0, Something),
        ("check tiny.toml", 0, Something),
        ("eval runs/tiny/v0001", 0, Something),
        ("eval runs/absent", 2, Nothing),
        ("predict runs/tiny/v0001 --input in.safetensors --output out.safetensors", 0, Something),
        ("bench tiny.toml --repeats 1", 0, Something),
        ("list", 0, Something),
        ("doctor runs/tiny/v0001", 0, Something),
        ("early-exit runs/tiny/v0001", 0, Something),
        ("energy runs/tiny/v0001", 0, Something),
        ("attack runs/tiny/v0001 --fgsm --draws 1", 0, Something),
        ("compare runs/tiny runs/trial.seed0 --format csv", 0, Something),
        ("table trial.toml", 0, Something),
        ("report runs/tiny/v0001 --no-evaluation -o page.html", 0, Something),
        ("plot runs/tiny/v0001 --no-evaluation -o figures", 0, Something),
        ("data --list", 0, Something),
        ("schema", 0, Something),
        ("--help", 0, Something),
        ("run --help", 0, Something),
        ("--version", 0, Something),
        ("", 2, Nothing),
        ("no-command", 2, Nothing),
        ("eval runs/tiny/v0001 --draws none", 2, Nothing),
    ];
    let mut wrong = Vec::new();
    for &(line, usual, says) in commands {
        let arguments: Vec<&str> = line.split_whitespace().collect();
        let mut expect = |output: Option<Way>, errors: Option<Way>, expected: i32| {
            let found = code(workspace.command(&arguments), output, errors);
            if found != Some(expected) {
                wrong.push(format!("bntt {line}, output {output:?}, errors {errors:?}: {found:?}, not {expected}"));
            }
        };
        expect(None, None, usual);
        for algorithm in WAYS {
            expect(None, Some(algorithm), usual);
            // What nobody can have is an error, but for a reader who has gone: `bntt list | head`. A stream that was
            // closed from the start is /dev/null to every Rust program.
            let expected = match (says, algorithm) {
                (Something, Way::Full | Way::HungUp) => 2,
                _ => usual,
            };
            expect(Some(algorithm), None, expected);
            expect(Some(algorithm), Some(algorithm), expected);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_terminal_that_is_closed_in_the_midst_of_a_run_does_not_end_it() {
    let workspace = Workspace::new();
    let (mut seen, written) = terminal();
    let mut command = workspace.command(&["run", "tiny.toml", "training.epochs=300"]);
    let mut run = command.env("TERM", "xterm").stdout(Stdio::null()).stderr(written).spawn().expect("the program");
    // The command holds an end of the terminal too.
    drop(command);
    let mut text = Vec::new();
    let mut chunk = [0; 4096];
    while !String::from_utf8_lossy(&text).contains("epoch 3/300 ") {
        let count = seen.read(&mut chunk).expect("a terminal");
        text.extend_from_slice(&chunk[..count]);
    }
    assert!(text.contains(&0x1b), "bars are drawn");
    assert!(run.try_wait().expect("a status").is_none(), "it is over already");
    drop(seen);
    assert_eq!(run.wait().expect("a status").code(), Some(0));
    let metrics = std::fs::read_to_string(workspace.path("runs/tiny/v0001/metrics.jsonl")).expect("metrics");
    assert_eq!(metrics.lines().count(), 300);
}
