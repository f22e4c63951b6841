//! The options of a request.

use super::value::Value;
use crate::cli::request::{self, Header};
use crate::cli::units::{size, whole};
use crate::fetch::Method;
use clap::{ArgAction, Args};

#[derive(Debug, Args)]
#[command(next_help_heading = "Request")]
pub(in crate::cli) struct RequestArgs {
    /// The method: GET, DELETE, ...
    #[arg(short = 'X', long, value_name = "M", value_parser = Value(request::method), hide_short_help = true)]
    #[arg(
        long_help = "The method, in capitals; whichever it is, the request has no body [default: GET]"
    )]
    pub(in crate::cli) method: Option<Method>,
    /// Ask for the head only
    #[arg(
        short = 'I',
        long,
        conflicts_with = "method",
        long_help = "Ask for the head only: the method HEAD"
    )]
    pub(in crate::cli) head: bool,
    /// A header of your own, 'Name: value'; repeatable
    #[arg(short = 'H', long, value_name = "N: V", action = ArgAction::Append, value_parser = Value(request::header))]
    #[arg(
        long_help = "A header of your own, repeatable; replaces a default one, and is not sent to another origin \
        after a redirect. 'Name;' sends it empty. Those that frame a message, like Content-Length and Connection, \
        are refused"
    )]
    pub(in crate::cli) header: Vec<Header>,
    /// The User-Agent header
    #[arg(short = 'A', long, value_name = "S", value_parser = Value(request::header_value), hide_short_help = true)]
    #[arg(long_help = "The User-Agent header; '' sends none [default: fetchpool/VERSION]")]
    pub(in crate::cli) user_agent: Option<String>,
    /// Redirects to follow
    #[arg(long, value_name = "N", default_value = "10", value_parser = Value(whole::<0, 1000>), hide_short_help = true)]
    #[arg(
        long_help = "Redirects to follow, up to 1000; with 0 a redirect is the final answer, and an error"
    )]
    pub(in crate::cli) max_redirects: u32,
    /// Fail a larger body, as soon as it is seen
    #[arg(long, value_name = "SIZE", value_parser = Value(size))]
    #[arg(long_help = "Fail a larger body, as soon as it is seen; 0 = none")]
    pub(in crate::cli) max_size: Option<u64>,
}
