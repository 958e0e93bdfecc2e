//! Snapshots: unpacked layers, and the writable one of each container.

use std::time::Duration;

use containerd_client::services::v1::ApplyRequest;
use containerd_client::services::v1::diff_client::DiffClient;
use containerd_client::services::v1::snapshots::snapshots_client::SnapshotsClient;
use containerd_client::services::v1::snapshots::{
    CommitSnapshotRequest, ListSnapshotsRequest, PrepareSnapshotRequest, RemoveSnapshotRequest,
    StatSnapshotRequest,
};
use containerd_client::tonic::transport::Channel;
use containerd_client::types::{Descriptor, Mount};

use super::client::MAX_MESSAGE_BYTES;
use super::{Containerd, Error, Labels};

/// The snapshotter that is used, containerd's default on Linux.
pub const SNAPSHOTTER: &str = "overlayfs";

/// Unpacking a layer of gigabytes takes minutes on a slow disk.
const APPLY_DEADLINE: Duration = Duration::from_mins(10);

/// A snapshot of this namespace.
#[derive(Clone, Debug)]
pub struct Snapshot {
    /// Its key, or its chain ID once committed.
    pub name: String,
    /// Its labels.
    pub labels: Labels,
    /// Whether it is writable (not committed).
    pub active: bool,
}

impl Containerd {
    fn snapshots_client(&self) -> SnapshotsClient<Channel> {
        SnapshotsClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// Prepares a writable snapshot on top of `parent` (empty for none) and returns its mounts.
    ///
    /// # Errors
    /// As the call's.
    pub async fn prepare_snapshot(
        &self,
        key: &str,
        parent: &str,
        labels: Labels,
    ) -> Result<Vec<Mount>, Error> {
        let request = PrepareSnapshotRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            key: key.to_owned(),
            parent: parent.to_owned(),
            labels: labels.into_iter().collect(),
        };
        let mut client = self.snapshots_client();
        let answer = self
            .call(
                "Snapshots.Prepare",
                key,
                client.prepare(self.request(request)),
            )
            .await?;
        Ok(answer.mounts)
    }

    /// Commits the writable snapshot `key` under its chain ID.
    ///
    /// # Errors
    /// As the call's.
    pub async fn commit_snapshot(&self, name: &str, key: &str) -> Result<(), Error> {
        let request = CommitSnapshotRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            name: name.to_owned(),
            key: key.to_owned(),
            ..CommitSnapshotRequest::default()
        };
        let mut client = self.snapshots_client();
        self.call(
            "Snapshots.Commit",
            key,
            client.commit(self.request(request)),
        )
        .await
    }

    /// Whether a snapshot exists.
    ///
    /// # Errors
    /// As the call's.
    pub async fn has_snapshot(&self, key: &str) -> Result<bool, Error> {
        let request = StatSnapshotRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            key: key.to_owned(),
        };
        let mut client = self.snapshots_client();
        match self
            .call("Snapshots.Stat", key, client.stat(self.request(request)))
            .await
        {
            Ok(_) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Removes a snapshot; a missing one is not an error.
    ///
    /// # Errors
    /// As the call's.
    pub async fn remove_snapshot(&self, key: &str) -> Result<(), Error> {
        let request = RemoveSnapshotRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            key: key.to_owned(),
        };
        let mut client = self.snapshots_client();
        match self
            .call(
                "Snapshots.Remove",
                key,
                client.remove(self.request(request)),
            )
            .await
        {
            Err(error) if error.is_not_found() => Ok(()),
            result => result,
        }
    }

    /// Lists the namespace's snapshots.
    ///
    /// # Errors
    /// As the call's.
    pub async fn snapshots(&self) -> Result<Vec<Snapshot>, Error> {
        const CALL: &str = "Snapshots.List";
        let request = ListSnapshotsRequest {
            snapshotter: SNAPSHOTTER.to_owned(),
            filters: Vec::new(),
        };
        let mut client = self.snapshots_client();
        let mut stream = self
            .call(CALL, "", client.list(self.request(request)))
            .await?;
        let mut snapshots = Vec::new();
        while let Some(page) = stream
            .message()
            .await
            .map_err(|status| Error::status(CALL, "", self.address(), &status))?
        {
            snapshots.extend(page.info.into_iter().map(|info| Snapshot {
                active: info.kind
                    == i32::from(containerd_client::services::v1::snapshots::Kind::Active),
                name: info.name,
                labels: info.labels.into_iter().collect(),
            }));
        }
        Ok(snapshots)
    }

    /// Unpacks the layer blob `diff` into `mounts` and returns the digest of the unpacked tar, which must be
    /// the layer's diff ID.
    ///
    /// # Errors
    /// As the call's.
    pub async fn apply(&self, diff: Descriptor, mounts: Vec<Mount>) -> Result<String, Error> {
        const CALL: &str = "Diff.Apply";
        let digest = diff.digest.clone();
        let request = ApplyRequest {
            diff: Some(diff),
            mounts,
            ..ApplyRequest::default()
        };
        let mut client = DiffClient::new(self.channel.clone());
        let answer = self
            .call_within(
                APPLY_DEADLINE,
                CALL,
                &digest,
                client.apply(self.request(request)),
            )
            .await?;
        let part = "the digest of the applied layer";
        let applied = answer.applied.ok_or(Error::Incomplete {
            call: CALL,
            object: digest,
            part,
        })?;
        Ok(applied.digest)
    }
}
