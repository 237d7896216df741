//! reqsign's cheapest services: a token as a header, and one in the query. All others compute a signature.

use std::{
    pin::pin,
    task::{Context as TaskContext, Poll, Waker},
};

use http::request::Parts;
use reqsign_core::{Context, Signer};
use reqsign_google::{Credential, RequestSigner, TokenCredentialProvider};

/// Google's, with a token that is there already.
pub(crate) fn google() -> Signer<Credential> {
    Signer::new(Context::new(), TokenCredentialProvider::new("made-up-token"), RequestSigner::new("storage"))
}

pub(crate) fn azure() -> Signer<reqsign_azure_storage::Credential> {
    Signer::new(
        Context::new(),
        reqsign_azure_storage::StaticCredentialProvider::new_sas_token("sv=2021&sig=abcdef"),
        reqsign_azure_storage::RequestSigner::new(),
    )
}

pub(crate) fn sign_azure(signer: &Signer<reqsign_azure_storage::Credential>, parts: &mut Parts) {
    let mut signing = pin!(signer.sign(parts, None));
    match signing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.expect("the token is there"),
        Poll::Pending => unreachable!("nothing is waited for"),
    }
}

/// Signs a request. Nothing in it waits, so the future is ready when it is first asked.
pub(crate) fn sign(signer: &Signer<Credential>, parts: &mut Parts) {
    let mut signing = pin!(signer.sign(parts, None));
    match signing.as_mut().poll(&mut TaskContext::from_waker(Waker::noop())) {
        Poll::Ready(done) => done.expect("the token is there"),
        Poll::Pending => unreachable!("nothing is waited for"),
    }
}
