use std::error::Error;
use super::Folders;
pub(super) fn run(_folders: &Folders) -> Result<(), Box<dyn Error>> { Ok(()) }
