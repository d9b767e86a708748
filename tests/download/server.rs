//! An HTTP server whose answers a test makes.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// What was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    /// The first byte of `Range`.
    pub from: Option<usize>,
    pub if_range: Option<String>,
}

/// What is answered. `Content-Length` is that of `body`, of which no more than `cut` bytes are sent.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    pub body: Vec<u8>,
    pub cut: usize,
    /// Whether the client waits for ever for what was cut.
    pub held: bool,
}

impl Answer {
    pub fn new(status: u16, body: &[u8]) -> Self {
        Self { status, headers: Vec::new(), body: body.to_vec(), cut: usize::MAX, held: false }
    }

    pub fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.push((name, value.to_string()));
        self
    }

    pub fn cut(self, cut: usize) -> Self {
        Self { cut, ..self }
    }

    /// Not a byte of an answer.
    pub fn silence() -> Self {
        Self { held: true, ..Self::new(0, b"") }
    }

    /// So many bytes, and then nothing.
    pub fn held_after(self, cut: usize) -> Self {
        Self { cut, held: true, ..self }
    }
}

/// A server that lives as long as the test's process.
pub struct Server {
    pub url: String,
    requested: Arc<Mutex<Vec<Request>>>,
}

impl Server {
    /// `answer` gets the number of the request and the request.
    pub fn start(answer: impl Fn(usize, &Request) -> Answer + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let requested = Arc::new(Mutex::new(Vec::new()));
        let (log, answer) = (Arc::clone(&requested), Arc::new(answer));
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let (mut stream, log, answer) = (stream.expect("a connection"), log.clone(), answer.clone());
                std::thread::spawn(move || {
                    let Some(request) = read(&stream) else { return };
                    log.lock().expect("the log").push(request.clone());
                    write(&mut stream, &answer(number, &request));
                });
            }
        });
        Self { url, requested }
    }

    /// A server that knows ranges: `content` by path, of version `tag`.
    pub fn serving(files: Vec<(&'static str, Vec<u8>)>) -> Self {
        Self::start(move |_, request| match files.iter().find(|(path, _)| format!("/{path}") == request.path) {
            Some((_, content)) => ranged(content, "\"1\"", request),
            None => Answer::new(404, b"not here"),
        })
    }

    pub fn requested(&self) -> Vec<Request> {
        self.requested.lock().expect("the log").clone()
    }
}

/// What a server that knows ranges answers.
pub fn ranged(content: &[u8], tag: &str, request: &Request) -> Answer {
    let same = request.if_range.as_deref().is_none_or(|version| version == tag);
    let answer = match request.from.filter(|_| same) {
        Some(from) if from >= content.len() => {
            Answer::new(416, b"").header("Content-Range", &format!("bytes */{}", content.len()))
        }
        Some(from) => Answer::new(206, &content[from..])
            .header("Content-Range", &format!("bytes {from}-{}/{}", content.len() - 1, content.len())),
        None => Answer::new(200, content),
    };
    answer.header("ETag", tag)
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    let path = lines.next()?.split(' ').nth(1)?.to_string();
    let mut request = Request { path, from: None, if_range: None };
    for line in lines.take_while(|line| !line.is_empty()) {
        let (name, value) = line.split_once(": ")?;
        match name.to_ascii_lowercase().as_str() {
            "range" => request.from = value.strip_prefix("bytes=")?.strip_suffix('-')?.parse().ok(),
            "if-range" => request.if_range = Some(value.to_string()),
            _ => {}
        }
    }
    Some(request)
}

fn write(stream: &mut TcpStream, answer: &Answer) {
    let Answer { status, headers, body, cut, held } = answer;
    let mut text = format!("HTTP/1.1 {status} X\r\nConnection: close\r\nContent-Length: {}\r\n", body.len());
    headers.iter().for_each(|(name, value)| text.push_str(&format!("{name}: {value}\r\n")));
    text.push_str("\r\n");
    if *status == 0 {
        text.clear();
    }
    // A client that has gone is no failure of the server's.
    let _ = stream.write_all(text.as_bytes()).and_then(|()| stream.write_all(&body[..body.len().min(*cut)]));
    if *held {
        // Until the client goes away.
        let _ = stream.read(&mut [0]);
    }
}
