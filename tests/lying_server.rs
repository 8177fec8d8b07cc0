//! What a server says is not believed: bad lengths, unknown messages, half messages and giant
//! claims are errors, never a panic, a hang or a large allocation.

#![allow(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use walhook::config::dsn::Dsn;
use walhook::lsn::Lsn;
use walhook::replication::{Frame, ReplicationError, Session, Stream};

const LIMIT: Duration = Duration::from_secs(30);

const WELCOME: &[u8] = b"R\0\0\0\x08\0\0\0\0Z\0\0\0\x05I";

fn message(tag: u8, body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len() + 4).unwrap();
    [&[tag][..], &length.to_be_bytes(), body].concat()
}

/// A server that answers every message of the client with the next of `answers`, then closes.
async fn server(answers: Vec<Vec<u8>>) -> (Dsn, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let (mut client, _) = listener.accept().await.unwrap();
        let mut first = true;
        for answer in answers {
            read_message(&mut client, first).await;
            first = false;
            if client.write_all(&answer).await.is_err() {
                return;
            }
        }
    });
    let text = format!("postgres://u:hunter2@127.0.0.1:{port}/d?sslmode=disable");
    (Dsn::parse_in(&text, &|_| None).unwrap(), task)
}

/// The startup message has no tag.
async fn read_message(client: &mut TcpStream, first: bool) {
    if !first && client.read_u8().await.is_err() {
        return;
    }
    let Ok(length) = client.read_u32().await else { return };
    let mut body = vec![0; length as usize - 4];
    let _ = client.read_exact(&mut body).await;
}

async fn connect(answers: Vec<Vec<u8>>) -> Result<Session, ReplicationError> {
    let (dsn, server) = server(answers).await;
    let result = timeout(LIMIT, Session::connect(&dsn)).await.expect("an end in time");
    server.abort();
    result
}

/// A stream whose server has just sent `bytes` and closed.
async fn stream(bytes: Vec<u8>) -> (Stream, JoinHandle<()>) {
    let show = [message(b'D', b"\0\x01\0\0\0\x010"), message(b'Z', b"I")].concat();
    let copy = [message(b'W', b"\0\0\0"), bytes].concat();
    let (dsn, server) = server(vec![WELCOME.to_vec(), show, copy]).await;
    let session = Session::connect(&dsn).await.unwrap();
    (timeout(LIMIT, session.start("s", "p", Lsn(0))).await.unwrap().unwrap(), server)
}

async fn first_error(mut stream: Stream) -> ReplicationError {
    let read = async {
        loop {
            if let Err(error) = stream.next().await {
                return error;
            }
        }
    };
    timeout(LIMIT, read).await.expect("an end in time")
}

#[tokio::test]
async fn nonsense_at_the_login_is_an_error() {
    for answer in [
        b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec(),
        b"R\0\0\0\0".to_vec(),
        b"R\0\0\0\x03\0\0\0\0".to_vec(),
        b"R\xff\xff\xff\xff".to_vec(),
        b"R\x7f\xff\xff\xff".to_vec(),
        b"R\0\0\0\x04".to_vec(),
        message(b'R', b"\0\0"),
        message(b'R', b"\0\0\0\x63"),
        message(b'R', b"\0\0\0\x05a"),
        message(b'R', b"\0\0\0\x05salt and more"),
        message(b'R', b"\0\0\0\x0aSCRAM-SHA-256"),
        message(b'R', b"\0\0\0\x0aSCRAM-SHA-1\0\0"),
        message(b'R', b"\0\0\0\x0a\xff\xfe\0\0"),
        message(b'R', b"\0\0\0\x0c"),
        message(b'?', b"what"),
        message(b'Z', b"I"),
        message(b'D', b"\xff\xff"),
        message(b'E', b""),
        message(b'E', b"SFATAL"),
        message(b'E', b"C28P01\0M\xff\xff\0\0"),
    ] {
        let error = connect(vec![answer.clone()]).await.expect_err(&format!("{answer:?}"));
        assert!(!format!("{error:?}").contains("hunter2"));
    }
}

#[tokio::test]
async fn every_cut_of_a_login_is_a_disconnection() {
    for end in 0..WELCOME.len() {
        let error = connect(vec![WELCOME[..end].to_vec()]).await.unwrap_err();
        assert!(matches!(error, ReplicationError::Disconnected { .. }), "{end}: {error}");
    }
    assert!(connect(vec![WELCOME.to_vec()]).await.is_ok());
}

