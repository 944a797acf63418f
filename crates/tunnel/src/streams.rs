//! The table of a tunnel's streams: for each service, which id each side knows its stream by.

use crate::limits;

/// An open stream of one service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Active {
    /// The id the source chose.
    pub(crate) source_id: u32,
    /// The id we made up for the destination.
    pub(crate) destination_id: u32,
    /// The connection id that came with the start, or 0: tells the shape a reset must have.
    pub(crate) connection_id: u32,
}

#[derive(Debug)]
struct Row {
    service_id: Box<str>,
    active: Option<Active>,
    ever: bool,
}

/// One row for each service of the tunnel and one for messages that name none. Rows are never added.
#[derive(Debug)]
pub(crate) struct Streams {
    rows: Box<[Row]>,
    next: u32,
}

impl Streams {
    pub(crate) fn new<'a>(services: impl Iterator<Item = &'a str>, first: u32) -> Streams {
        let row = |service_id: &str| Row { service_id: service_id.into(), active: None, ever: false };
        Streams { rows: std::iter::once("").chain(services).map(row).collect(), next: first.max(1) }
    }

    /// The services in order, without the nameless one.
    pub(crate) fn services(&self) -> impl Iterator<Item = &str> {
        self.rows.iter().skip(1).map(|row| &*row.service_id)
    }

    /// How many rows there are.
    pub(crate) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The id the next stream gets.
    pub(crate) fn next_id(&self) -> u32 {
        self.next
    }

    /// The row of a service id; an empty id has a row of its own.
    pub(crate) fn row(&self, service_id: &str) -> Option<usize> {
        self.rows.iter().position(|row| &*row.service_id == service_id)
    }

    pub(crate) fn active(&self, row: usize) -> Option<Active> {
        self.rows.get(row)?.active
    }

    /// Whether a stream was ever begun for a service, even in vain.
    pub(crate) fn ever(&self, row: usize) -> bool {
        self.rows.get(row).is_some_and(|row| row.ever)
    }

    /// Remembers that the source asked for a stream.
    pub(crate) fn asked(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            row.ever = true;
        }
    }

    /// Opens a stream with a destination id never used before; `None` when all are used up.
    pub(crate) fn open(&mut self, row: usize, source_id: u32, connection_id: u32) -> Option<u32> {
        let destination_id = self.next;
        if destination_id >= limits::STREAM_ID_END {
            return None;
        }
        let row = self.rows.get_mut(row)?;
        row.active = Some(Active { source_id, destination_id, connection_id });
        self.next += 1;
        Some(destination_id)
    }

    pub(crate) fn end(&mut self, row: usize) {
        if let Some(row) = self.rows.get_mut(row) {
            row.active = None;
        }
    }

    /// Ends every stream and returns those that were open: row, service, ids.
    pub(crate) fn end_all(&mut self) -> impl Iterator<Item = (usize, &str, Active)> {
        let rows = self.rows.iter_mut().enumerate();
        rows.filter_map(|(index, row)| Some((index, &*row.service_id, row.active.take()?)))
    }

    /// The row whose open stream the destination knows by this id.
    pub(crate) fn row_of_destination_id(&self, id: u32) -> Option<usize> {
        self.rows.iter().position(|row| row.active.is_some_and(|active| active.destination_id == id))
    }
}
