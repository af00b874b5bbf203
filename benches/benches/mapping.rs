//! The mapping engine: one caller among few and very many rules, and reading what a ConfigMap can hold.
#![allow(missing_docs, reason = "criterion's macros")]

use criterion::{Criterion, criterion_group, criterion_main};

fn mapping(c: &mut Criterion) {
    for operation in benches::operations::mapping() {
        let run = (operation.prepare)();
        c.bench_function(&operation.name, |b| b.iter(&run));
    }
}

criterion_group!(name = benches; config = Criterion::default().sample_size(20); targets = mapping);
criterion_main!(benches);
