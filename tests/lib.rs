//! Nothing but a home for the integration tests in `it/`: a virtual workspace compiles no loose `tests/`.
