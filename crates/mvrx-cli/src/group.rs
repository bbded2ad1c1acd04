//! Whether stations can be seen in the group that `--group` names.

use mvrx_discovery::{DiscoveryError, check_group};
use mvrx_message::GroupName;

use crate::args::Common;
use crate::failure::Failure;

/// The group, if stations can be seen in it.
pub(crate) fn check(common: &Common) -> Result<GroupName, Failure> {
    let name = &common.group;
    let group = GroupName::join(name)
        .map_err(|error| Failure::usage(format!("{name:?} cannot be the name of a group: {error}")))?;
    check_group(&group).map_err(|error| {
        let read_as = match &error {
            DiscoveryError::GroupReadAsAnother { read_as, .. } if !read_as.is_empty() => read_as.as_str(),
            _ => return Failure::usage(error.to_string()),
        };
        Failure::usage(format!(
            "nobody can be in the group {name:?}: a dot or an @ parts names, so every product reads {read_as:?}; take --group {read_as:?}"
        ))
    })?;
    Ok(group)
}
