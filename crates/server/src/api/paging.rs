//! The two styles of pages (spec: control-plane §6).

use adit_iot::Error;
use adit_iot::page::Listing;
use adit_store::Order;
use serde::Deserialize;

/// Items on a page when the caller does not say.
const PAGE: usize = 25;

/// A page of a listing with markers: newest first unless asked otherwise.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Marked {
    /// Where to go on.
    pub marker: Option<String>,
    /// Items on a page, 1 to 250.
    pub page_size: Option<u32>,
    /// Whether the oldest comes first.
    pub ascending_order: bool,
}

impl Marked {
    /// Which way to go.
    #[must_use]
    pub fn order(&self) -> Order {
        if self.ascending_order { Order::OldestFirst } else { Order::NewestFirst }
    }

    /// Items on the page.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.page_size.map_or(PAGE, |count| count as usize)
    }

    /// The position to go on after. A marker is good for both orders.
    ///
    /// # Errors
    /// `Invalid` for a marker of another listing.
    pub fn after(&self, listing: &Listing<'_>) -> Result<Option<i64>, Error> {
        self.marker.as_deref().map(|marker| listing.marked(marker)).transpose()
    }
}

/// A page of a listing with tokens: oldest first.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Paged {
    /// Where to go on.
    pub next_token: Option<String>,
    /// Items on a page, 1 to 250.
    pub max_results: Option<u32>,
}

impl Paged {
    /// Items on the page.
    #[must_use]
    pub fn limit(&self) -> usize {
        self.max_results.map_or(PAGE, |count| count as usize)
    }

    /// The position to go on after.
    ///
    /// # Errors
    /// `Invalid` for a token of another listing.
    pub fn after(&self, listing: &Listing<'_>) -> Result<Option<i64>, Error> {
        self.next_token.as_deref().map(|token| listing.position(token)).transpose()
    }
}
