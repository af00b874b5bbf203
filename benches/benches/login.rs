//! The parts of a login, one by one and without IO.
#![allow(missing_docs, reason = "criterion's macros")]

use criterion::{Criterion, criterion_group, criterion_main};

fn login(c: &mut Criterion) {
    for operation in benches::operations::login() {
        let run = (operation.prepare)();
        c.bench_function(&operation.name, |b| b.iter(&run));
    }
}

criterion_group!(benches, login);
criterion_main!(benches);
