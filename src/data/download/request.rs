//! One request over HTTP, on a thread of its own: what the server says of the file, then the file, piece by piece.

use std::io::Read;
use std::sync::mpsc::SyncSender;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, header};

use super::transfer::TransferError;
use super::waiting::Chunks;
use crate::error::{Error, Result};

const PIECE: usize = 1 << 16;

/// Why one request did not bring the rest.
pub enum RequestError {
    /// The same address may do better, after the wait that it asks for.
    Again(String, Option<Duration>),
    For(TransferError),
}

impl From<TransferError> for RequestError {
    fn from(failure: TransferError) -> Self {
        Self::For(failure)
    }
}

impl From<Error> for RequestError {
    fn from(error: Error) -> Self {
        Self::For(error.into())
    }
}

pub fn again(problem: impl ToString) -> RequestError {
    RequestError::Again(problem.to_string(), None)
}

pub fn never(problem: String) -> RequestError {
    RequestError::For(TransferError::There(problem))
}

/// What a server sends.
pub enum Response {
    /// The first thing.
    Answer(ResponseHead),
    Bytes(Vec<u8>),
    /// The last thing: without it the connection was cut.
    End,
}

/// Status and headers.
pub struct ResponseHead {
    pub status: u16,
    headers: HeaderMap,
}

/// What is wanted of a file.
pub struct FileRequest {
    pub url: String,
    /// The first byte, of this version of the file.
    pub rest: Option<(u64, String)>,
}

/// Asks for it.
///
/// # Errors
/// [`Error::Data`] when the operating system gives no thread.
pub fn ask(agent: &Agent, wanted: FileRequest) -> Result<Chunks<Result<Response, RequestError>>> {
    let agent = agent.clone();
    Chunks::begin(move |to| {
        if let Err(trouble) = receive(&agent, &wanted, &to) {
            // A caller that has gone does not want to know.
            let _ = to.send(Err(trouble));
        }
    })
}

fn receive(
    agent: &Agent,
    wanted: &FileRequest,
    to: &SyncSender<Result<Response, RequestError>>,
) -> Result<(), RequestError> {
    let mut request = agent.get(&wanted.url);
    if let Some((from, version)) = &wanted.rest {
        request = request.header(header::RANGE, format!("bytes={from}-")).header(header::IF_RANGE, version);
    }
    let mut response = request.call().map_err(|error| unreachable_server(&error))?;
    let answer = ResponseHead { status: response.status().as_u16(), headers: response.headers().clone() };
    if to.send(Ok(Response::Answer(answer))).is_err() {
        return Ok(());
    }
    let mut body = response.body_mut().as_reader();
    loop {
        let mut piece = vec![0; PIECE];
        let length = body.read(&mut piece).map_err(|error| again(format!("the connection was cut: {error}")))?;
        piece.truncate(length);
        let (end, sent) = (piece.is_empty(), if piece.is_empty() { Response::End } else { Response::Bytes(piece) });
        if to.send(Ok(sent)).is_err() || end {
            return Ok(());
        }
    }
}

impl ResponseHead {
    /// The number of bytes that follow.
    pub fn length(&self) -> Option<u64> {
        self.number(header::CONTENT_LENGTH)
    }

    /// The wait that the server asks for.
    pub fn retry_after(&self) -> Option<Duration> {
        self.number(header::RETRY_AFTER).map(Duration::from_secs)
    }

    /// The first byte and the file's length of `Content-Range: bytes 5-9/10`.
    pub fn range(&self) -> Option<(u64, Option<u64>)> {
        let (places, total) = self.text(header::CONTENT_RANGE)?.strip_prefix("bytes ")?.split_once('/')?;
        let (start, _) = places.split_once('-')?;
        Some((start.trim().parse().ok()?, total.trim().parse().ok()))
    }

    /// The file's length of `Content-Range: bytes */10`, which says that there is no such part.
    pub fn whole(&self) -> Option<u64> {
        self.text(header::CONTENT_RANGE)?.strip_prefix("bytes */")?.trim().parse().ok()
    }

    /// The version that comes; empty where it is not told. A weak `ETag` does not promise the same bytes.
    pub fn version(&self) -> &str {
        let tag = self.text(header::ETAG).filter(|tag| !tag.starts_with("W/"));
        tag.or(self.text(header::LAST_MODIFIED)).unwrap_or_default()
    }

    fn number(&self, name: header::HeaderName) -> Option<u64> {
        self.text(name)?.trim().parse().ok()
    }

    fn text(&self, name: header::HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn unreachable_server(error: &ureq::Error) -> RequestError {
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
