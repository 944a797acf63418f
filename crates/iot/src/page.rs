//! Page tokens: where a listing goes on.
//!
//! A token names the last item shown. It is opaque, needs no memory in the server (so it survives a restart), and
//! is good only for the listing that handed it out: the same operation, account, region and filters. The check sum
//! catches mistakes, it is no secret: whoever forges a token reads another page of their own records.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

use crate::error::Error;
use crate::ids::Scope;

const FORM: u8 = 1;
/// A token that holds a name in place of a position.
const NAMED: u8 = 2;

/// One listing: everything but the page.
#[derive(Clone, Copy, Debug)]
pub struct Listing<'a> {
    /// The operation, such as `ListTunnels`.
    pub operation: &'a str,
    /// Whose records.
    pub scope: &'a Scope,
    /// The filters, in a fixed order; an absent one is `None`.
    pub filters: &'a [Option<&'a str>],
}

impl Listing<'_> {
    /// The token to go on after the item at `position`. Characters `[a-zA-Z0-9_-]`, 23 of them
    /// (spec: secure-tunneling §1.2 NextToken).
    pub fn token(&self, position: i64) -> String {
        URL_SAFE_NO_PAD.encode(self.bytes(position))
    }

    /// The same as a marker. Characters `[A-Za-z0-9+/]`, 24 of them with one `=` (spec: control-plane §6).
    pub fn marker(&self, position: i64) -> String {
        STANDARD.encode(self.bytes(position))
    }

    /// The token to go on after the item of that name, for listings in the order of names. Characters as
    /// [`Listing::token`], 12 and four for every three bytes of the name.
    pub fn token_after(&self, name: &str) -> String {
        let sum = self.sum_of(name.as_bytes()).to_be_bytes();
        URL_SAFE_NO_PAD.encode([&[NAMED], &sum[..], name.as_bytes()].concat())
    }

    /// The name a token names.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) if the token is malformed or of another listing.
    pub fn name(&self, token: &str) -> Result<String, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok();
        let read = |bytes: Vec<u8>| {
            let (form, rest) = bytes.split_first()?;
            let (sum, name) = rest.split_first_chunk::<8>()?;
            let right = *form == NAMED && *sum == self.sum_of(name).to_be_bytes();
            String::from_utf8(name.to_vec()).ok().filter(|_| right)
        };
        bytes.and_then(read).ok_or_else(|| self.unknown_token())
    }

    fn unknown_token(&self) -> Error {
        Error::invalid(format!(
            "nextToken is not one that {} handed out for these filters in this account and region; \
             leave it out to start at the first page",
            self.operation
        ))
    }

    fn bytes(&self, position: i64) -> Vec<u8> {
        let mut bytes = vec![FORM];
        bytes.extend(position.to_be_bytes());
        bytes.extend(self.sum(position).to_be_bytes());
        bytes
    }

    /// The position a token names.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) if the token is malformed or of another listing.
    pub fn position(&self, token: &str) -> Result<i64, Error> {
        let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).ok();
        bytes.and_then(|bytes| self.read(&bytes)).ok_or_else(|| self.unknown_token())
    }

    /// The position a marker names.
    ///
    /// # Errors
    /// [`Kind::Invalid`](crate::Kind::Invalid) if the marker is malformed or of another listing.
    pub fn marked(&self, marker: &str) -> Result<i64, Error> {
        let bytes = STANDARD.decode(marker).ok();
        bytes.and_then(|bytes| self.read(&bytes)).ok_or_else(|| {
            let mut letters = self.operation.chars();
            let first = letters.next().map_or('-', |letter| letter.to_ascii_lowercase());
            Error::invalid(format!("Invalid/Malformed marker passed for {first}{}", letters.as_str()))
        })
    }

    fn read(&self, bytes: &[u8]) -> Option<i64> {
        let (form, rest) = bytes.split_first()?;
        let (position, sum) = rest.split_first_chunk::<8>()?;
        let position = i64::from_be_bytes(*position);
        (*form == FORM && sum == self.sum(position).to_be_bytes()).then_some(position)
    }

    fn sum(&self, position: i64) -> u64 {
        self.sum_of(&position.to_be_bytes())
    }

    fn sum_of(&self, item: &[u8]) -> u64 {
        let mut sum = Fnv::default();
        sum.part(self.operation.as_bytes());
        sum.part(self.scope.account().as_bytes());
        sum.part(self.scope.region().as_bytes());
        for filter in self.filters {
            match filter {
                None => sum.bytes(&[0]),
                Some(text) => {
                    sum.bytes(&[1]);
                    sum.part(text.as_bytes());
                }
            }
        }
        sum.bytes(item);
        sum.0
    }
}

/// FNV-1a, 64 bits.
struct Fnv(u64);

impl Default for Fnv {
    fn default() -> Fnv {
        Fnv(0xcbf2_9ce4_8422_2325)
    }
}

impl Fnv {
    fn bytes(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }

    fn part(&mut self, bytes: &[u8]) {
        self.bytes(&(bytes.len() as u64).to_be_bytes());
        self.bytes(bytes);
    }
}
