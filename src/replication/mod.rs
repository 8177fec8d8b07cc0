//! STUB replication session (trust auth, no TLS) until the real one arrives.
#![allow(missing_docs)]
use crate::{config::dsn::Dsn, lsn::Lsn};
use bytes::{Buf, BufMut, Bytes, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

#[derive(Debug, thiserror::Error)]
pub enum ReplicationError {
    #[error("slot active: {0}")]
    SlotActive(String),
    #[error("server: {0} {1}")]
    Server(String, String),
    #[error("io")]
    Io(#[from] std::io::Error),
    #[error("disconnected")]
    Disconnected,
}
impl ReplicationError {
    pub fn is_transient(&self) -> bool {
        !matches!(self, Self::Server(..))
    }
}
#[derive(Clone, Debug, Default)]
pub struct System {
    pub system_identifier: u64,
    pub timeline: u32,
    pub wal_position: Lsn,
}
#[derive(Debug)]
pub struct Session {
    s: TcpStream,
    b: BytesMut,
}
#[derive(Debug)]
pub struct Stream {
    s: TcpStream,
    b: BytesMut,
    out: BytesMut,
    confirmed: Lsn,
    last: tokio::time::Instant,
}
pub enum Frame {
    Data { wal_start: Lsn, wal_end: Lsn, payload: Bytes },
    Keepalive { wal_end: Lsn, reply_requested: bool },
}
fn msg(b: &mut BytesMut) -> Option<(u8, Bytes)> {
    if b.len() < 5 {
        return None;
    }
    let n = u32::from_be_bytes([b[1], b[2], b[3], b[4]]) as usize;
    if b.len() < n + 1 {
        return None;
    }
    let mut m = b.split_to(n + 1).freeze();
    let t = m.get_u8();
    m.advance(4);
    Some((t, m))
}
fn err(m: &Bytes) -> ReplicationError {
    let (mut code, mut text) = (String::new(), String::new());
    for f in m.split(|b| *b == 0) {
        if f.first() == Some(&b'C') {
            code = String::from_utf8_lossy(&f[1..]).into();
        }
        if f.first() == Some(&b'M') {
            text = String::from_utf8_lossy(&f[1..]).into();
        }
    }
    if code == "55006" {
        ReplicationError::SlotActive(text)
    } else {
        ReplicationError::Server(code, text)
    }
}
impl Session {
    pub async fn connect(dsn: &Dsn) -> Result<Session, ReplicationError> {
        let c = dsn.to_tokio_postgres();
        let host = match &c.get_hosts()[0] {
            tokio_postgres::config::Host::Tcp(h) => h.clone(),
            _ => "127.0.0.1".into(),
        };
        let s = TcpStream::connect((host.as_str(), c.get_ports()[0])).await?;
        s.set_nodelay(true)?;
        let mut p = BytesMut::new();
        p.put_i32(0);
        p.put_i32(196608);
        for (k, v) in [
            ("user", c.get_user().unwrap_or("postgres")),
            ("database", c.get_dbname().unwrap_or("postgres")),
            ("replication", "database"),
            ("client_encoding", "UTF8"),
            ("datestyle", "ISO"),
            ("intervalstyle", "iso_8601"),
            ("timezone", "UTC"),
            ("extra_float_digits", "3"),
            ("bytea_output", "hex"),
        ] {
            p.put_slice(k.as_bytes());
            p.put_u8(0);
            p.put_slice(v.as_bytes());
            p.put_u8(0);
        }
        p.put_u8(0);
        let n = p.len() as u32;
        p[0..4].copy_from_slice(&n.to_be_bytes());
        let mut me = Session { s, b: BytesMut::new() };
        me.s.write_all(&p).await?;
        me.until(b'Z').await?;
        Ok(me)
    }
    async fn recv(&mut self) -> Result<(u8, Bytes), ReplicationError> {
        loop {
            if let Some(m) = msg(&mut self.b) {
                return Ok(m);
            }
            if self.s.read_buf(&mut self.b).await? == 0 {
                return Err(ReplicationError::Disconnected);
            }
        }
    }
    async fn until(&mut self, t: u8) -> Result<Vec<Bytes>, ReplicationError> {
        let mut v = vec![];
        loop {
            let (k, m) = self.recv().await?;
            if k == b'E' {
                return Err(err(&m));
            }
            if k == b'D' {
                v.push(m.clone());
            }
            if k == t {
                return Ok(v);
            }
        }
    }
    async fn query(&mut self, q: &str) -> Result<(), ReplicationError> {
        let mut p = BytesMut::new();
        p.put_u8(b'Q');
        p.put_i32(q.len() as i32 + 5);
        p.put_slice(q.as_bytes());
        p.put_u8(0);
        self.s.write_all(&p).await?;
        Ok(())
    }
    pub async fn identify_system(&mut self) -> Result<System, ReplicationError> {
        self.query("IDENTIFY_SYSTEM").await?;
        let mut r = self.until(b'Z').await?.remove(0);
        r.advance(2);
        let mut f = vec![];
        for _ in 0..3 {
            let n = r.get_i32() as usize;
            f.push(String::from_utf8_lossy(&r.split_to(n)).into_owned());
        }
        Ok(System {
            system_identifier: f[0].parse().unwrap_or(0),
            timeline: f[1].parse().unwrap_or(0),
            wal_position: f[2].parse().unwrap_or_default(),
        })
    }
    pub async fn start(
        mut self,
        slot: &str,
        publication: &str,
        from: Lsn,
    ) -> Result<Stream, ReplicationError> {
        self.query(&format!("START_REPLICATION SLOT \"{slot}\" LOGICAL {from} (proto_version '1', publication_names '{publication}', messages 'true')")).await?;
        self.until(b'W').await?;
        Ok(Stream {
            s: self.s,
            b: self.b,
            out: BytesMut::new(),
            confirmed: Lsn(0),
            last: tokio::time::Instant::now(),
        })
    }
}
impl Stream {
    pub async fn next(&mut self) -> Result<Frame, ReplicationError> {
        loop {
            if let Some(f) = self.next_buffered()? {
                return Ok(f);
            }
            self.flush().await?;
            let at = self.last + std::time::Duration::from_secs(10);
            tokio::select! {
                n = self.s.read_buf(&mut self.b) => if n? == 0 { return Err(ReplicationError::Disconnected); },
                () = tokio::time::sleep_until(at) => self.push(),
            }
        }
    }
    pub fn next_buffered(&mut self) -> Result<Option<Frame>, ReplicationError> {
        let Some((t, mut m)) = msg(&mut self.b) else { return Ok(None) };
        if t == b'E' {
            return Err(err(&m));
        }
        if t != b'd' {
            return Err(ReplicationError::Disconnected);
        }
        match m.get_u8() {
            b'w' => {
                let a = m.get_u64();
                let b = m.get_u64();
                m.advance(8);
                Ok(Some(Frame::Data { wal_start: Lsn(a), wal_end: Lsn(b), payload: m }))
            }
            _ => {
                let a = m.get_u64();
                m.advance(8);
                let r = m.get_u8() == 1;
                if r {
                    self.push();
                }
                Ok(Some(Frame::Keepalive { wal_end: Lsn(a), reply_requested: r }))
            }
        }
    }
    fn push(&mut self) {
        self.last = tokio::time::Instant::now();
        self.out.put_u8(b'd');
        self.out.put_i32(4 + 1 + 24 + 8 + 1);
        self.out.put_u8(b'r');
        for _ in 0..3 {
            self.out.put_u64(self.confirmed.0);
        }
        self.out.put_u64(0);
        self.out.put_u8(0);
    }
    async fn flush(&mut self) -> Result<(), ReplicationError> {
        while !self.out.is_empty() {
            self.s.write_buf(&mut self.out).await?;
        }
        Ok(())
    }
    pub fn confirm(&mut self, lsn: Lsn) {
        if lsn > self.confirmed {
            self.confirmed = lsn;
            self.push();
        }
    }
    pub async fn feedback(&mut self) -> Result<(), ReplicationError> {
        self.push();
        self.flush().await
    }
    pub async fn idle(&mut self) -> ReplicationError {
        loop {
            if let Err(e) = self.flush().await {
                return e;
            }
            tokio::time::sleep_until(self.last + std::time::Duration::from_secs(10)).await;
            self.push();
        }
    }
    pub async fn stop(mut self) -> Result<(), ReplicationError> {
        self.feedback().await?;
        self.s.write_all(b"c\0\0\0\x04").await?;
        Ok(())
    }
}
