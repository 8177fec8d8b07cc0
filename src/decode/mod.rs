//! pgoutput, protocol version 1: bytes to messages, without copies or sockets.
