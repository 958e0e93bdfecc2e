//! Image records: a name that points at a descriptor and keeps its content alive.

use containerd_client::services::v1 as proto;
use containerd_client::services::v1::images_client::ImagesClient;
use containerd_client::tonic::transport::Channel;
use containerd_client::types::Descriptor;
use prost_types::FieldMask;

use super::client::MAX_MESSAGE_BYTES;
use super::{Containerd, Error, Labels};

/// An image record.
#[derive(Clone, Debug)]
pub struct Image {
    /// Its reference.
    pub name: String,
    /// What it points at.
    pub target: Descriptor,
    /// Its labels.
    pub labels: Labels,
}

impl From<Image> for proto::Image {
    fn from(image: Image) -> Self {
        Self {
            name: image.name,
            labels: image.labels.into_iter().collect(),
            target: Some(image.target),
            ..Self::default()
        }
    }
}

impl From<proto::Image> for Image {
    fn from(image: proto::Image) -> Self {
        Self {
            name: image.name,
            target: image.target.unwrap_or_default(),
            labels: image.labels.into_iter().collect(),
        }
    }
}

impl Containerd {
    fn images_client(&self) -> ImagesClient<Channel> {
        ImagesClient::new(self.channel.clone()).max_decoding_message_size(MAX_MESSAGE_BYTES)
    }

    /// The image with this name, if it exists.
    ///
    /// # Errors
    /// As the call's.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, Error> {
        let request = proto::GetImageRequest {
            name: name.to_owned(),
        };
        let mut client = self.images_client();
        match self
            .call("Images.Get", name, client.get(self.request(request)))
            .await
        {
            Ok(answer) => Ok(answer.image.map(Into::into)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Lists the namespace's images, by name.
    ///
    /// # Errors
    /// As the call's.
    pub async fn images(&self) -> Result<Vec<Image>, Error> {
        let request = proto::ListImagesRequest {
            filters: Vec::new(),
        };
        let mut client = self.images_client();
        let answer = self
            .call("Images.List", "", client.list(self.request(request)))
            .await?;
        let mut images: Vec<Image> = answer.images.into_iter().map(Into::into).collect();
        images.sort_by(|one, other| one.name.cmp(&other.name));
        Ok(images)
    }

    /// Creates an image record, or points an existing one at the new target.
    ///
    /// # Errors
    /// As the call's.
    pub async fn put_image(&self, image: Image) -> Result<(), Error> {
        let name = image.name.clone();
        let mut client = self.images_client();
        let create = proto::CreateImageRequest {
            image: Some(image.clone().into()),
            ..proto::CreateImageRequest::default()
        };
        match self
            .call("Images.Create", &name, client.create(self.request(create)))
            .await
        {
            Err(error) if error.is_already_exists() => {}
            result => return result.map(drop),
        }
        let paths = vec!["target".to_owned(), "labels".to_owned()];
        let update = proto::UpdateImageRequest {
            image: Some(image.into()),
            update_mask: Some(FieldMask { paths }),
            ..proto::UpdateImageRequest::default()
        };
        self.call("Images.Update", &name, client.update(self.request(update)))
            .await
            .map(drop)
    }

    /// Removes an image record, and returns whether it existed; with `sync`, returns after the garbage
    /// collector has removed what only it held.
    ///
    /// # Errors
    /// As the call's.
    pub async fn remove_image(&self, name: &str, sync: bool) -> Result<bool, Error> {
        let request = proto::DeleteImageRequest {
            name: name.to_owned(),
            sync,
            target: None,
        };
        let mut client = self.images_client();
        match self
            .call("Images.Delete", name, client.delete(self.request(request)))
            .await
        {
            Ok(()) => Ok(true),
            Err(error) if error.is_not_found() => Ok(false),
            Err(error) => Err(error),
        }
    }
}
