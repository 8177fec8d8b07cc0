//! One endpoint, one lane: outgoing webhook calls and what becomes of them.
