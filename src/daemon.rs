//! `walhook run`: the pipeline, its listeners and signals.
