//! Which addresses outside the sandbox the command tried to reach. There is no network, so none of
//! them was reached; the attempt is what a reviewer wants to know.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd as _, OwnedFd};
use std::os::unix::fs::FileExt as _;
use std::sync::{Arc, Mutex};
use std::thread;

use crate::exec::sandbox::sys;
use crate::model::Traces;

/// How many different addresses are kept.
const KEPT: usize = 50;

/// A watch over the calls that name an address.
pub(super) struct Watch {
    seen: Arc<Mutex<Seen>>,
}

#[derive(Default)]
struct Seen {
    addresses: BTreeSet<String>,
    count: u64,
}

/// Answers the calls of a filter from now on, and notes what leads out.
pub(super) fn watch(listener: OwnedFd) -> Watch {
    let seen = Arc::new(Mutex::new(Seen::default()));
    let noting = Arc::clone(&seen);
    // Should no thread be had, the calls fail, as there is nobody to answer them: nothing gets out.
    thread::Builder::new()
        .name("network".to_owned())
        .spawn(move || answer(&listener, &noting))
        .ok();
    Watch { seen }
}

impl Watch {
    /// What was seen.
    pub(super) fn traces(&self) -> Traces {
        let Ok(seen) = self.seen.lock() else {
            return Traces::default();
        };
        Traces {
            network: seen.addresses.iter().cloned().collect(),
            network_count: seen.count,
            ..Traces::default()
        }
    }
}

fn answer(listener: &OwnedFd, seen: &Mutex<Seen>) {
    loop {
        let Ok(handed) = sys::receive(listener.as_fd()) else {
            // The caller was killed meanwhile, or nobody has the filter any more. The pause keeps
            // an error that stays from taking a processor.
            thread::sleep(std::time::Duration::from_millis(1));
            continue;
        };
        // Noted before the call is let go: its result may be the last thing that the command does.
        if let Some(address) = address(&handed).filter(|address| leads_out(address.ip()))
            && let Ok(mut seen) = seen.lock()
        {
            seen.count += 1;
            if seen.addresses.len() < KEPT {
                seen.addresses.insert(address.to_string());
            }
        }
        sys::let_go_on(listener.as_fd(), handed.id).ok();
    }
}

/// Whether an address is not the sandbox's own.
fn leads_out(address: IpAddr) -> bool {
    !address.to_canonical().is_loopback() && !address.is_unspecified()
}

/// Reads the address that a call names from the memory of the caller.
fn address(handed: &sys::Handed) -> Option<SocketAddr> {
    let (at, length) = if handed.number == libc::SYS_connect {
        (handed.arguments.get(1)?, handed.arguments.get(2)?)
    } else {
        (handed.arguments.get(4)?, handed.arguments.get(5)?)
    };
    let mut bytes = [0_u8; 28];
    let length = usize::try_from(*length).ok()?.min(bytes.len());
    let wanted = bytes.get_mut(..length)?;
    let memory = File::open(format!("/proc/{}/mem", handed.pid)).ok()?;
    memory.read_exact_at(wanted, *at).ok()?;
    parse(wanted)
}

/// A socket address as it lies in memory.
fn parse(bytes: &[u8]) -> Option<SocketAddr> {
    let family = u16::from_ne_bytes(bytes.get(0..2)?.try_into().ok()?);
    let port = u16::from_be_bytes(bytes.get(2..4)?.try_into().ok()?);
    let ip = match libc::c_int::from(family) {
        libc::AF_INET => {
            let octets: [u8; 4] = bytes.get(4..8)?.try_into().ok()?;
            IpAddr::V4(Ipv4Addr::from(octets))
        }
        libc::AF_INET6 => {
            let octets: [u8; 16] = bytes.get(8..24)?.try_into().ok()?;
            IpAddr::V6(Ipv6Addr::from(octets))
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_they_lie_in_memory() {
        let mut bytes = vec![0; 28];
        bytes[..2].copy_from_slice(&u16::try_from(libc::AF_INET).unwrap().to_ne_bytes());
        bytes[2..8].copy_from_slice(&[1, 187, 192, 0, 2, 7]);
        assert_eq!(parse(&bytes).unwrap().to_string(), "192.0.2.7:443");
        bytes[..2].copy_from_slice(&u16::try_from(libc::AF_INET6).unwrap().to_ne_bytes());
        bytes[8..24].copy_from_slice(&[0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]);
        assert_eq!(parse(&bytes).unwrap().to_string(), "[2001:db8::1]:443");
        bytes[..2].copy_from_slice(&u16::try_from(libc::AF_UNIX).unwrap().to_ne_bytes());
        assert_eq!(parse(&bytes), None);
        assert_eq!(parse(&bytes[..3]), None);
    }

    #[test]
    fn the_sandbox_s_own_addresses_do_not_lead_out() {
        for (address, out) in [
            ("127.0.0.1", false),
            ("127.8.8.8", false),
            ("0.0.0.0", false),
            ("::1", false),
            ("::ffff:127.0.0.1", false),
            ("::ffff:192.0.2.1", true),
            ("192.0.2.1", true),
            ("10.0.0.1", true),
            ("169.254.169.254", true),
            ("2001:db8::1", true),
        ] {
            assert_eq!(leads_out(address.parse().unwrap()), out, "{address}");
        }
    }
}
