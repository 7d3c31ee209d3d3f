//! Whose socket is at the other end of a loopback connection.
//!
//! A port of the loopback interface is open to every process of the machine, and TCP says nothing of who connects. The kernel
//! does: it is asked for the number of the peer's socket, which is then looked for among the files of the processes that may.

use rustix::net::netlink::{self, SocketAddrNetlink};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType};
use std::fs;
use std::io;
use std::net::SocketAddrV4;

/// `struct nlmsghdr` and `struct inet_diag_req_v2`, `struct inet_diag_msg`: sizes and places of linux/inet_diag.h.
const HEADER_BYTES: usize = 16;
const REQUEST_BYTES: usize = HEADER_BYTES + 56;
const INODE_AT: usize = HEADER_BYTES + 68;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const NLM_F_REQUEST: u16 = 1;

/// Whether one of `processes` holds the client's side of the connection from `client` to `server`, both on this machine. `None` =
/// nobody holds it any more.
pub fn holds_client(processes: &[u32], client: SocketAddrV4, server: SocketAddrV4) -> Option<bool> {
    let inode = inode(client, server).or_else(|_| inode_of_table(client, server)).ok()??;
    let wanted = format!("socket:[{inode}]");
    let holds = |process: &u32| {
        let files = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten().flatten();
        files
            .map(|file| fs::read_link(file.path()))
            .any(|target| target.is_ok_and(|target| target.as_os_str() == &*wanted))
    };
    Some(processes.iter().any(holds))
}

/// Asks the kernel for that one socket. `None` = there is none any more.
fn inode(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<u32>> {
    let socket = rustix::net::socket_with(
        AddressFamily::NETLINK,
        SocketType::DGRAM,
        SocketFlags::CLOEXEC,
        Some(netlink::SOCK_DIAG),
    )?;
    rustix::net::sendto(&socket, &request(local, remote), SendFlags::empty(), &SocketAddrNetlink::new(0, 0))?;
    let mut answer = [0; 1_024];
    let (_, length) = rustix::net::recv(&socket, &mut answer, RecvFlags::DONTWAIT)?;
    let answer = &answer[..length.min(answer.len())];
    let kind = answer.get(4..6).map(|kind| u16::from_ne_bytes([kind[0], kind[1]]));
    let number = |at: usize| answer.get(at..at + 4)?.try_into().ok().map(u32::from_ne_bytes);
    match (kind, number(INODE_AT)) {
        // An orphan has no file, and the number 0.
        (Some(SOCK_DIAG_BY_FAMILY), Some(inode)) => Ok((inode != 0).then_some(inode)),
        // `NLMSG_ERROR`: the code follows the header, negative.
        _ => match number(HEADER_BYTES).map(|code| code.wrapping_neg().cast_signed()) {
            Some(libc::ENOENT) => Ok(None),
            code => Err(io::Error::from_raw_os_error(code.unwrap_or(libc::EPROTO))),
        },
    }
}

fn request(local: SocketAddrV4, remote: SocketAddrV4) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(REQUEST_BYTES);
    bytes.extend((REQUEST_BYTES as u32).to_ne_bytes());
    bytes.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    bytes.extend(NLM_F_REQUEST.to_ne_bytes());
    bytes.extend([0; 8]);
    // Family, protocol, no extensions, padding; any state.
    bytes.extend([libc::AF_INET as u8, libc::IPPROTO_TCP as u8, 0, 0]);
    bytes.extend(u32::MAX.to_ne_bytes());
    bytes.extend(local.port().to_be_bytes());
    bytes.extend(remote.port().to_be_bytes());
    for address in [local, remote] {
        bytes.extend(address.ip().octets());
        bytes.extend([0; 12]);
    }
    // Any interface, and no cookie, which is all ones.
    bytes.extend([0; 4]);
    bytes.extend([u8::MAX; 8]);
    bytes
}

/// The same from the table of all sockets, for a kernel without that question.
fn inode_of_table(local: SocketAddrV4, remote: SocketAddrV4) -> io::Result<Option<u32>> {
    let written =
        |address: SocketAddrV4| format!("{:08X}:{:04X}", u32::from_ne_bytes(address.ip().octets()), address.port());
    let (local, remote) = (written(local), written(remote));
    let table = fs::read_to_string("/proc/net/tcp")?;
    Ok(table.lines().find_map(|line| {
        let mut fields = line.split_ascii_whitespace().skip(1);
        let is_it = fields.next()? == local && fields.next()? == remote;
        is_it.then(|| fields.nth(6)?.parse().ok()).flatten().filter(|inode| *inode != 0)
    }))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
    use std::process::Command;

    fn v4(address: SocketAddr) -> SocketAddrV4 {
        let SocketAddr::V4(address) = address else { panic!("{address}") };
        address
    }

    #[test]
    fn the_process_that_connected_is_known_and_no_other_is_taken_for_it() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let server = v4(listener.local_addr().unwrap());
        let client = TcpStream::connect(server).unwrap();
        let address = v4(client.local_addr().unwrap());
        let mut stranger = Command::new("sleep").arg("1000").spawn().unwrap();
        let (me, other) = (std::process::id(), stranger.id());
        assert_eq!(holds_client(&[other, me], address, server), Some(true));
        assert_eq!(holds_client(&[other], address, server), Some(false));
        assert_eq!(holds_client(&[], address, server), Some(false));
        let inode = inode(address, server).unwrap();
        assert!(inode.is_some());
        assert_eq!(inode, inode_of_table(address, server).unwrap());
        drop(client);
        // A process that another test has forked, and that has not begun its program yet, still has a copy of the client.
        let mut last = Some(true);
        for _ in 0..1_000_000 {
            last = holds_client(&[other, me], address, server);
            if last != Some(false) {
                break;
            }
            std::thread::yield_now();
        }
        assert_eq!(last, None);
        stranger.kill().unwrap();
        stranger.wait().unwrap();
    }
}
