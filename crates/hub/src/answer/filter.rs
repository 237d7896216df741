//! An answer's body on its way to the client: decoded where it came encoded, its URLs rewritten, its keys masked.

use std::sync::Arc;

use bytes::Bytes;
use keyway_core::{Mask, MaskStream};

use super::{Encoding, Rewrite, decode::Decode, rewrite::RewriteStream};

/// What a body passes through.
pub(crate) struct Filter {
    decode: Option<Decode>,
    rewrite: Option<RewriteStream>,
    mask: MaskStream,
    /// Between two of them, used again and again.
    between: Vec<Bytes>,
    rewritten: Vec<Bytes>,
}

/// A body that cannot be looked into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unreadable;

impl Filter {
    /// A body of this encoding; `rewrite` where it is JSON, and its URLs are to be rewritten.
    pub(crate) fn new(
        encoding: Encoding,
        rewrite: Option<Arc<Rewrite>>,
        mask: Arc<Mask>,
        most: u64,
    ) -> Result<Self, Unreadable> {
        Ok(Self {
            decode: Decode::new(encoding, most)?,
            rewrite: rewrite.map(RewriteStream::new),
            mask: MaskStream::new(mask),
            between: Vec::new(),
            rewritten: Vec::new(),
        })
    }

    /// Takes a piece in, and gives out what of all so far can be passed on.
    pub(crate) fn push(&mut self, piece: Bytes, out: &mut Vec<Bytes>) -> Result<(), Unreadable> {
        if self.decode.is_none() && self.rewrite.is_none() {
            self.mask.push(piece, out);
            return Ok(());
        }
        let mut pieces = std::mem::take(&mut self.between);
        let pushed = if let Some(decode) = &mut self.decode {
            decode.push(&piece, &mut pieces)
        } else {
            pieces.push(piece);
            Ok(())
        };
        for piece in pieces.drain(..) {
            self.push_decoded(piece, out);
        }
        self.between = pieces;
        pushed
    }

    /// Gives out the rest.
    pub(crate) fn finish(&mut self, out: &mut Vec<Bytes>) -> Result<(), Unreadable> {
        let mut pieces = std::mem::take(&mut self.between);
        let ended = self.decode.as_mut().map_or(Ok(()), |decode| decode.finish(&mut pieces));
        for piece in pieces.drain(..) {
            self.push_decoded(piece, out);
        }
        if let Some(rewrite) = &mut self.rewrite {
            let mut rest = Vec::new();
            rewrite.finish(&mut rest);
            for piece in rest {
                self.mask.push(piece, out);
            }
        }
        self.mask.finish(out);
        ended
    }

    /// Whether a key stood in it.
    pub(crate) fn has_masked(&self) -> bool {
        self.mask.has_masked()
    }

    fn push_decoded(&mut self, piece: Bytes, out: &mut Vec<Bytes>) {
        match &mut self.rewrite {
            Some(rewrite) => {
                rewrite.push(piece, &mut self.rewritten);
                for piece in self.rewritten.drain(..) {
                    self.mask.push(piece, out);
                }
            }
            None => self.mask.push(piece, out),
        }
    }
}
