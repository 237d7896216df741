//! The way in, on raw sockets.
