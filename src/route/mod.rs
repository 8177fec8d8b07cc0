//! Which endpoint gets which body of a change. Pure.
