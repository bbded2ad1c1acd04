//! What one does with a server besides being a Blender.

use std::fmt;

use bytes::{Bytes, BytesMut};
use mixer_proto::client::ClientEvent;
use mixer_proto::code::{self, Fate};
use mixer_proto::frame::Frames;
use mixer_proto::json::{Json, Object};
use mixer_proto::message::{ClientMessage, JoinRoom};
use mixer_proto::primitive::Reader;
use mixer_proto::saved::SavedRoom;

use super::{Client, ClientError};

/// A room as the server lists it. Displays as one line.
#[derive(Clone, Debug, PartialEq)]
pub struct RoomInfo {
    /// Its name.
    pub name: String,
    /// All its attributes.
    pub attributes: Object,
}

/// A client as the server lists it. Displays as one line.
#[derive(Clone, Debug, PartialEq)]
pub struct ClientInfo {
    /// Its id.
    pub id: String,
    /// All its attributes.
    pub attributes: Object,
}

/// How far an operation is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Progress {
    /// Bytes of commands done.
    pub bytes: u64,
    /// Bytes of commands there are, as far as is known; may grow while a room is in use.
    pub of: u64,
}

/// A room being watched, from its first stored command on. Dropping it leaves the client in the room.
#[derive(Debug)]
pub struct Tail<'a> {
    client: &'a mut Client,
}

impl Client {
    /// Asks for all rooms.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes.
    pub async fn list_rooms(&mut self) -> Result<Vec<RoomInfo>, ClientError> {
        self.session.request(&ClientMessage::ListRooms);
        self.wait_for(|event| matches!(event, ClientEvent::RoomsListed).then_some(())).await?;
        let rooms = self.session.rooms().iter();
        Ok(rooms
            .map(|(name, attributes)| RoomInfo { name: name.to_string(), attributes: object(attributes) })
            .collect())
    }

    /// Asks for all clients.
    ///
    /// # Errors
    /// When the connection breaks or no answer comes.
    pub async fn list_clients(&mut self) -> Result<Vec<ClientInfo>, ClientError> {
        self.session.request(&ClientMessage::ListClients);
        self.wait_for(|event| matches!(event, ClientEvent::ClientsListed).then_some(())).await?;
        let clients = self.session.clients().iter();
        Ok(clients
            .map(|(id, attributes)| ClientInfo { id: id.to_string(), attributes: object(attributes) })
            .collect())
    }

