//! What is measured, one operation at a time and without IO. Criterion times them (`benches/`), and the program `operations`
//! counts their instructions and allocations.

mod login;
mod mapping;

use std::hint::black_box;

pub use login::login;
pub use mapping::mapping;

/// Something that can be done again and again.
pub struct Operation {
    /// What it is, such as `decode/session`.
    pub name: String,
    /// Does it once.
    pub run: Box<dyn Fn()>,
}

/// All of them.
pub fn all() -> Vec<Operation> {
    let mut operations = login();
    operations.extend(mapping());
    operations
}

fn operation<T>(name: impl Into<String>, run: impl Fn() -> T + 'static) -> Operation {
    let run = move || {
        black_box(run());
    };
    Operation { name: name.into(), run: Box::new(run) }
}
