//! What is done without anybody asking.

use keyway_hub::Stop;

use crate::Connect;

impl Connect {
    /// Works until it is asked to stop.
    pub async fn work(&self, mut stop: Stop) {
        stop.asked().await;
    }
}