    /// Enters an existing room, with the versions that the room asks for, and watches it: first its history, then what happens.
    /// Events that nobody has asked for by now are forgotten.
    ///
    /// # Errors
    /// When there is no such room or the server refuses.
    pub async fn tail(&mut self, room: &str) -> Result<Tail<'_>, ClientError> {
        self.enter(room).await?;
        Ok(Tail { client: self })
    }

    /// Reads all commands of a room and leaves it again. Events that nobody has asked for by now are forgotten.
    ///
    /// # Errors
    /// When there is no such room, the server refuses, or the room is larger than [`super::ClientOptions::saved_bytes`].
    pub async fn save_room(&mut self, room: &str) -> Result<SavedRoom, ClientError> {
        self.save_room_watched(room, |_| {}).await
    }

    /// The same, telling how far it is after each command.
    ///
    /// # Errors
    /// As [`Client::save_room`].
    pub async fn save_room_watched(
        &mut self,
        room: &str,
        mut watch: impl FnMut(Progress),
    ) -> Result<SavedRoom, ClientError> {
        self.enter(room).await?;
        let allowed = self.options.saved_bytes;
        let mut commands = BytesMut::new();
        let size = |room: &Json| room.as_object()?.find("byte_size")?.as_i64()?.try_into().ok();
        loop {
            let of = self.session.rooms().find(room).and_then(size).unwrap_or(0);
            watch(Progress { bytes: commands.len() as u64, of });
            let event = self.next_in_time().await?;
            let Some(step) = saving(&event, room) else { continue };
            match step {
                Saving::Command(frame) if commands.len() + frame.len() > allowed => {
                    let bytes = commands.len() + frame.len();
                    self.leave().await?;
                    return Err(ClientError::RoomTooLarge { bytes, allowed });
                }
                Saving::Command(frame) => commands.extend_from_slice(&frame),
                Saving::Complete => break,
                Saving::Refused(text) => return Err(ClientError::Refused { text }),
            }
        }
        let attributes = self.session.rooms().find(room).map(object).unwrap_or_default();
        self.leave().await?;
        Ok(SavedRoom { attributes, commands: commands.freeze() })
    }

    /// Creates a room with the content of a saved one, keeps it open, and leaves it. The room exists before this returns, whole or not at all.
    ///
    /// The room has the versions that the attributes `blender_version` and `mixer_version` name, and takes clients of no other, unless
    /// `ignore_version_check` is true or one of them is missing, see [`takes_every_version`].
    ///
    /// # Errors
    /// When there is such a room, or the server refuses.
    pub async fn load_room(&mut self, room: &str, saved: &SavedRoom) -> Result<(), ClientError> {
        self.load_room_watched(room, saved, |_| {}).await
    }

    /// The same, telling how far it is. What was sent of a room that the server refuses in part goes away again.
    ///
    /// # Errors
    /// As [`Client::load_room`].
    // req: MIX-FILE-2
    pub async fn load_room_watched(
        &mut self,
        room: &str,
        saved: &SavedRoom,
        watch: impl FnMut(Progress),
    ) -> Result<(), ClientError> {
        // One that never became whole may be begun anew; while its sender is still there, the server refuses.
        let whole =
            |known: &RoomInfo| known.attributes.find("joinable").and_then(Json::as_bool) != Some(false);
        if self.list_rooms().await?.iter().any(|known| known.name == room && whole(known)) {
            return Err(ClientError::RoomExists { room: room.to_owned() });
        }
        let mut join = join_with(room, &saved.attributes);
        join.ignore_version_check = takes_every_version(&saved.attributes);
        self.session.join(join)?;
        let created = self.wait_for(|event| match event {
            ClientEvent::ContentWanted { .. } => Some(Ok(())),
            ClientEvent::JoinRefused { text, .. } => Some(Err(ClientError::Refused { text: text.clone() })),
            // Somebody else was faster.
            ClientEvent::ContentCleared => Some(Err(ClientError::RoomExists { room: room.to_owned() })),
            _ => None,
        });
        match created.await.flatten() {
            Err(error @ ClientError::RoomExists { .. }) => {
                self.leave().await?;
                return Err(error);
            }
            other => other?,
        }
        let uploaded = self.upload(room, saved, watch).await;
        if let Err(ClientError::Refused { .. }) = &uploaded {
            // Not kept open yet: it ends with us, unless somebody has come in meanwhile.
            self.leave().await?;
            return uploaded;
        }
        uploaded?;
        self.leave().await
    }

    /// Fills the room that this client has just created. It is kept open only when it is whole.
    async fn upload(
        &mut self,
        room: &str,
        saved: &SavedRoom,
        mut watch: impl FnMut(Progress),
    ) -> Result<(), ClientError> {
        let mut heard = self.events.len();
        let attributes = without_server_attributes(&saved.attributes);
        if !attributes.is_empty() {
            let attributes = attributes.clone();
            self.session
                .request(&ClientMessage::SetRoomCustomAttributes { room: room.to_owned(), attributes });
        }
        let of = saved.commands.len() as u64;
        for frame in Frames::new(&saved.commands) {
            self.session.command(frame.header.code, frame.payload)?;
            if self.session.outgoing_bytes() > SEND_AT {
                self.flush().await?;
                watch(Progress { bytes: frame.range.end as u64, of });
                let refused = self.refused_since(heard);
                let sent = saved.commands.get(..frame.range.end).unwrap_or_default();
                self.unless(refused, room, |found| holds(found, sent)).await?;
                heard = self.events.len();
            }
        }
        self.session.content_sent()?;
        let refused = self.confirm_since(heard).await;
        self.unless(refused, room, |found| {
            holds(found, &saved.commands) && is_true(found, "joinable") && has(found, &attributes)
        })
        .await?;
        self.session.request(&ClientMessage::SetRoomKeepOpen { room: room.to_owned(), keep_open: true });
        let refused = self.confirm().await;
        self.unless(refused, room, |found| is_true(found, "keep_open")).await?;
        watch(Progress { bytes: of, of });
        Ok(())
    }

    /// A refusal among the events after the first `heard` ones.
    pub(super) fn refused_since(&self, heard: usize) -> Result<(), ClientError> {
        let refusal = self.events.iter().skip(heard).find_map(|event| match event {
            ClientEvent::Refused { text } => Some(ClientError::Refused { text: text.clone() }),
            _ => None,
        });
        refusal.map_or(Ok(()), Err)
    }

    /// Says whether a room outlives its last member.
    ///
    /// # Errors
    /// When there is no such room or the server refuses.
    pub async fn keep_open(&mut self, room: &str, keep_open: bool) -> Result<(), ClientError> {
        self.find(room).await?;
        self.session.request(&ClientMessage::SetRoomKeepOpen { room: room.to_owned(), keep_open });
        let refused = self.confirm().await;
        self.unless(refused, room, |found| is_true(found, "keep_open") == keep_open).await
    }

    /// Deletes an empty room.
    ///
    /// # Errors
    /// When there is no such room, or it is not empty.
    pub async fn delete_room(&mut self, room: &str) -> Result<(), ClientError> {
        self.find(room).await?;
        self.session.request(&ClientMessage::DeleteRoom { room: room.to_owned() });
        let refused = self.confirm().await;
        // The reference says nothing when it does not delete; and what others say is no refusal when it is gone.
        if self.list_rooms().await?.iter().any(|known| known.name == room) {
            return refused.and(Err(ClientError::Refused { text: format!("room {room} is not empty") }));
        }
        Ok(())
    }

    /// Leaves the room the client is in.
    ///
    /// # Errors
    /// When it is in none, or the connection breaks.
    pub async fn leave(&mut self) -> Result<(), ClientError> {
        self.session.leave()?;
        self.wait_for(|event| matches!(event, ClientEvent::Left).then_some(())).await
    }

    async fn find(&mut self, room: &str) -> Result<Object, ClientError> {
        let found = self.list_rooms().await?.into_iter().find(|known| known.name == room);
        found.map(|known| known.attributes).ok_or_else(|| ClientError::NoSuchRoom { room: room.to_owned() })
    }

    async fn enter(&mut self, room: &str) -> Result<(), ClientError> {
        let attributes = self.find(room).await?;
        // To enter one whose sender is gone would begin it anew: what is there of it would be lost.
        // req: MIX-FILE-5
        if attributes.find("joinable").and_then(Json::as_bool) == Some(false) {
            let text =
                format!("room {room} is not whole: it is still being sent, or was never sent to its end");
            return Err(ClientError::Refused { text });
        }
        // A room of this name may have come and gone before; nothing of that is about the stay that begins.
        self.events.clear();
        self.session.join(join_with(room, &attributes))?;
        let entered = self.wait_for(|event| match event {
            ClientEvent::ContentCleared => Some(Ok(true)),
            // The room was gone in between, and this client has created it.
            ClientEvent::ContentWanted { .. } => Some(Ok(false)),
            ClientEvent::JoinRefused { text, .. } => Some(Err(ClientError::Refused { text: text.clone() })),
            _ => None,
        });
        if entered.await?? {
            return Ok(());
        }
        self.leave().await?;
        Err(ClientError::NoSuchRoom { room: room.to_owned() })
    }

    /// A refusal, unless the room is as was asked for: everybody's SEND_ERROR comes to everybody and looks like a refusal.
    // req: MIX-FILE-4
    async fn unless(
        &mut self,
        refused: Result<(), ClientError>,
        room: &str,
        is_so: impl Fn(&Object) -> bool,
    ) -> Result<(), ClientError> {
        match refused {
            Err(ClientError::Refused { .. }) if self.find(room).await.is_ok_and(|found| is_so(&found)) => {
                Ok(())
            }
            other => other,
        }
    }

    /// Waits until the server has dealt with everything sent so far.
    async fn confirm(&mut self) -> Result<(), ClientError> {
        self.confirm_since(self.events.len()).await
    }

    /// The same, for everything sent since there were only `heard` events that nobody had asked for.
    async fn confirm_since(&mut self, heard: usize) -> Result<(), ClientError> {
        self.session.request(&ClientMessage::ClientId);
        self.wait_after(heard, |event| match event {
            ClientEvent::Identified { .. } => Some(Ok(())),
            ClientEvent::Refused { text } => Some(Err(ClientError::Refused { text: text.clone() })),
            _ => None,
        })
        .await?
    }
}

