//! Counters that operators scrape.
