//! The device side: the local proxy.
