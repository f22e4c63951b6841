//! stub: the integrator writes this file
#![allow(missing_docs)]
mod app;
mod cli;
mod engine;
pub mod fetch;
mod input;
mod output;
pub mod pool;
mod signals;
