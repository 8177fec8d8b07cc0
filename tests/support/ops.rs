//! The port for operators, as a probe sees it.

use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::hooks::PATIENCE;

/// An address that is free now.
pub async fn free_address() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    listener.local_addr().unwrap().to_string()
}

/// Asks again and again until the status is the one wanted; returns the answer.
pub async fn becomes(address: &str, path: &str, wanted: u16) -> String {
    let deadline = Instant::now() + PATIENCE;
    loop {
        let answer = ask(address, path).await;
        if answer.starts_with(&format!("HTTP/1.1 {wanted} ")) {
            return answer;
        }
        assert!(Instant::now() < deadline, "{path} is not {wanted}: {answer}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// What the port answers.
pub async fn ask(address: &str, path: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}
