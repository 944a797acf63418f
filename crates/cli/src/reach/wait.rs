//! Waiting for the device: until it has opened its side, refuses, or the time is over.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};

use super::Reach;
use super::look::Look;
use crate::exit::{Failure, Result};
use crate::out;

/// The first pause between two looks at the tunnel; each is half as long again, up to the longest.
const FIRST: Duration = Duration::from_millis(20);
const LONGEST: Duration = Duration::from_secs(1);

/// Time after which it is worth asking what keeps the device, and to ask again.
const LOOK: Duration = Duration::from_millis(1500);
const LOOK_AGAIN: Duration = Duration::from_secs(3);

/// Time for that question.
const LOOKING: Duration = Duration::from_secs(3);

/// Waits until both sides are connected.
pub async fn wait(reach: &mut Reach) -> Result {
    let name = reach.thing.clone().unwrap_or_else(|| format!("the device of tunnel {}", reach.tunnel.id));
    let mut progress = out::Progress::new();
    let began = Instant::now();
    let until = began + reach.patience;
    let (mut pause, mut look_at) = (FIRST, began + LOOK);
    let mut look = None;
    loop {
        let seen = reach.calls.describe(&reach.tunnel.id).await?;
        if !seen.is_open {
            return Err(Failure::failed(format!("tunnel {} was closed by somebody else", seen.id)));
        }
        if seen.is_destination_connected && reach.source.is_up() {
            return Ok(());
        }
        let now = Instant::now();
        if seen.is_destination_connected {
            progress.say("Connecting to the tunnel");
        } else {
            if now >= look_at || (now >= until && look.is_none()) {
                look = look_at_device(reach).await?;
                look_at = Instant::now() + LOOK_AGAIN;
            }
            let words = look.as_ref().map(Look::words).unwrap_or_default();
            progress.say(format_args!("Waiting for {name}{words}"));
        }
        if now >= until {
            return Err(match seen.is_destination_connected {
                true => reach.source.unreachable(),
                false => look.unwrap_or_default().missed(&name, reach.patience),
            });
        }
        tokio::select! {
            () = sleep(pause.min(until - now)) => {}
            failure = reach.source.ended() => return Err(failure),
        }
        pause = (pause * 3 / 2).min(LONGEST);
    }
}

/// What keeps it; fails when it has refused.
async fn look_at_device(reach: &Reach) -> Result<Option<Look>> {
    let Some(thing) = &reach.thing else { return Ok(None) };
    let Ok(look) = timeout(LOOKING, Look::at(&reach.calls, thing)).await else { return Ok(None) };
    match look.refused(thing, &reach.services, reach.opened) {
        Some(failure) => Err(failure),
        None => Ok(Some(look)),
    }
}
