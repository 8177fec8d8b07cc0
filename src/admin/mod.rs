//! What operators do around the pipeline: init, check, health and metrics.
