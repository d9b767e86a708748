//! One file over HTTP: to `NAME.part`, from where it stopped, with patience.
//!
//! `NAME.part.from` keeps the address and the server's word for the file's version (`ETag` or `Last-Modified`). With it a request asks for
//! the rest, on the condition that the file is still the same (`If-Range`); a server that does not do this sends the whole file, and it
//! begins anew.

use std::ffi::OsString;
use std::fs::{self, File, OpenOptions};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use tracing::{info, warn};
use ureq::http::{HeaderMap, Response, header};
use ureq::tls::{RootCerts, TlsConfig};
use ureq::{Agent, Body};

use super::catalogue::Archive;
use super::failure::refused;
use crate::error::{Error, Result};
use crate::progress::ByteBar;
use crate::reading;
use crate::stop::Stop;

/// A file of unknown size is refused beyond this.
const LONGEST: u64 = 64 << 30;

/// How long a server is waited for, and how often it is asked.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Failures in a row, without a byte between them, after which an address is given up.
    pub attempts: u32,
    /// The wait after the first of them; it doubles with each, up to a minute.
    pub wait: Duration,
    /// The longest silence.
    pub silence: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { attempts: 5, wait: Duration::from_secs(1), silence: Duration::from_secs(60) }
    }
}

/// Why a file could not be fetched.
pub enum Failure {
    /// Another address would not help.
    Here(Error),
    /// This address does not give it.
    There(String),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// Why one request did not bring the rest.
enum Trouble {
    /// The same address may do better, after the wait that it asks for.
    Again(String, Option<Duration>),
    For(Failure),
}

impl From<Failure> for Trouble {
    fn from(failure: Failure) -> Self {
        Self::For(failure)
    }
}

impl From<Error> for Trouble {
    fn from(error: Error) -> Self {
        Self::For(error.into())
    }
}

fn again(problem: impl ToString) -> Trouble {
    Trouble::Again(problem.to_string(), None)
}

fn never(problem: String) -> Trouble {
    Trouble::For(Failure::There(problem))
}

/// What fetches.
pub struct Client {
    agent: Agent,
    patience: Patience,
}

impl Client {
    pub fn new(patience: Patience) -> Self {
        // The certificates of the operating system, so that a lab's own are known.
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::PlatformVerifier)
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .user_agent(concat!("bntt/", env!("CARGO_PKG_VERSION")))
            .timeout_connect(Some(patience.silence))
            .timeout_recv_response(Some(patience.silence))
            .timeout_per_read(Some(patience.silence))
            .build();
        Self { agent: config.new_agent(), patience }
    }

    /// Fetches `url` to `path`, checked. What is there of it, `path.part`, is not fetched again.
    pub fn fetch(
        &self,
        url: &str,
        path: &Path,
        archive: &Archive,
        bar: &mut ByteBar,
        stop: &Stop,
    ) -> Result<(), Failure> {
        let part = Part::of(path);
        let mut failures = 0u32;
        info!("fetching {url}");
        loop {
            let before = part.length();
            let (problem, asked) = match self.request(url, &part, archive, bar, stop) {
                Ok(()) => break,
                Err(Trouble::For(failure)) => return Err(failure),
                Err(Trouble::Again(problem, asked)) => (problem, asked),
            };
            failures = if part.length() > before { 1 } else { failures.saturating_add(1) };
            if failures >= self.patience.attempts {
                return Err(Failure::There(problem));
            }
            let doubled = self.patience.wait.saturating_mul(1 << failures.saturating_sub(1).min(16));
            let wait = asked.unwrap_or(doubled).min(Duration::from_secs(60));
            warn!("{url}: {problem}; another try in {:.0} s", wait.as_secs_f64());
            sleep(wait);
            interrupted(stop)?;
        }
        bar.finish();
        self.settle(&part, path, archive)
    }

    /// Puts a whole file in its place, if it is what was published.
    fn settle(&self, part: &Part, path: &Path, archive: &Archive) -> Result<(), Failure> {
        match archive.checksum.map(|checksum| checksum.check(&part.path)).transpose()? {
            Some(Err(problem)) => {
                part.remove()?;
                Err(Failure::There(format!("what came is not what was published: {problem}; it was removed")))
            }
            _ => {
                fs::rename(&part.path, path).map_err(refused("write", path))?;
                part.remove()?;
                Ok(())
            }
        }
    }

