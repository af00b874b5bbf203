//! What is measured, one operation at a time and without IO. Criterion times them (`benches/`), and the program `operations`
//! counts their instructions and allocations.

mod login;
mod mapping;

use std::hint::black_box;

pub use login::login;
pub use mapping::mapping;

/// Something that can be done again and again, once it is prepared.
pub struct Operation {
    /// What it is, such as `decode/session`.
    pub name: String,
    /// Makes what it needs, which may take long, and gives what does it once.
    pub prepare: Box<dyn FnOnce() -> Box<dyn Fn()>>,
}

/// All of them.
pub fn all() -> Vec<Operation> {
    let mut operations = login();
    operations.extend(mapping());
    operations
}

/// An operation that needs what takes long to make.
fn prepared<T, R: Fn() -> T + 'static>(name: impl Into<String>, prepare: impl FnOnce() -> R + 'static) -> Operation {
    let prepare = move || -> Box<dyn Fn()> {
        let run = prepare();
        Box::new(move || {
            black_box(run());
        })
    };
    Operation { name: name.into(), prepare: Box::new(prepare) }
}

fn operation<T: 'static>(name: impl Into<String>, run: impl Fn() -> T + 'static) -> Operation {
    prepared(name, move || run)
}