impl Tail<'_> {
    /// The next event, however long it takes; the room's history comes as commands before [`ClientEvent::Joined`]. Cancel-safe.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn next(&mut self) -> Result<ClientEvent, ClientError> {
        self.client.next().await
    }

    /// Leaves the room.
    ///
    /// # Errors
    /// When the connection has ended.
    pub async fn leave(self) -> Result<(), ClientError> {
        self.client.leave().await
    }
}

impl fmt::Display for RoomInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let number = |key: &str| self.attributes.find(key).map_or("?".to_owned(), Json::to_string);
        let flag = |key: &str| self.attributes.find(key).and_then(Json::as_bool).unwrap_or(false);
        write!(f, "{}: {} commands, {} bytes", self.name, number("command_count"), number("byte_size"))?;
        for (set, text) in [
            (!flag("joinable"), ", not joinable yet"),
            (flag("keep_open"), ", kept open"),
            (flag(mixer_proto::server::LOCKED), ", locked"),
        ] {
            if set {
                f.write_str(text)?;
            }
        }
        match self.attributes.find("blender_version").and_then(Json::as_str) {
            Some(version) if !version.is_empty() => write!(f, ", blender {version}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for ClientInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.id)?;
        if let Some(name) = self.attributes.find("user_name").and_then(Json::as_str) {
            write!(f, " ({name})")?;
        }
        match self.attributes.find("room").and_then(Json::as_str) {
            Some(room) => write!(f, " in {room}"),
            None => f.write_str(" in no room"),
        }
    }
}

