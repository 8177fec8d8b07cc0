//! Signatures of bodies (contract 3.2).
