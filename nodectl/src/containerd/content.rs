//! The content store: blobs by digest, and labels from which the garbage collector learns references.

use std::collections::HashMap;
use std::io::Read;
use std::time::{Duration, Instant};

use containerd_client::services::v1::content_client::ContentClient;
use containerd_client::services::v1::{
    AbortRequest, Info, InfoRequest, ListContentRequest, ListStatusesRequest, ReadContentRequest,
    UpdateRequest, WriteAction, WriteContentRequest,
};
use prost_types::FieldMask;
use tokio::sync::mpsc;

use super::client::MAX_MESSAGE_BYTES;
use super::{Containerd, Error, Labels};

/// The size of one message of a write; well below the server's gRPC limit of 4 MiB.
const CHUNK_BYTES: usize = 1 << 20;

/// A layer takes seconds on a slow disk; after ten minutes the write is stuck.
const WRITE_DEADLINE: Duration = Duration::from_mins(10);

/// containerd creates a file of an upload in milliseconds, also when its client disconnects; meanwhile the upload
/// cannot be aborted.
const ABORT_DEADLINE: Duration = Duration::from_secs(10);

/// The time between two attempts to abort an upload.
const ABORT_PAUSE: Duration = Duration::from_millis(50);

/// Chunks in flight between the blob's reader and containerd: bounds memory at 4 MiB.
const CHUNKS_IN_FLIGHT: usize = 4;

/// A blob in the content store.
#[derive(Clone, Debug)]
pub struct BlobInfo {
    /// Its digest.
    pub digest: String,
    /// Its length.
    pub size_bytes: u64,
    /// Its labels.
    pub labels: Labels,
}

impl From<Info> for BlobInfo {
    fn from(info: Info) -> Self {
        Self {
            digest: info.digest,
            size_bytes: u64::try_from(info.size).unwrap_or(0),
            labels: info.labels.into_iter().collect(),
        }
    }
}