enum Saving {
    Command(Bytes),
    Complete,
    Refused(String),
}

fn saving(event: &ClientEvent, room: &str) -> Option<Saving> {
    match event {
        ClientEvent::Command { frame, .. } => Some(Saving::Command(frame.clone())),
        ClientEvent::Joined { .. } => Some(Saving::Complete),
        ClientEvent::RoomDeleted { room: gone } if gone == room => {
            Some(Saving::Refused("the room was deleted".to_owned()))
        }
        _ => None,
    }
}

/// A join with the versions that the attributes name, which every server lets pass.
fn join_with(room: &str, attributes: &Object) -> JoinRoom {
    let text = |key: &str| attributes.find(key).and_then(Json::as_str).unwrap_or_default().to_owned();
    let flag = |key: &str| attributes.find(key).and_then(Json::as_bool).unwrap_or(false);
    JoinRoom {
        room: room.to_owned(),
        blender_version: text("blender_version"),
        mixer_version: text("mixer_version"),
        ignore_version_check: flag("ignore_version_check"),
        generic_protocol: flag("generic_protocol"),
    }
}

/// Whether a room made of these attributes of a saved one takes clients of every version: it says so, or names no version of Blender or of Mixer.
/// Servers compare versions as texts, and nobody has an empty one, so such a room would take nobody at all.
// req: MIX-FILE-3
pub fn takes_every_version(attributes: &Object) -> bool {
    let join = join_with("", attributes);
    join.ignore_version_check || join.blender_version.is_empty() || join.mixer_version.is_empty()
}

/// Whether a listed room holds as many bytes as these commands take when they are accumulated.
fn holds(room: &Object, commands: &[u8]) -> bool {
    let mut size = 0;
    let mut last: Option<(u16, &[u8], usize)> = None;
    for frame in Frames::new(commands) {
        let (code, length) = (frame.header.code, frame.range.len());
        let fate = code::fate(code);
        if fate == Some(Fate::Transient) {
            continue;
        }
        let path = Reader::new(frame.payload).string_bytes();
        if let Some((_, _, replaced)) =
            last.filter(|(same, known, _)| fate == Some(Fate::Merged) && *same == code && *known == path)
        {
            size -= replaced;
        }
        size += length;
        last = Some((code, path, length));
    }
    room.find("byte_size").and_then(Json::as_i64) == i64::try_from(size).ok()
}

fn is_true(room: &Object, key: &str) -> bool {
    room.find(key).and_then(Json::as_bool).unwrap_or(false)
}

/// Whether a listed room has these attributes, as far as they are listed at all.
fn has(room: &Object, attributes: &Object) -> bool {
    let hidden = [mixer_proto::server::PASSWORD, mixer_proto::server::ALLOW];
    let mut shown = attributes.iter().filter(|(key, _)| !hidden.iter().any(|hidden| *key == **hidden));
    shown.all(|(key, value)| room.iter().any(|(known, found)| known == key && found.python_eq(value)))
}

fn without_server_attributes(attributes: &Object) -> Object {
    attributes.iter().filter(|(key, _)| !SERVERS_OWN.iter().any(|own| *key == *own)).cloned().collect()
}

fn object(value: &Json) -> Object {
    value.as_object().cloned().unwrap_or_default()
}

const SERVERS_OWN: [&str; 10] = [
    "name",
    "keep_open",
    "blender_version",
    "mixer_version",
    "ignore_version_check",
    "generic_protocol",
    "command_count",
    "byte_size",
    "joinable",
    mixer_proto::server::LOCKED,
];
const SEND_AT: usize = 1 << 20;
