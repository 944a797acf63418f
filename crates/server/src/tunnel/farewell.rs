//! The last words to a client: what still waits, the close frame, and time to answer it.

use std::any::Any;
use std::time::Duration;

use adit_tunnel::websocket::{Event, Reader};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::Link;

/// How long all of it may take.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection that takes no part any more.
pub(super) struct Farewell<S> {
    pub(super) stream: S,
    pub(super) reader: Reader,
    /// Whole frames, the last a close frame; the first may be the rest of one.
    pub(super) words: Vec<u8>,
    /// Whether the client has yet to answer the close frame.
    pub(super) await_answer: bool,
    /// Dropped at the end.
    pub(super) held: Box<dyn Any + Send>,
}

impl<S: Link> Farewell<S> {
    /// Ends the connection in a task of its own.
    pub(super) fn spawn(self) {
        tokio::spawn(async move {
            let Farewell { mut stream, reader, words, await_answer, held } = self;
            let _ = tokio::time::timeout(PATIENCE, async {
                stream.write_all(&words).await?;
                stream.flush().await?;
                drop(words);
                if await_answer {
                    close_frame(&mut stream, reader).await?;
                }
                stream.shutdown().await
            })
            .await;
            drop(held);
        });
    }
}

/// Waits for the client's close frame, or for the end of its bytes or of its sense.
async fn close_frame<S: Link>(stream: &mut S, mut reader: Reader) -> std::io::Result<()> {
    let mut chunk = vec![0; 4096];
    loop {
        let n = stream.read(&mut chunk).await?;
        let mut rest = chunk.get_mut(..n).unwrap_or_default();
        if rest.is_empty() {
            return Ok(());
        }
        while !rest.is_empty() {
            match reader.step(rest) {
                Ok(step) if step.event != Event::Close => rest = rest.split_at_mut(step.taken).1,
                _ => return Ok(()),
            }
        }
    }
}