impl Containerd {
    fn content(&self) -> ContentClient<containerd_client::tonic::transport::Channel> {
        ContentClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// A blob's size and labels, or `None` if the namespace does not have it.
    ///
    /// # Errors
    /// As the call's.
    pub async fn blob_info(&self, digest: &str) -> Result<Option<BlobInfo>, Error> {
        let request = InfoRequest {
            digest: digest.to_owned(),
        };
        match self
            .call(
                "Content.Info",
                digest,
                self.content().info(self.request(request)),
            )
            .await
        {
            Ok(answer) => Ok(answer.info.map(Into::into)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the namespace's blobs.
    ///
    /// # Errors
    /// As the call's.
    pub async fn blobs(&self) -> Result<Vec<BlobInfo>, Error> {
        let request = self.request(ListContentRequest {
            filters: Vec::new(),
        });
        let mut stream = self
            .call("Content.List", "", self.content().list(request))
            .await?;
        let mut blobs = Vec::new();
        while let Some(page) = stream
            .message()
            .await
            .map_err(|status| Error::status("Content.List", "", self.address(), &status))?
        {
            blobs.extend(page.info.into_iter().map(BlobInfo::from));
        }
        Ok(blobs)
    }

    /// Reads a small blob (a manifest or a config) whole, at most `limit_bytes` of it.
    ///
    /// # Errors
    /// As the call's, and [`Error::Incomplete`] if the blob is larger than the limit.
    pub async fn read_blob(&self, digest: &str, limit_bytes: usize) -> Result<Vec<u8>, Error> {
        const CALL: &str = "Content.Read";
        let request = self.request(ReadContentRequest {
            digest: digest.to_owned(),
            offset: 0,
            size: 0,
        });
        let mut stream = self
            .call(CALL, digest, self.content().read(request))
            .await?;
        let mut data = Vec::new();
        while let Some(part) = stream
            .message()
            .await
            .map_err(|status| Error::status(CALL, digest, self.address(), &status))?
        {
            data.extend_from_slice(&part.data);
            if data.len() > limit_bytes {
                let part = "an end within the size limit";
                return Err(Error::Incomplete {
                    call: CALL,
                    object: digest.to_owned(),
                    part,
                });
            }
        }
        Ok(data)
    }

    /// Writes a blob, read from `source` on a separate thread, unless it exists. On any failure the upload,
    /// whose name starts with `upload`, is aborted.
    ///
    /// # Errors
    /// The outer error is containerd's; the inner one is the reader's, which verifies what it reads, so that
    /// no damaged blob is ever committed.
    pub async fn write_blob<R: Read + Send + 'static>(
        &self,
        upload: &str,
        (digest, size_bytes): (&str, u64),
        labels: Labels,
        source: R,
    ) -> Result<Result<(), std::io::Error>, Error> {
        const CALL: &str = "Content.Write";
        let reference = format!("{upload}-{digest}");
        let total = i64::try_from(size_bytes).unwrap_or(i64::MAX);
        let (sender, receiver) = mpsc::channel(CHUNKS_IN_FLIGHT);
        let first = WriteContentRequest {
            action: WriteAction::Write.into(),
            r#ref: reference.clone(),
            total,
            expected: digest.to_owned(),
            ..WriteContentRequest::default()
        };
        let commit = WriteContentRequest {
            action: WriteAction::Commit.into(),
            labels: labels.into_iter().collect::<HashMap<_, _>>(),
            ..first.clone()
        };
        let reader =
            tokio::task::spawn_blocking(move || send_chunks(source, &first, commit, &sender));
        let requests = futures_util::stream::unfold(receiver, |mut receiver| async move {
            receiver.recv().await.map(|message| (message, receiver))
        });
        let request = self.request(requests);
        let written = async {
            let mut answers = self
                .call_within(WRITE_DEADLINE, CALL, digest, self.content().write(request))
                .await?;
            while tokio::time::timeout(WRITE_DEADLINE, answers.message())
                .await
                .map_err(|_| Error::Deadline {
                    call: CALL,
                    object: digest.to_owned(),
                    after: WRITE_DEADLINE,
                })?
                .map_err(|status| Error::status(CALL, digest, self.address(), &status))?
                .is_some()
            {}
            Ok::<_, Error>(())
        }
        .await;
        let read = reader
            .await
            .unwrap_or_else(|panic| Err(std::io::Error::other(panic)));
        match (read, written) {
            (Ok(()), Ok(())) => Ok(Ok(())),
            // The daemon may fail before the last chunk was sent, and then the reader's channel is closed.
            (_, Err(error)) if error.is_already_exists() => Ok(Ok(())),
            (Err(error), _) if error.kind() != std::io::ErrorKind::BrokenPipe => {
                self.abort_write(&reference).await?;
                Ok(Err(error))
            }
            (read, written) => {
                self.abort_write(&reference).await?;
                written.map(|()| read)
            }
        }
    }

    /// Aborts an upload; a missing one is not an error.
    async fn abort_write(&self, reference: &str) -> Result<(), Error> {
        let deadline = Instant::now() + ABORT_DEADLINE;
        loop {
            let request = self.request(AbortRequest {
                r#ref: reference.to_owned(),
            });
            match self
                .call("Content.Abort", reference, self.content().abort(request))
                .await
            {
                Err(error) if error.is_not_found() => return Ok(()),
                Err(error) if error.is_directory_in_use() && Instant::now() < deadline => {
                    tokio::time::sleep(ABORT_PAUSE).await;
                }
                result => return result,
            }
        }
    }

    /// Waits until containerd has committed what it is creating, perhaps for a client that was killed: it lists nothing
    /// of a transaction before, although the files of an upload exist already.
    ///
    /// # Errors
    /// As the call's.
    pub async fn wait_for_transactions(&self) -> Result<(), Error> {
        // Only one transaction can write at a time, and aborting needs one, even where there is no such upload.
        self.abort_write("nodectl-no-upload").await
    }

    /// Aborts the uploads whose names start with `prefix`, which a killed import leaks, also those that containerd is
    /// still creating.
    ///
    /// # Errors
    /// As the calls'.
    pub async fn abort_uploads(&self, prefix: &str) -> Result<(), Error> {
        self.wait_for_transactions().await?;
        let request = self.request(ListStatusesRequest {
            filters: Vec::new(),
        });
        let answer = self
            .call(
                "Content.ListStatuses",
                "",
                self.content().list_statuses(request),
            )
            .await?;
        for status in answer
            .statuses
            .iter()
            .filter(|s| s.r#ref.starts_with(prefix))
        {
            self.abort_write(&status.r#ref).await?;
        }
        Ok(())
    }

    /// Sets labels on a blob; others are kept.
    ///
    /// # Errors
    /// As the call's.
    pub async fn label_blob(&self, digest: &str, labels: Labels) -> Result<(), Error> {
        let paths = labels.keys().map(|key| format!("labels.{key}")).collect();
        let info = Info {
            digest: digest.to_owned(),
            labels: labels.into_iter().collect(),
            ..Info::default()
        };
        let request = UpdateRequest {
            info: Some(info),
            update_mask: Some(FieldMask { paths }),
        };
        self.call(
            "Content.Update",
            digest,
            self.content().update(self.request(request)),
        )
        .await?;
        Ok(())
    }
}

/// Reads the blob to its end and only then sends the commit: a reader that finds a wrong digest at the
/// end fails before it.
fn send_chunks(
    mut source: impl Read,
    first: &WriteContentRequest,
    commit: WriteContentRequest,
    sender: &mpsc::Sender<WriteContentRequest>,
) -> std::io::Result<()> {
    let gone = |_| std::io::Error::from(std::io::ErrorKind::BrokenPipe);
    let mut offset = 0;
    loop {
        let mut data = Vec::with_capacity(CHUNK_BYTES);
        let read = source
            .by_ref()
            .take(CHUNK_BYTES as u64)
            .read_to_end(&mut data)?;
        if read == 0 {
            break;
        }
        let message = WriteContentRequest {
            offset,
            data,
            ..first.clone()
        };
        sender.blocking_send(message).map_err(gone)?;
        offset += i64::try_from(read).unwrap_or(0);
    }
    sender
        .blocking_send(WriteContentRequest { offset, ..commit })
        .map_err(gone)
}
