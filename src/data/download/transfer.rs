//! One file over HTTP: to `NAME.part`, from where it stopped, with patience.
//!
//! The note beside it keeps the server's word for the file's version. With it a request asks for the rest, on the
//! condition that the file is still the same (`If-Range`); a server that does not do this sends the whole file, and it
//! begins anew.

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use tracing::{info, warn};
use ureq::Agent;
use ureq::tls::{RootCerts, TlsConfig};

use super::catalogue::Archive;
use super::failure::refused;
use super::part::PartialFile;
use super::request::{FileRequest, RequestError, Response, again, ask, never};
use super::waiting::{listen, pause};
use crate::error::Error;
use crate::system::signals::Stop;
use crate::terminal::progress::ByteBar;

/// A file of unknown size is refused beyond this.
const LONGEST: u64 = 64 << 30;

/// How long a server is waited for, and how often it is asked.
#[derive(Debug, Clone, Copy)]
pub struct RetryPolicy {
    /// Failures in a row, without a byte between them, after which an address is given up.
    pub attempts: u32,
    /// The wait after the first of them; it doubles with each, up to a minute.
    pub wait: Duration,
    /// The longest silence.
    pub silence: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self { attempts: 5, wait: Duration::from_secs(1), silence: Duration::from_secs(60) }
    }
}

/// Why a file could not be fetched.
pub enum TransferError {
    /// Another address would not help.
    Here(Error),
    /// This address does not give it.
    There(String),
}

impl From<Error> for TransferError {
    fn from(error: Error) -> Self {
        Self::Here(error)
    }
}

/// What fetches.
pub struct Client<'a> {
    agent: Agent,
    patience: RetryPolicy,
    stop: &'a Stop,
}

impl<'a> Client<'a> {
    pub fn new(patience: RetryPolicy, stop: &'a Stop) -> Self {
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
        Self { agent: config.new_agent(), patience, stop }
    }

    /// Fetches `url` to `part`, checked. What is there of it is not fetched again.
    pub fn fetch(
        &self,
        url: &str,
        part: &PartialFile,
        archive: &Archive,
        bar: &mut ByteBar,
    ) -> Result<(), TransferError> {
        let mut failures = 0u32;
        info!("fetching {url}");
        loop {
            let before = part.length();
            let (problem, requested) = match self.request(url, part, archive, bar) {
                Ok(()) => break,
                Err(RequestError::For(failure)) => return Err(failure),
                Err(RequestError::Again(problem, requested)) => (problem, requested),
            };
            listen(self.stop)?;
            failures = if part.length() > before { 1 } else { failures.saturating_add(1) };
            if failures >= self.patience.attempts {
                return Err(TransferError::There(problem));
            }
            let doubled = self.patience.wait.saturating_mul(1 << failures.saturating_sub(1).min(16));
            let wait = requested.unwrap_or(doubled).min(Duration::from_secs(60));
            warn!("{url}: {problem}; another try in {:.0} s", wait.as_secs_f64());
            pause(wait, self.stop)?;
        }
        bar.finish();
        self.finish(part, archive)
    }

    /// Notes that a file is whole, if it is what was published.
    fn finish(&self, part: &PartialFile, archive: &Archive) -> Result<(), TransferError> {
        let checked = archive.checksum.map(|checksum| checksum.check(&part.path, self.stop)).transpose()?;
        if let Some(Err(problem)) = checked {
            part.remove()?;
            return Err(TransferError::There(format!(
                "what came is not what was published: {problem}; it was removed"
            )));
        }
        Ok(part.is_whole()?)
    }

    /// One request for what is missing.
    fn request(&self, url: &str, part: &PartialFile, archive: &Archive, bar: &mut ByteBar) -> Result<(), RequestError> {
        let (mut done, version) = part.progress(url);
        let wanted = FileRequest { url: url.to_string(), rest: version.map(|version| (done, version)) };
        let resumes = wanted.rest.is_some();
        let sent = ask(&self.agent, wanted)?;
        let next = || sent.next(self.stop)?.unwrap_or_else(|| Err(again("the connection was cut")));
        let Response::Answer(answer) = next()? else { return Err(again("it sent a file without saying so")) };
        let total = match answer.status {
            200 => {
                done = 0;
                answer.length()
            }
            206 => match answer.range() {
                Some((start, total)) if start == done && resumes => total,
                _ => {
                    part.remove()?;
                    return Err(again("it sent another part of the file than was asked for"));
                }
            },
            // Nothing was left to send.
            416 if done > 0 && answer.whole() == Some(done) => return Ok(()),
            416 => {
                part.remove()?;
                return Err(again("it has no such part of the file"));
            }
            status @ (408 | 425 | 429 | 500 | 502..=504) => {
                return Err(RequestError::Again(format!("it answered with status {status}"), answer.retry_after()));
            }
            status => return Err(never(format!("it answered with status {status}"))),
        };
        let most = archive.bytes.unwrap_or(LONGEST);
        if let Some(total) = total.filter(|&total| total > most) {
            return Err(never(format!("it offers {total} bytes, and at most {most} were expected")));
        }
        bar.begin(done, total.or(archive.bytes));
        let mut file = part.open(done, url, answer.version())?;
        loop {
            listen(self.stop)?;
            let bytes = match next()? {
                Response::Bytes(bytes) => bytes,
                Response::Answer(_) | Response::End => break,
            };
            done = done.saturating_add(bytes.len() as u64);
            if done > most {
                part.remove()?;
                return Err(never(format!("it sends more than the {most} bytes that were expected")));
            }
            file.write_all(&bytes).map_err(refused("write", &part.path))?;
            bar.add(bytes.len() as u64);
        }
        file.sync_all().map_err(refused("write", &part.path))?;
        match total {
            Some(total) if done < total => Err(again(format!("the connection ended after {done} of {total} bytes"))),
            _ => Ok(()),
        }
    }
}
