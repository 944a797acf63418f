//! `adit mqtt sub`.

use super::shown::{Form, shown};
use super::way::{self, Level, Open, WayArgs};
use crate::api::ApiArgs;
use crate::exit::{Code, Failure, Result};
use crate::out;
use adit_device::mqtt::{Event, QoS};
use tokio::time::{Instant, sleep_until};

#[derive(clap::Args)]
pub struct Args {
    /// Topic filters, with + and # as wildcards.
    #[arg(required = true)]
    filters: Vec<String>,
    /// The highest QoS of deliveries.
    #[arg(short, long, value_enum, default_value = "1")]
    qos: Level,
    /// End after so many messages; exit code 7 if --timeout is over before.
    #[arg(short = 'n', long, value_name = "COUNT", value_parser = clap::value_parser!(u64).range(1..))]
    count: Option<u64>,
    /// How messages are printed.
    #[arg(short, long, value_enum, value_name = "FORM", default_value = "text")]
    output: Form,
    /// Print the topic before each payload.
    #[arg(long)]
    topic: bool,
    /// Leave out what the server kept from before.
    #[arg(long)]
    no_retained: bool,
    #[command(flatten)]
    way: WayArgs,
    #[command(flatten)]
    api: ApiArgs,
}

pub async fn run(args: &Args) -> Result {
    let Open { mut link, client_id, deadline } = way::open(&args.way, &args.api).await?;
    let ended = |broken| way::ended(&broken, "the gateway", &client_id);
    let wishes: Vec<(&str, QoS)> =
        args.filters.iter().map(|filter| (filter.as_str(), args.qos.into())).collect();
    let reasons = link.subscribe(&wishes).await.map_err(ended)?;
    for (filter, reason) in args.filters.iter().zip(reasons) {
        if reason.is_error() {
            let code = if way::code_of(reason) == Code::Failed { Code::Denied } else { way::code_of(reason) };
            let failure = Failure::new(code, format!("{filter} was refused: {}", reason.text()));
            return Err(failure
                .next(format!("on adit, `adit why --client-id {client_id}` says which policy is missing")));
        }
    }
    if args.api.verbose {
        out::talk(format_args!("Subscribed as {client_id}."));
    }
    let mut left = args.count.unwrap_or(u64::MAX);
    while left > 0 {
        let event = tokio::select! {
            event = link.next() => event.map_err(ended)?,
            () = over(deadline) => {
                link.disconnect().await;
                return late(args.count, left);
            }
            _ = tokio::signal::ctrl_c() => break,
        };
        if let Event::Message(received) = event
            && !(args.no_retained && received.message.retain)
        {
            out::raw_bytes(&shown(&received, args.output, args.topic, out::is_terminal()));
            left -= 1;
        }
    }
    link.disconnect().await;
    Ok(())
}

async fn over(deadline: Option<Instant>) {
    match deadline {
        Some(end) => sleep_until(end).await,
        None => std::future::pending().await,
    }
}

/// The time is over: as wished, unless a number of messages was waited for.
fn late(count: Option<u64>, left: u64) -> Result {
    match count {
        None => Ok(()),
        Some(count) => Err(Failure::timeout(format!("{} of {count} messages came in time", count - left))
            .next("give it more time with --timeout, or look at who publishes")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_that_is_over_is_a_failure_only_where_messages_were_counted() {
        assert!(late(None, 1).is_ok());
        let failure = late(Some(3), 2).unwrap_err();
        assert_eq!(
            (failure.code(), failure.to_string().as_str()),
            (Code::Timeout, "1 of 3 messages came in time")
        );
    }
}
