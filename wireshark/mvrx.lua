-- Wireshark dissector of MVR-xchange (TCP mode and WebSocket mode) and of Mixer. Copy it into the folder of personal Lua plugins
-- (Help, About Wireshark, Folders), or give it by hand: tshark -X lua_script:mvrx.lua -r capture.pcapng
--
-- What it shows:      packages and messages of any length, files, every key of a message as a field, and what is known to go wrong between
--                     products as expert information.
-- What it leaves out: the inside of files, and the geometry in Mixer's room commands.
-- Filters:            mvrx, mvrx.type == "MVR_COMMIT", mvrx.file_uuid contains "1234", mvrx.deviation, mixer.type == 201, mixer.path

local mvrx = Proto("mvrx", "MVR-xchange")
local mixer = Proto("mixer", "Mixer")

mvrx.prefs.whole_file = Pref.uint("Put files together up to (MiB)", 64,
    "Of a larger file only the header is shown; its bytes stay in their segments.")
mixer.prefs.port = Pref.uint("TCP port", 12800, "The port of the Mixer server; other ports by Decode As.")

---------------------------------------------------------------------------------------------------------------- JSON

local json = Dissector.get("json")

-- Its tree without its words in the columns.
local function show_json(tvb, pinfo, tree)
    local protocol, info = tostring(pinfo.cols.protocol), tostring(pinfo.cols.info)
    json:call(tvb, pinfo, tree)
    pinfo.cols.protocol = protocol
    pinfo.cols.info = info
end

local ESCAPES = { b = "\b", f = "\f", n = "\n", r = "\r", t = "\t" }

local function utf8(code)
    if code < 0x80 then return string.char(code) end
    local bytes, first = "", 0x40
    while code >= first do
        bytes, code, first = string.char(0x80 + code % 64) .. bytes, math.floor(code / 64), first / 2
    end
    return string.char(256 - 2 * first + code) .. bytes
end

-- The text that a JSON string stands for.
local function unescaped(content)
    local parts, at = {}, 1
    while true do
        local escape = content:find("\\", at, true)
        table.insert(parts, content:sub(at, (escape or 0) - 1))
        if not escape then return table.concat(parts) end
        local char, code = content:sub(escape + 1, escape + 1), content:match("^u(%x%x%x%x)", escape + 1)
        local low = code and code:match("^[dD][89aAbB]") and content:match("^\\u([dD][c-fC-F]%x%x)", escape + 6)
        if low then
            table.insert(parts, utf8(0x10000 + (tonumber(code, 16) - 0xD800) * 0x400 + tonumber(low, 16) - 0xDC00))
        else
            table.insert(parts, code and utf8(tonumber(code, 16)) or ESCAPES[char] or char)
        end
        at = escape + (low and 12 or code and 6 or 2)
    end
end

