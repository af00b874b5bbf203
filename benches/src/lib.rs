//! Benchmarks of the whole workspace; each one is a file in `benches/`.