#[tokio::test]
async fn a_server_that_skips_its_own_proof_is_not_let_through() {
    let sasl = message(b'R', b"\0\0\0\x0aSCRAM-SHA-256\0\0");
    for (answers, what) in [
        (vec![sasl.clone(), WELCOME.to_vec()], "at once"),
        (vec![sasl.clone(), message(b'R', b"\0\0\0\x0bnonsense")], "not SCRAM"),
        (vec![sasl.clone(), message(b'R', b"\0\0\0\x0br=other,s=AAAA,i=4096")], "another nonce"),
        (vec![sasl.clone(), message(b'R', b"\0\0\0\x0br=,s=AAAA,i=4294967295")], "for ever"),
        (vec![sasl, message(b'R', b"\0\0\0\x0b\xff\xff")], "not text"),
    ] {
        let error = connect(answers).await.expect_err(what);
        let expected = matches!(
            error,
            ReplicationError::Authentication { .. } | ReplicationError::Protocol { .. }
        );
        assert!(expected, "{what}: {error}");
    }
}

#[tokio::test]
async fn a_server_that_says_nothing_is_given_up() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    for sslmode in ["disable", "require"] {
        let text = format!("host=127.0.0.1 port={port} user=u sslmode={sslmode} connect_timeout=1");
        let dsn = Dsn::parse_in(&text, &|_| None).unwrap();
        let error = timeout(LIMIT, Session::connect(&dsn)).await.unwrap().unwrap_err();
        assert!(matches!(error, ReplicationError::Timeout { .. }), "{error}");
    }
}

#[tokio::test]
async fn an_answer_that_only_claims_to_be_a_row_is_an_error() {
    for answer in [
        message(b'D', b"\0\x03\0\0\0\x01a"),
        message(b'D', b"\0\x01\x7f\xff\xff\xffa"),
        message(b'D', b"\0\x01\xff\xff\xff\x00a"),
        [message(b'D', b"\0\0"), message(b'Z', b"I")].concat(),
        [message(b'D', b"\0\x03\0\0\0\x01a\0\0\0\x01b\0\0\0\x01c"), message(b'Z', b"I")].concat(),
        message(b'W', b"\0\0\0"),
        message(b'd', b"k"),
    ] {
        let (dsn, server) = server(vec![WELCOME.to_vec(), answer.clone()]).await;
        let mut session = Session::connect(&dsn).await.unwrap();
        let error = timeout(LIMIT, session.identify_system()).await.unwrap().unwrap_err();
        assert!(matches!(error, ReplicationError::Protocol { .. }), "{answer:?}: {error}");
        server.abort();
    }
}

#[tokio::test]
async fn nonsense_in_the_stream_is_an_error() {
    for bytes in [
        message(b'd', b""),
        message(b'd', b"w"),
        message(b'd', &[b'w'; 24]),
        message(b'd', b"k"),
        message(b'd', &[b'k'; 17]),
        message(b'd', &[b'k'; 19]),
        message(b'd', b"x and the rest"),
        message(b'T', b"\0\0"),
        message(b'W', b"\0\0\0"),
        message(b'R', b"\0\0\0\0"),
        b"d\0\0\0\x03".to_vec(),
        b"d\xff\xff\xff\xff".to_vec(),
        b"d\x40\0\0\x01".to_vec(),
        b"\0\0\0\0\0\0\0\0".to_vec(),
    ] {
        let (stream, _server) = stream(bytes.clone()).await;
        let error = first_error(stream).await;
        assert!(matches!(error, ReplicationError::Protocol { .. }), "{bytes:?}: {error}");
    }
}

#[tokio::test]
async fn every_cut_of_a_frame_is_a_disconnection() {
    let frame = message(b'd', b"w\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0\x02\0\0\0\0\0\0\0\0payload");
    for end in 0..frame.len() {
        let (stream, _server) = stream(frame[..end].to_vec()).await;
        let error = first_error(stream).await;
        assert!(matches!(error, ReplicationError::Disconnected { .. }), "{end}: {error}");
    }
    let (mut whole, _server) = stream(frame).await;
    let expected = Frame::Data { wal_start: Lsn(1), wal_end: Lsn(2), payload: "payload".into() };
    assert_eq!(whole.next().await.unwrap(), expected);
}

#[tokio::test]
async fn a_flood_of_requests_for_feedback_ends_the_stream() {
    let ping = message(b'd', b"k\0\0\0\0\0\0\0\x09\0\0\0\0\0\0\0\0\x01");
    let (stream, _server) = stream(ping.repeat(1000)).await;
    let error = first_error(stream).await;
    assert!(matches!(error, ReplicationError::Disconnected { .. }), "{error}");
}
