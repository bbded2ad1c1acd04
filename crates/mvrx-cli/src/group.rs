//! The group that `--group` names, and what is to be known of it.

use mvrx_discovery::{DiscoveryError, check_group};
use mvrx_message::GroupName;

use crate::args::Common;
use crate::failure::Failure;
use crate::show;

/// The group, and a word where other products would take it for another one.
pub(crate) fn check(common: &Common) -> Result<GroupName, Failure> {
    let name = &common.group;
    let group = GroupName::join(name)
        .map_err(|error| Failure::usage(format!("{name:?} cannot be the name of a group: {error}")))?;
    if let Err(DiscoveryError::GroupReadAsAnother { read_as, .. }) = check_group(&group) {
        let read_as = if read_as.is_empty() { "no group".to_owned() } else { format!("{read_as:?}") };
        show::note(&format!(
            "most products take {name:?} for {read_as}: a dot or an @ parts names; stations of mvrx find each other in it, of others --peer joins one"
        ));
    }
    Ok(group)
}
