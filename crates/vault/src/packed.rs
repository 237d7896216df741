//! Several values as one run of bytes, so that no two sets of values are the same bytes.

/// Values, each behind its length: nothing that separates them can stand in one of them.
#[derive(Debug, Clone)]
pub(crate) struct Packed(Vec<u8>);

impl Packed {
    /// Begins with what the bytes are for: bytes for one purpose never serve another.
    pub(crate) fn new(domain: &str) -> Self {
        Self(Vec::with_capacity(256)).bytes(domain.as_bytes())
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(&(bytes.len() as u64).to_be_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn text(self, text: &str) -> Self {
        self.bytes(text.as_bytes())
    }

    pub(crate) fn number(self, number: i64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    /// A value that may be missing: one that is empty is another thing.
    pub(crate) fn maybe(self, bytes: Option<&[u8]>) -> Self {
        match bytes {
            Some(bytes) => self.number(1).bytes(bytes),
            None => self.number(0),
        }
    }

    pub(crate) fn as_slice(&self) -> &[u8] {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_lists_are_the_same_bytes() {
        let lists = [
            Packed::new("d").text("ab").text("c"),
            Packed::new("d").text("a").text("bc"),
            Packed::new("d").text("abc"),
            Packed::new("d").text("abc").text(""),
            Packed::new("da").text("bc"),
            Packed::new("d").maybe(Some(b"abc")),
            Packed::new("d").maybe(Some(b"")),
            Packed::new("d").maybe(None),
            Packed::new("d").maybe(None).text(""),
            Packed::new("d").number(1),
        ];
        for (index, one) in lists.iter().enumerate() {
            for other in &lists[..index] {
                assert_ne!(one.as_slice(), other.as_slice());
            }
        }
    }
}
