//! reqsign's cheapest service: Google's, with a token that is there already. A token in the query, as Azure's, takes a
//! little longer, and all others compute a signature.

use std::{
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
};

use http::request::Parts;
use reqsign_core::{Context, Signer};
use reqsign_google::{Credential, RequestSigner, TokenCredentialProvider};

/// Makes a signer, as its documentation shows it.
pub(crate) fn signer() -> Signer<Credential> {
    Signer::new(Context::new(), TokenCredentialProvider::new("made-up-token"), RequestSigner::new("storage"))
}

/// Signs a request. Nothing in it waits, so the future is ready when it is first asked: no runtime is measured.
pub(crate) fn sign(signer: &Signer<Credential>, parts: &mut Parts) {
    let mut signing = pin!(signer.sign(parts, None));
    match signing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.expect("the token is there"),
        Poll::Pending => unreachable!("nothing is waited for"),
    }
}