-- Calls found(key, value, from, to, depth, kind) for each member of each object of a JSON text; from and to count from 1 within the text.
-- kind is "string", "number", "word", "object" or "array". A text that is no JSON gives what can be read of it; the JSON dissector says why.
local function members(text, found)
    local at, depth, key = 1, 0, nil
    while at <= #text do
        local char = text:sub(at, at)
        if char == '"' then
            local last = text:find('["\\]', at + 1)
            while last and text:sub(last, last) == "\\" do last = text:find('["\\]', last + 2) end
            last = last or #text + 1
            local content = unescaped(text:sub(at + 1, last - 1))
            local colon = key == nil and text:match("^%s*:()", last + 1)
            if colon then
                key, at = content, colon
            else
                if key then found(key, content, at + 1, math.max(at + 1, last - 1), depth, "string") end
                key, at = nil, last + 1
            end
        elseif char == "{" or char == "[" then
            if key then found(key, "", at, at, depth, char == "{" and "object" or "array") end
            key, depth, at = nil, depth + 1, at + 1
        elseif char == "}" or char == "]" then
            key, depth, at = nil, depth - 1, at + 1
        else
            local word = key and text:match("^[%w%.%+%-]+", at)
            if word then
                found(key, word, at, at + #word - 1, depth, word:match("^[%d%-]") and "number" or "word")
                key, at = nil, at + #word
            else
                at = at + 1
            end
        end
    end
end

---------------------------------------------------------------------------------------------------------------- MVR-xchange

local HEADER, MAGIC, VERSION = 28, 778682, 1
local START = "\0\11\225\186\0\0\0\1"

local package = {
    version = ProtoField.uint32("mvrx.package.version", "Version"),
    number = ProtoField.uint32("mvrx.package.number", "Number"),
    count = ProtoField.uint32("mvrx.package.count", "Count"),
    kind = ProtoField.uint32("mvrx.package.type", "Type", base.DEC, { [0] = "JSON", [1] = "file" }),
    length = ProtoField.uint64("mvrx.package.length", "Payload length"),
}
local file = ProtoField.bytes("mvrx.file", "File")
local file_bytes = ProtoField.bytes("mvrx.file_bytes", "Bytes of a file")
local message_field = ProtoField.string("mvrx.message", "Message", base.UNICODE)

-- Keys of messages, and the fields they are shown as.
local keys = {
    Type = "type", OK = "ok", Message = "text", Provider = "provider", StationName = "station_name", StationUUID = "station_uuid",
    FromStationUUID = "from_station_uuid", FromStationsUUID = "from_stations_uuid", ForStationsUUID = "for_stations_uuid",
    FileUUID = "file_uuid", FileName = "file_name", FileSize = "file_size", Comment = "comment", verMajor = "ver_major",
    verMinor = "ver_minor", Commits = "commits", Files = "files", ServiceName = "service_name", ServiceURL = "service_url",
    Password = "password", mvrx = "ours",
}
local fields = {}
for key, name in pairs(keys) do
    fields[key] = ProtoField.string("mvrx." .. name, key, base.UNICODE)
end
mvrx.fields = { package.version, package.number, package.count, package.kind, package.length, file, file_bytes, message_field }
for _, field in pairs(fields) do table.insert(mvrx.fields, field) end

local deviation = ProtoExpert.new("mvrx.deviation", "Differs from the specification", expert.group.PROTOCOL, expert.severity.WARN)
local refused = ProtoExpert.new("mvrx.refused", "Refused", expert.group.RESPONSE_CODE, expert.severity.NOTE)
local deadly = ProtoExpert.new("mvrx.deadly", "Some products end at this message", expert.group.PROTOCOL, expert.severity.ERROR)
mvrx.experts = { deviation, refused, deadly }

local NIL = "00000000-0000-0000-0000-000000000000"
local WORDS = { ["true"] = true, ["false"] = true }

-- What is worth a word about one member of a message.
local function remark(kind, key, value, shape)
    if key == "OK" and shape == "string" then return deviation, "OK is a text, not a boolean" end
    if key == "OK" and value == "false" then return refused, "the answer is no" end
    if (key == "verMajor" or key == "verMinor" or key == "FileSize") and shape == "string" then
        return deviation, key .. " is a text, not a number"
    end
    if key == "Files" then return deviation, "commits under the name Files" end
    if value == NIL and key:match("UUID$") then return deviation, key .. " is nil" end
    if kind == "MVR_REQUEST" and key == "FileUUID" and value == "" then return deadly, "REQUEST without FileUUID" end
    if key == "Type" and value:match("^MVR_NEW_SESSION_HOST$") then return deadly, "libMVRgdtf's example ends at NEW_SESSION_HOST" end
    return nil
end

local function brief(seen)
    local parts = { seen.Type or "JSON without Type" }
    if seen.StationName and seen.StationName ~= "" then table.insert(parts, '"' .. seen.StationName .. '"') end
    if seen.FileName and seen.FileName ~= "" then table.insert(parts, seen.FileName) end
    if seen.Comment and seen.Comment ~= "" then table.insert(parts, '"' .. seen.Comment .. '"') end
    if seen.OK == "false" then table.insert(parts, "refused: " .. (seen.Message or "")) end
    return table.concat(parts, " ")
end

local function dissect_message(range, pinfo, tree)
    local text = range:raw()
    local kind, seen = text:match('"Type"%s*:%s*"([^"]*)"'), {}
    members(text, function(key, value, from, to, depth, shape)
        if depth == 1 and seen[key] == nil then seen[key] = value end
        local field = fields[key]
        if not field then return end
        local part = to >= from and range(from - 1, math.min(to, #text) - from + 1) or range(from - 1, 0)
        local item = tree:add(field, part, value)
        local which, words = remark(kind, key, value, shape)
        if which then item:add_proto_expert_info(which, words) end
    end)
    tree:append_text(", " .. brief(seen))
    pinfo.cols.info:append(" " .. brief(seen))
    show_json(range:tvb(), pinfo, tree)
end

local function dissect_package(tvb, pinfo, root)
    pinfo.cols.protocol = "MVR-xchange"
    if tvb:raw(0, math.min(8, tvb:len())) ~= START then
        local tree = root:add(mvrx, tvb(), "MVR-xchange, bytes of a file")
        tree:add(file_bytes, tvb())
        pinfo.cols.info:append(" bytes of a file")
        return tvb:len()
    end
    local kind, number, count = tvb(16, 4):uint(), tvb(8, 4):uint(), tvb(12, 4):uint()
    local length = tonumber(tostring(tvb(20, 8):uint64()))
    local tree = root:add(mvrx, tvb())
    tree:add(package.version, tvb(4, 4))
    local at = tree:add(package.number, tvb(8, 4))
    tree:add(package.count, tvb(12, 4))
    tree:add(package.kind, tvb(16, 4))
    tree:add(package.length, tvb(20, 8))
    if not (number == 0 and count == 1) then
        at:add_proto_expert_info(deviation, ("package %d of %d; most products read number 0 of 1 alone"):format(number, count))
    end
    local here = tvb:len() - HEADER
    if kind == 1 then
        tree:append_text((", file of %s bytes"):format(length))
        pinfo.cols.info:append((" file of %s bytes"):format(length))
        if here > 0 then tree:add(file, tvb(HEADER, here)) end
    elseif here > 0 then
        dissect_message(tvb(HEADER, here), pinfo, tree)
    end
    return tvb:len()
end

-- The length of what begins there: a package; a header alone, of a file too large to put together; bytes of such a file up to the next
-- package.
local function package_length(tvb, _, offset)
    local left = tvb:len() - offset
    if tvb:raw(offset, math.min(8, left)) ~= START then
        local next = tvb:raw(offset, left):find(START, 2, true)
        return next and next - 1 or left
    end
    local length = tonumber(tostring(tvb(offset + 20, 8):uint64()))
    local is_file = tvb(offset + 16, 4):uint() == 1
    if is_file and length > mvrx.prefs.whole_file * 1048576 then return HEADER end
    return HEADER + length
end

function mvrx.dissector(tvb, pinfo, root)
    pinfo.cols.info:clear()
    dissect_tcp_pdus(tvb, root, HEADER, package_length, dissect_package)
    return tvb:len()
end

mvrx:register_heuristic("tcp", function(tvb, pinfo, root)
    if tvb:len() < HEADER or tvb(0, 4):uint() ~= MAGIC or tvb(4, 4):uint() ~= VERSION then return false end
    pinfo.conversation = mvrx
    mvrx.dissector(tvb, pinfo, root)
    return true
end)

-- WebSocket mode: the frames are Wireshark's affair; texts are messages, binary messages are files.
mvrx:register_heuristic("ws", function(tvb, pinfo, root)
    local start = tvb:raw(0, math.min(4, tvb:len()))
    if start:sub(1, 1) == "{" and tvb:raw():find('"Type"%s*:%s*"MVR_') then
        pinfo.cols.protocol = "MVR-xchange"
        pinfo.cols.info:append(",")
        dissect_message(tvb(), pinfo, root:add(mvrx, tvb()))
        return true
    end
    if start == "PK\3\4" then
        pinfo.cols.protocol = "MVR-xchange"
        local tree = root:add(mvrx, tvb(), ("MVR-xchange, file or part of one, %d bytes"):format(tvb:len()))
        tree:add(file, tvb())
        pinfo.cols.info:append((", file, %d bytes"):format(tvb:len()))
        return true
    end
    return false
end)

---------------------------------------------------------------------------------------------------------------- Mixer

local FRAME = 14
local names = {
    [1] = "JOIN_ROOM", [3] = "LEAVE_ROOM", [4] = "LIST_ROOMS", [5] = "CONTENT", [6] = "CLEAR_CONTENT", [7] = "DELETE_ROOM",
    [11] = "SET_CLIENT_NAME", [12] = "SEND_ERROR", [14] = "LIST_CLIENTS", [15] = "SET_CLIENT_CUSTOM_ATTRIBUTES",
    [16] = "SET_ROOM_CUSTOM_ATTRIBUTES", [17] = "SET_ROOM_KEEP_OPEN", [18] = "CLIENT_ID", [19] = "CLIENT_UPDATE", [20] = "ROOM_UPDATE",
    [21] = "ROOM_DELETED", [22] = "CLIENT_DISCONNECTED", [100] = "COMMAND", [200] = "OPTIMIZED_COMMANDS",
    [999] = "END_OPTIMIZED_COMMANDS", [1000] = "CLIENT_ID_WRAPPER",
}
local function name_from(first, list)
    for name in list:gmatch("%S+") do
        names[first] = name
        first = first + 1
    end
end
name_from(101, [[DELETE CAMERA LIGHT _MESHCONNECTION_DEPRECATED RENAME DUPLICATE SEND_TO_TRASH RESTORE_FROM_TRASH TEXTURE
    ADD_COLLECTION_TO_COLLECTION REMOVE_COLLECTION_FROM_COLLECTION ADD_OBJECT_TO_COLLECTION REMOVE_OBJECT_FROM_COLLECTION
    ADD_OBJECT_TO_SCENE ADD_COLLECTION_TO_SCENE INSTANCE_COLLECTION COLLECTION COLLECTION_REMOVED SET_SCENE GREASE_PENCIL_MESH
    GREASE_PENCIL_MATERIAL GREASE_PENCIL_CONNECTION GREASE_PENCIL_TIME_OFFSET FRAME_START_END ANIMATION REMOVE_OBJECT_FROM_SCENE
    REMOVE_COLLECTION_FROM_SCENE SCENE _SCENE_REMOVED_DEPRECATED ADD_OBJECT_TO_VRTIST OBJECT_VISIBILITY GROUP_BEGIN GROUP_END
    _SCENE_RENAMED_DEPRECATED ADD_KEYFRAME REMOVE_KEYFRAME MOVE_KEYFRAME QUERY_CURRENT_FRAME QUERY_ANIMATION_DATA BLENDER_DATA_UPDATE
    _CAMERA_ATTRIBUTES _LIGHT_ATTRIBUTES BLENDER_DATA_REMOVE BLENDER_DATA_RENAME CLEAR_ANIMATIONS CURRENT_CAMERA
    SHOT_MANAGER_MONTAGE_MODE SHOT_MANAGER_CONTENT SHOT_MANAGER_CURRENT_SHOT SHOT_MANAGER_ACTION BLENDER_DATA_CREATE
    BLENDER_DATA_MEDIA EMPTY ADD_CONSTRAINT REMOVE_CONSTRAINT ASSET_BANK SAVE]])
name_from(201, "TRANSFORM MESH MATERIAL ASSIGN_MATERIAL FRAME PLAY PAUSE WORLD_SKY")

local frame = {
    size = ProtoField.uint64("mixer.size", "Payload size"),
    id = ProtoField.uint32("mixer.id", "Command id"),
    kind = ProtoField.uint16("mixer.type", "Type", base.DEC, names),
    room = ProtoField.string("mixer.room", "Room", base.UNICODE),
    blender = ProtoField.string("mixer.blender_version", "Version of Blender", base.UNICODE),
    mixer = ProtoField.string("mixer.mixer_version", "Version of Mixer", base.UNICODE),
    client = ProtoField.string("mixer.client", "Client", base.UNICODE),
    text = ProtoField.string("mixer.error", "Error", base.UNICODE),
    path = ProtoField.string("mixer.path", "Path", base.UNICODE),
    flag = ProtoField.bool("mixer.keep_open", "Keep open"),
    json = ProtoField.string("mixer.json", "JSON", base.UNICODE),
    payload = ProtoField.bytes("mixer.payload", "Payload"),
}
for _, field in pairs(frame) do table.insert(mixer.fields, field) end
local unknown = ProtoExpert.new("mixer.unknown", "Type outside the table", expert.group.PROTOCOL, expert.severity.WARN)
local short = ProtoExpert.new("mixer.short", "Shorter than it says", expert.group.MALFORMED, expert.severity.WARN)
mixer.experts = { unknown, short }

-- A string with its length in front, as a field. Returns where it ends and what it says; nil where the payload has ended.
local function text_at(payload, at, field, tree)
    if not payload or payload:len() < at + 4 then return nil end
    local length = payload(at, 4):le_uint()
    local there = math.min(length, payload:len() - at - 4)
    local part = payload(at, 4 + there)
    local text = there > 0 and payload(at + 4, there):raw() or ""
    local item = tree:add(field, part, text)
    if there < length then item:add_proto_expert_info(short, ("%d of %d bytes"):format(there, length)) end
    return at + 4 + there, text
end

local function json_at(payload, at, pinfo, tree)
    local ends, text = text_at(payload, at, frame.json, tree)
    if ends and #text > 0 then show_json(payload(at + 4, #text):tvb(), pinfo, tree) end
end

local function whole(payload, field, tree)
    if payload then tree:add(field, payload, payload:raw()) end
    return payload and payload:raw()
end

-- By type: shows the payload and returns what is worth a place in the list of packets.
local shown = {
    [1] = function(payload, _, tree)
        local at, room = text_at(payload, 0, frame.room, tree)
        at = at and text_at(payload, at, frame.blender, tree)
        at = at and text_at(payload, at, frame.mixer, tree)
        return room
    end,
    [7] = function(payload, _, tree) return whole(payload, frame.room, tree) end,
    [11] = function(payload, _, tree) return whole(payload, frame.client, tree) end,
    [12] = function(payload, _, tree) return select(2, text_at(payload, 0, frame.text, tree)) end,
    [16] = function(payload, pinfo, tree)
        local at, room = text_at(payload, 0, frame.room, tree)
        if at then json_at(payload, at, pinfo, tree) end
        return room
    end,
    [17] = function(payload, _, tree)
        local at, room = text_at(payload, 0, frame.room, tree)
        if at and payload:len() >= at + 4 then tree:add(frame.flag, payload(at, 4), payload(at, 4):le_uint() == 1) end
        return room
    end,
    [18] = function(payload, _, tree) return whole(payload, frame.client, tree) end,
    [21] = function(payload, _, tree) return select(2, text_at(payload, 0, frame.room, tree)) end,
    [22] = function(payload, _, tree) return select(2, text_at(payload, 0, frame.client, tree)) end,
}
for _, kind in ipairs({ 4, 14, 15, 19, 20 }) do
    shown[kind] = function(payload, pinfo, tree) json_at(payload, 0, pinfo, tree) end
end
for kind = 201, 208 do
    shown[kind] = function(payload, _, tree)
        local _, path = text_at(payload, 0, frame.path, tree)
        if payload then tree:add(frame.payload, payload) end
        return path
    end
end

local function dissect_frame(tvb, pinfo, root)
    pinfo.cols.protocol = "Mixer"
    local kind = tvb(12, 2):le_uint()
    local name = names[kind] or ("type " .. kind)
    local tree = root:add(mixer, tvb(), "Mixer, " .. name)
    tree:add_le(frame.size, tvb(0, 8))
    tree:add_le(frame.id, tvb(8, 4))
    local item = tree:add_le(frame.kind, tvb(12, 2))
    if not names[kind] then item:add_proto_expert_info(unknown, "Blender's client fails at it") end
    local payload = tvb:len() > FRAME and tvb(FRAME) or nil
    local show = shown[kind]
    local words
    if show then
        words = show(payload, pinfo, tree)
    elseif payload then
        tree:add(frame.payload, payload)
    end
    words = words and words ~= "" and (name .. " " .. words) or name
    pinfo.cols.info:append(" " .. words)
    return tvb:len()
end

function mixer.dissector(tvb, pinfo, root)
    pinfo.cols.info:clear()
    dissect_tcp_pdus(tvb, root, FRAME, function(buffer, _, offset)
        return FRAME + tonumber(tostring(buffer(offset, 8):le_uint64()))
    end, dissect_frame)
    return tvb:len()
end

local ports, port = DissectorTable.get("tcp.port"), nil
local function listen()
    if port == mixer.prefs.port then return end
    if port then ports:remove(port, mixer) end
    port = mixer.prefs.port
    ports:add(port, mixer)
end
function mixer.prefs_changed() listen() end
listen()
