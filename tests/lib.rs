//! Empty, because Cargo asks for a library or a program in each package. The tests are in `it/`.
