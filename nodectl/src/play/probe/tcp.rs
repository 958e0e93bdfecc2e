//! A probe that only opens a connection.

use std::net::Ipv4Addr;

use tokio::net::TcpStream;

use crate::manifest::TcpSocket;

pub(super) async fn ask(tcp: &TcpSocket, port: u16, pod: Ipv4Addr) -> Result<(), String> {
    let host = tcp.host.clone().unwrap_or_else(|| pod.to_string());
    let connected = TcpStream::connect((host.as_str(), port)).await;
    connected
        .map(drop)
        .map_err(|error| format!("{host}:{port}: {error}"))
}
