//! A probe of the gRPC health service.
//!
//! <https://github.com/grpc/grpc/blob/master/doc/health-checking.md>

use std::net::Ipv4Addr;

use tonic::Request;
use tonic::client::Grpc as Client;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::Endpoint;
use tonic_prost::ProstCodec;

use crate::manifest::Grpc;

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckRequest {
    #[prost(string, tag = "1")]
    service: String,
}

#[derive(Clone, PartialEq, prost::Message)]
struct HealthCheckResponse {
    #[prost(int32, tag = "1")]
    status: i32,
}

/// `HealthCheckResponse.ServingStatus.SERVING`.
const SERVING: i32 = 1;

pub(super) async fn ask(grpc: &Grpc, pod: Ipv4Addr) -> Result<(), String> {
    let target = format!("{pod}:{}", grpc.port);
    let failed = |error: &(dyn std::error::Error + 'static)| {
        format!("grpc {target}: {}", cli::one_line(error))
    };
    let channel = Endpoint::from_shared(format!("http://{target}"))
        .map_err(|error| failed(&error))?
        .connect()
        .await
        .map_err(|error| failed(&error))?;
    let mut client = Client::new(channel);
    client.ready().await.map_err(|error| failed(&error))?;
    let request = Request::new(HealthCheckRequest {
        service: grpc.service.clone(),
    });
    let path = PathAndQuery::from_static("/grpc.health.v1.Health/Check");
    let codec = ProstCodec::<HealthCheckRequest, HealthCheckResponse>::default();
    match client.unary(request, path, codec).await {
        Ok(response) => match response.into_inner().status {
            SERVING => Ok(()),
            status => Err(format!("grpc {target}: status {status}, not SERVING")),
        },
        Err(status) => Err(format!("grpc {target}: {}", status.message())),
    }
}
