//! In which groups' own service types others are looked for: our own, those that were asked for, and those that are heard of.
//!
//! Nearly everybody is announced under the base type, too. A station that is not is seen when it announces itself or answers somebody; it
//! is asked for by the type of its group, which has to be known. Where all groups are wanted it is asked which types there are.
//!
//! Limit: [`Limits::group_types`](crate::Limits) of those heard of; more are seen when they say something, but not asked for.

use lan_mdns::{Input, Name};
use mvrx_message::GroupName;

use super::{LanDiscovery, base_type, group_type};

#[derive(Debug, Default)]
pub(super) struct GroupTypes {
    asked_for: Vec<Name>,
    heard_of: Vec<Name>,
    /// All that are looked for now.
    browsed: Vec<Name>,
}

impl LanDiscovery {
    // req: DIS-GROUP-TYPES
    pub(super) fn browse_group(&mut self, group: &GroupName) {
        if let Ok(name) = type_of(group)
            && !self.groups.asked_for.contains(&name)
            && self.groups.asked_for.len() < self.options.limits.group_types
        {
            self.groups.asked_for.push(name);
            self.browse_groups();
        }
    }

    pub(super) fn browse_group_types(&mut self) {
        self.step(Input::BrowseTypes);
    }

    /// Somebody has this type.
    pub(super) fn group_type_seen(&mut self, name: Name) {
        // A group is one label; what is below it is none.
        let is_group = base_type().is_ok_and(|base| name.labels().count() == base.labels().count() + 1);
        let room = self.groups.heard_of.len() < self.options.limits.group_types;
        if is_group && room && !self.groups.heard_of.contains(&name) {
            self.groups.heard_of.push(name);
            self.browse_groups();
        }
    }

    /// Looks in all groups that are wanted now, and in those that were until now, as far as there is room: who is there was not heard to go.
    pub(super) fn browse_groups(&mut self) {
        let own: Vec<Name> = self.own.iter().filter_map(|own| group_type(&own.advertisement).ok()).collect();
        let groups = &mut self.groups;
        let limit = self.options.limits.group_types;
        let left =
            groups.browsed.iter().filter(|name| !own.contains(name) && !groups.asked_for.contains(name));
        let left: Vec<Name> = left.filter(|name| !groups.heard_of.contains(name)).cloned().collect();
        groups.heard_of.extend(left);
        groups.heard_of.truncate(limit);
        let mut wanted: Vec<Name> = Vec::new();
        for name in own.iter().chain(&groups.asked_for).chain(&groups.heard_of) {
            if !wanted.contains(name) {
                wanted.push(name.clone());
            }
        }
        let before = std::mem::replace(&mut groups.browsed, wanted.clone());
        for name in before.iter().filter(|name| !wanted.contains(name)) {
            self.step(Input::StopBrowse(name.clone()));
        }
        for name in wanted.iter().filter(|name| !before.contains(name)) {
            self.step(Input::Browse(name.clone()));
        }
    }
}

pub(super) fn type_of(group: &GroupName) -> Result<Name, lan_mdns::NameError> {
    base_type()?.below(&[group.as_str()])
}
