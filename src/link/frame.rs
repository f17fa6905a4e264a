//! Framing of the link: four octets of length, then a JSON value.
//! Knows: streams. Must not: know what the messages mean.

use std::io;

use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadHalf, WriteHalf};

/// No snapshot of an organisation is larger; a length above it is not ours.
const LARGEST: u32 = 1 << 30;

#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    #[error("the other end has gone")]
    Closed,
    #[error("link: {0}")]
    Io(#[from] io::Error),
    #[error("a message of {0} octets is larger than any of ours")]
    TooLarge(u64),
    #[error("a message that is not ours: {0}")]
    Unknown(#[from] serde_json::Error),
}

pub struct Reader<S> {
    stream: ReadHalf<S>,
    frame: Vec<u8>,
}

pub struct Writer<S> {
    stream: WriteHalf<S>,
    frame: Vec<u8>,
}

/// The two directions of a link.
pub fn split<S: AsyncRead + AsyncWrite>(stream: S) -> (Reader<S>, Writer<S>) {
    let (read, write) = tokio::io::split(stream);
    (Reader { stream: read, frame: Vec::new() }, Writer { stream: write, frame: Vec::new() })
}

impl<S: AsyncRead> Reader<S> {
    /// The next message. Not to be dropped half way: the stream would be out of step.
    pub async fn next<M: DeserializeOwned>(&mut self) -> Result<M, LinkError> {
        let length = match self.stream.read_u32().await {
            Ok(length) => length,
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Err(LinkError::Closed),
            Err(error) => return Err(error.into()),
        };
        if length > LARGEST {
            return Err(LinkError::TooLarge(length.into()));
        }
        self.frame.resize(length as usize, 0);
        self.stream.read_exact(&mut self.frame).await?;
        Ok(serde_json::from_slice(&self.frame)?)
    }
}

impl<S: AsyncWrite> Writer<S> {
    pub async fn send<M: Serialize>(&mut self, message: &M) -> Result<(), LinkError> {
        self.frame.clear();
        serde_json::to_writer(&mut self.frame, message)?;
        let length = u32::try_from(self.frame.len()).ok().filter(|length| *length <= LARGEST);
        let length = length.ok_or(LinkError::TooLarge(self.frame.len() as u64))?;
        self.stream.write_u32(length).await?;
        self.stream.write_all(&self.frame).await?;
        Ok(self.stream.flush().await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::link::{Beat, ToNode, ToWorker};

    #[tokio::test]
    async fn messages_arrive_whole_and_in_order_until_the_other_end_goes() {
        let (ours, theirs) = tokio::io::duplex(64);
        let (mut reader, _keep) = split(ours);
        let sending = tokio::spawn(async move {
            let (_, mut writer) = split(theirs);
            for calls in 0..100 {
                writer.send(&ToNode::Beat(Beat { calls, ..Beat::default() })).await.unwrap();
            }
        });
        for expected in 0..100 {
            match reader.next::<ToNode>().await.unwrap() {
                ToNode::Beat(beat) => assert_eq!(beat.calls, expected),
                other => panic!("{other:?}"),
            }
        }
        sending.await.unwrap();
        assert!(matches!(reader.next::<ToNode>().await, Err(LinkError::Closed)));
    }

    #[tokio::test]
    async fn what_is_not_ours_is_an_error_and_costs_no_memory() {
        for (bytes, expected) in [
            (&[0xff, 0xff, 0xff, 0xff][..], "a message of 4294967295 octets is larger than any of ours"),
            (b"\0\0\0\x02{}", "a message that is not ours"),
        ] {
            let (ours, mut theirs) = tokio::io::duplex(64);
            theirs.write_all(bytes).await.unwrap();
            let (mut reader, _keep) = split(ours);
            let error = reader.next::<ToWorker>().await.unwrap_err().to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }
}
