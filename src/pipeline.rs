//! The way of an event: capture, route, lanes, ledger, acknowledge. Start reading here.
