//! Sockets, tasks and handlers of the adit server.
