//! What is registered with the daemon for one advertisement.

use mdns_sd::{Error, Receiver, ServiceDaemon, ServiceInfo, TxtProperty, UnregisterStatus};
use mvrx_message::{GroupName, SERVICE_TYPE};

use crate::instance::Announced;
use crate::{Advertisement, DiscoveryError};

/// The services of one advertisement: under the base type, and under the group's own type where that fits.
#[derive(Debug)]
pub(super) struct Registration {
    pub(super) advertisement: Advertisement,
    pub(super) announced: Announced,
    services: Vec<ServiceInfo>,
}

impl Registration {
    /// Makes the records; registers nothing yet.
    // req: DIS-SERVICE, DIS-RECORDS
    pub(super) fn new(advertisement: &Advertisement, announced: Announced) -> Result<Self, DiscoveryError> {
        let mut services = vec![service(SERVICE_TYPE, &announced.instance, &announced)?];
        if let Some(group_type) = announced_group_type(&advertisement.group) {
            // Two labels on the wire: the station's, and the group's as part of the type.
            services.push(service(&group_type, &announced.station_label, &announced)?);
        }
        Ok(Self { advertisement: advertisement.clone(), announced, services })
    }

    /// Announces them, or announces them anew.
    pub(super) fn register(&self, daemon: &ServiceDaemon) -> Result<(), Error> {
        self.services.iter().try_for_each(|service| daemon.register(service.clone()))
    }

    /// Says goodbye, save for names that `next` has as well. Each receiver tells when one goodbye is out.
    pub(super) fn unregister(
        &self,
        daemon: &ServiceDaemon,
        next: Option<&Self>,
    ) -> Result<Vec<Receiver<UnregisterStatus>>, Error> {
        let stays = |name: &str| next.is_some_and(|next| next.has(name));
        let gone = self.services.iter().filter(|service| !stays(service.get_fullname()));
        gone.map(|service| daemon.unregister(service.get_fullname())).collect()
    }

    /// Whether it has a service of this full name, escaped as mdns-sd does.
    pub(super) fn has(&self, fullname: &str) -> bool {
        self.services.iter().any(|service| service.get_fullname().eq_ignore_ascii_case(fullname))
    }
}

/// The group's own service type, for questions; `None` where the group cannot be part of a type's text.
pub(super) fn group_type(group: &GroupName) -> Option<String> {
    let group = group.as_str();
    (!group.contains(['.', '\\'])).then(|| format!("{group}.{SERVICE_TYPE}"))
}

/// The group's own service type where mdns-sd announces it.
pub(super) fn announced_group_type(group: &GroupName) -> Option<String> {
    group_type(group).filter(|_| group.as_str().len() <= LONGEST_GROUP_TYPE)
}

fn service(service_type: &str, instance: &str, announced: &Announced) -> Result<ServiceInfo, DiscoveryError> {
    let txt: Vec<TxtProperty> =
        announced.txt.iter().map(|(key, value)| TxtProperty::from((key, value))).collect();
    let host = format!("{}.local.", announced.host);
    ServiceInfo::new(service_type, instance, &host, (), announced.port, txt)
        .map(ServiceInfo::enable_addr_auto)
        .map_err(|error| DiscoveryError::ResponderRefused { reason: error.to_string() })
}

/// mdns-sd lets a service name have this many bytes at most; 15 is its default and the RFC's.
pub(super) const LONGEST_SERVICE_NAME: u8 = 30;

/// It counts everything before `._tcp.local.` but one byte, so the group besides `._mvrxchange`.
pub(super) const LONGEST_GROUP_TYPE: usize = LONGEST_SERVICE_NAME as usize + 1 - "._mvrxchange".len();
