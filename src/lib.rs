//! stub: the integrator writes this file
#![allow(missing_docs)]
pub mod pool;
pub mod fetch;
mod app;
mod cli;
mod engine;
mod input;
mod output;
mod signals;