    /// One request for what is missing.
    fn request(
        &self,
        url: &str,
        part: &Part,
        archive: &Archive,
        bar: &mut ByteBar,
        stop: &Stop,
    ) -> Result<(), Trouble> {
        let (mut done, version) = part.progress(url);
        let mut request = self.agent.get(url);
        if let Some(version) = &version {
            request = request.header(header::RANGE, format!("bytes={done}-")).header(header::IF_RANGE, version);
        }
        let mut response = request.call().map_err(|error| unreachable_server(&error))?;
        let total = match response.status().as_u16() {
            200 => {
                done = 0;
                number(response.headers(), header::CONTENT_LENGTH)
            }
            206 => match range(response.headers()) {
                Some((start, total)) if start == done && version.is_some() => total,
                _ => {
                    part.remove()?;
                    return Err(again("it sent another part of the file than was asked for"));
                }
            },
            // Nothing was left to send.
            416 if done > 0 && whole(response.headers()) == Some(done) => return Ok(()),
            416 => {
                part.remove()?;
                return Err(again("it has no such part of the file"));
            }
            status @ (408 | 425 | 429 | 500 | 502..=504) => {
                let wait = number(response.headers(), header::RETRY_AFTER).map(Duration::from_secs);
                return Err(Trouble::Again(format!("it answered with status {status}"), wait));
            }
            status => return Err(never(format!("it answered with status {status}"))),
        };
        let most = archive.bytes.unwrap_or(LONGEST);
        if total.is_some_and(|total| total > most) {
            let total = total.unwrap_or_default();
            return Err(never(format!("it offers {total} bytes, and at most {most} were expected")));
        }
        part.note(url, &response)?;
        bar.begin(done, total.or(archive.bytes));
        let mut file = part.open(done)?;
        let mut piece = vec![0; 1 << 16];
        let mut body = response.body_mut().as_reader();
        loop {
            interrupted(stop).map_err(Trouble::from)?;
            let length = body.read(&mut piece).map_err(|error| again(format!("the connection was cut: {error}")))?;
            let Some(bytes) = piece.get(..length).filter(|bytes| !bytes.is_empty()) else { break };
            done = done.saturating_add(length as u64);
            if done > most {
                part.remove()?;
                return Err(never(format!("it sends more than the {most} bytes that were expected")));
            }
            file.write_all(bytes).map_err(refused("write", &part.path))?;
            bar.add(length as u64);
        }
        file.sync_all().map_err(refused("write", &part.path))?;
        match total {
            Some(total) if done < total => Err(again(format!("the connection ended after {done} of {total} bytes"))),
            _ => Ok(()),
        }
    }
}

fn interrupted(stop: &Stop) -> Result<(), Failure> {
    stop.asked().map_or(Ok(()), |reason| Err(Failure::Here(Error::Interrupted(reason))))
}

fn unreachable_server(error: &ureq::Error) -> Trouble {
    let text = error.to_string();
    match error {
        // The system's resolver has no kind of error of its own.
        ureq::Error::HostNotFound | ureq::Error::Io(_)
            if text.contains("host not found") || text.contains("lookup address") =>
        {
            never("its host was not found: is this machine offline?".into())
        }
        _ if text.contains("invalid peer certificate") => never(format!("its certificate is not trusted: {text}")),
        ureq::Error::BadUri(problem) => never(format!("it is no address: {problem}")),
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) | ureq::Error::Http(_) => never(text),
        _ => again(format!("it cannot be reached: {text}")),
    }
}

fn number(headers: &HeaderMap, name: header::HeaderName) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// The first byte and the file's length of `Content-Range: bytes 5-9/10`.
fn range(headers: &HeaderMap) -> Option<(u64, Option<u64>)> {
    let text = headers.get(header::CONTENT_RANGE)?.to_str().ok()?;
    let (places, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    let (start, _) = places.split_once('-')?;
    Some((start.trim().parse().ok()?, total.trim().parse().ok()))
}

/// The file's length of `Content-Range: bytes */10`, which says that there is no such part.
fn whole(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_RANGE)?.to_str().ok()?.strip_prefix("bytes */")?.trim().parse().ok()
}

/// A file that is not whole yet, and the note beside it.
struct Part {
    path: PathBuf,
    note: PathBuf,
}

impl Part {
    fn of(path: &Path) -> Self {
        let beside = |ending: &str| {
            let mut name = OsString::from(path);
            name.push(ending);
            PathBuf::from(name)
        };
        Self { path: beside(".part"), note: beside(".part.from") }
    }

    fn length(&self) -> u64 {
        fs::metadata(&self.path).map_or(0, |about| if about.is_file() { about.len() } else { 0 })
    }

    /// How much of `url` is there, and the version that it is of; nothing where that is not known.
    fn progress(&self, url: &str) -> (u64, Option<String>) {
        let note = reading::text(&self.note, 1 << 16).unwrap_or_default();
        let version = note.strip_prefix(url).and_then(|rest| rest.strip_prefix('\n')).map(str::trim);
        match (self.length(), version.filter(|version| !version.is_empty())) {
            (length @ 1.., Some(version)) => (length, Some(version.to_string())),
            _ => (0, None),
        }
    }

    /// Remembers the version that comes now. A weak `ETag` does not promise the same bytes.
    fn note(&self, url: &str, response: &Response<Body>) -> Result<()> {
        let text = |name| response.headers().get(name).and_then(|value| value.to_str().ok());
        let tag = text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
        let version = tag.or(text(header::LAST_MODIFIED)).unwrap_or_default();
        fs::write(&self.note, format!("{url}\n{version}\n")).map_err(refused("write", &self.note))
    }

    /// Opens it to write from byte `done` on.
    fn open(&self, done: u64) -> Result<File> {
        let file = OpenOptions::new().write(true).create(true).truncate(false).open(&self.path);
        let mut file = file.map_err(refused("create", &self.path))?;
        file.set_len(done).map_err(refused("write", &self.path))?;
        std::io::Seek::seek(&mut file, std::io::SeekFrom::Start(done)).map_err(refused("write", &self.path))?;
        Ok(file)
    }

    fn remove(&self) -> Result<()> {
        for path in [&self.path, &self.note] {
            match fs::remove_file(path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    return Err(refused("remove", path)(error));
                }
                _ => {}
            }
        }
        Ok(())
    }
}
