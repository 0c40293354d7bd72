//! stub
#![expect(missing_docs, reason = "stub")]
use crate::model::{ReviewCommand, RunState};
use crate::pipeline::Update;
use std::path::PathBuf;
pub struct Session {
    pub run: RunState,
    pub folder: PathBuf,
    pub mode: Mode,
    pub settings: ScreenSettings,
}
pub enum Mode {
    Live,
    ReadOnly { reason: String },
}
pub struct ScreenSettings {
    pub no_color: bool,
    pub theme: ThemeChoice,
    pub mouse: bool,
}
pub enum ThemeChoice {
    Auto,
    Dark,
    Light,
    Mono,
}
pub enum Outcome {
    Left,
    Decided,
}
#[derive(Debug, thiserror::Error)]
#[error("stub")]
pub struct Error;
pub async fn run(
    _session: Session,
    _updates: tokio::sync::mpsc::Receiver<Update>,
    _commands: tokio::sync::mpsc::Sender<ReviewCommand>,
) -> Result<Outcome, Error> {
    Err(Error)
}
