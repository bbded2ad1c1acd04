//! `mvrx mixer rooms`, `clients`, `tail`, `keep-open`, `delete`.

use std::io::{self, Write};

use mixer::{Client, ClientError, ClientEvent, command_name, describe};
use mvrx_node::rooms::plain;
use serde_json::{Value, json};

use super::args::{Delete, KeepOpen, List, Switch, Tail};
use super::{connect, unless_stopped};
use crate::failure::Failure;
use crate::{show, station};

pub(super) async fn list_rooms(args: List) -> Result<(), Failure> {
    let mut client = connect(&args.reach).await?;
    let rooms = client.list_rooms().await?;
    if args.json {
        let rooms: Vec<Value> = rooms.iter().map(plain::room).collect();
        show::document(&json!({ "schema": show::SCHEMA, "rooms": rooms }));
    } else if rooms.is_empty() {
        show::note("no rooms");
    } else {
        rooms.iter().for_each(|room| show::line(&show::tame(&room.to_string())));
    }
    Ok(())
}

pub(super) async fn list_clients(args: List) -> Result<(), Failure> {
    let mut client = connect(&args.reach).await?;
    let own = client.id().map(str::to_owned);
    let mut clients = client.list_clients().await?;
    // We look for a moment only.
    clients.retain(|client| Some(&client.id) != own.as_ref());
    if args.json {
        let clients: Vec<Value> = clients.iter().map(|client| plain::object(&client.attributes)).collect();
        show::document(&json!({ "schema": show::SCHEMA, "clients": clients }));
    } else if clients.is_empty() {
        show::note("nobody is connected");
    } else {
        clients.iter().for_each(|client| show::line(&show::tame(&client.to_string())));
    }
    Ok(())
}

pub(super) async fn tail(args: Tail) -> Result<(), Failure> {
    let mut client = connect(&args.reach).await?;
    let result = tokio::select! {
        result = watch(&mut client, &args) => result,
        () = station::interrupted() => Ok(()),
    };
    // Whoever stays must not see us in the room for ever; a connection that broke has no room any more.
    match client.leave().await {
        Err(error) if result.is_ok() && !matches!(error, ClientError::NotNow(_)) => Err(error.into()),
        _ => result,
    }
}

async fn watch(client: &mut Client, args: &Tail) -> Result<(), Failure> {
    let mut tail = client.tail(&args.room).await?;
    let mut history = true;
    loop {
        let event = tail.next().await?;
        let entered = matches!(&event, ClientEvent::Joined { .. });
        let line = match args.json {
            true => document(&event, history && !entered).to_string(),
            false => show::tame(&describe(&event)),
        };
        // Nobody reads any more (`| head`): then nobody is to see us in the room.
        if writeln!(io::stdout().lock(), "{line}").is_err() {
            return Ok(());
        }
        if entered {
            if args.history {
                return Ok(());
            }
            history = false;
        }
        if matches!(&event, ClientEvent::RoomDeleted { room } if *room == args.room) {
            return Err(Failure::nobody(format!("room {} is gone", show::tame(&args.room))));
        }
    }
}

fn document(event: &ClientEvent, history: bool) -> Value {
    let text = describe(event);
    let named = |kind: &str| json!({ "schema": show::SCHEMA, "event": kind, "text": text });
    let mut document = match event {
        ClientEvent::Command { .. } => named("command"),
        ClientEvent::RoomChanged { .. } => named("room"),
        ClientEvent::ClientChanged { .. } => named("client"),
        ClientEvent::RoomDeleted { .. } => named("room_deleted"),
        ClientEvent::ClientGone { .. } => named("client_gone"),
        ClientEvent::ContentCleared => named("history_begins"),
        ClientEvent::Joined { .. } => named("history_complete"),
        ClientEvent::Refused { .. } => named("error"),
        _ => named("other"),
    };
    let mut set = |key: &str, value: Value| {
        if let Some(fields) = document.as_object_mut() {
            fields.insert(key.to_owned(), value);
        }
    };
    match event {
        ClientEvent::Command { code, frame } => {
            set("type", (*code).into());
            set("name", command_name(*code).into());
            set("bytes", frame.len().into());
            set("history", history.into());
        }
        ClientEvent::RoomChanged { room, changes } => {
            set("room", room.as_str().into());
            set("changes", plain::object(changes));
        }
        ClientEvent::ClientChanged { id, changes } => {
            set("id", id.as_str().into());
            set("changes", plain::object(changes));
        }
        ClientEvent::RoomDeleted { room } | ClientEvent::Joined { room } => set("room", room.as_str().into()),
        ClientEvent::ClientGone { id } => set("id", id.as_str().into()),
        _ => {}
    }
    document
}

pub(super) async fn keep_open(args: KeepOpen) -> Result<(), Failure> {
    let mut client = connect(&args.reach).await?;
    let keep = args.keep == Switch::On;
    unless_stopped(async { Ok(client.keep_open(&args.room, keep).await?) }).await?;
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "room": args.room, "keep_open": keep }));
        return Ok(());
    }
    let room = show::tame(&args.room);
    show::note(&if keep {
        format!("{room} stays when nobody is in it")
    } else {
        format!("{room} ends when the last one leaves it; an empty one is deleted with `mvrx mixer delete`")
    });
    Ok(())
}

pub(super) async fn delete(args: Delete) -> Result<(), Failure> {
    let mut client = connect(&args.reach).await?;
    unless_stopped(async { Ok(client.delete_room(&args.room).await?) }).await?;
    if args.json {
        show::document(&json!({ "schema": show::SCHEMA, "room": args.room, "deleted": true }));
    } else {
        show::note(&format!("{} is deleted", show::tame(&args.room)));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use mixer::{Object, RoomInfo};

    use super::plain;

    #[test]
    fn room_that_is_listed_without_a_name_has_it_in_json() {
        let attributes: Object = [("command_count".into(), 3_i64.into())].into_iter().collect();
        let room = RoomInfo { name: "stage".to_owned(), attributes };
        assert_eq!(plain::room(&room), serde_json::json!({ "name": "stage", "command_count": 3 }));
    }
}
