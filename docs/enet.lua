-- A Wireshark dissector for ENet 1.3, as Godot and enet_rs speak it.
--
-- Copy this file into Wireshark's folder of personal Lua plugins (Help > About > Folders), or start with
--     wireshark -X lua_script:enet.lua capture.pcapng
-- Connections are recognised by their CONNECT, and captures of enet_rs as a whole. For another capture that begins
-- later, choose Analyze > Decode As, UDP port, ENet; or name the ports in the preferences of the protocol.
--
-- A datagram does not say how it is compressed: all of Godot's compressions are tried, and the one whose result is a
-- row of complete commands is taken. Zstandard takes Wireshark 4.4 or newer. Captures of enet_rs are expanded and
-- decrypted already, unless they were asked to be "plain": false.
--
-- Written without integer operators, for Lua 5.2 (Wireshark before 4.4) as well as for 5.4.

local enet = Proto("enet", "ENet")

local COMPRESSED, SENT_TIME = 0x4000, 0x8000
local NO_PEER = 0xfff
local MAXIMUM_SIZE = 4096

local command_names = {
	[1] = "ACKNOWLEDGE", [2] = "CONNECT", [3] = "VERIFY_CONNECT", [4] = "DISCONNECT", [5] = "PING",
	[6] = "SEND_RELIABLE", [7] = "SEND_UNRELIABLE", [8] = "SEND_FRAGMENT", [9] = "SEND_UNSEQUENCED",
	[10] = "BANDWIDTH_LIMIT", [11] = "THROTTLE_CONFIGURE", [12] = "SEND_UNRELIABLE_FRAGMENT",
}
-- Bytes of each command without its payload.
local command_sizes = { 8, 48, 44, 8, 4, 6, 8, 24, 8, 12, 16, 24 }
-- Where commands with a payload have its length.
local length_offsets = { [6] = 4, [7] = 6, [8] = 6, [9] = 6, [12] = 6 }

local f = enet.fields
f.peer = ProtoField.uint16("enet.peer", "Peer", base.DEC, nil, 0x0fff, "The receiver's slot; 4095 before there is one")
f.session = ProtoField.uint16("enet.session", "Session", base.DEC, nil, 0x3000)
f.compressed = ProtoField.bool("enet.compressed", "Compressed", 16, nil, COMPRESSED)
f.has_sent_time = ProtoField.bool("enet.has_sent_time", "Has sent time", 16, nil, SENT_TIME)
f.sent_time = ProtoField.uint16("enet.sent_time", "Sent time", base.DEC, nil, nil, "Milliseconds, low 16 bits")
f.checksum = ProtoField.uint32("enet.checksum", "Checksum", base.HEX)
f.compression = ProtoField.string("enet.compression", "Compression")
f.expanded = ProtoField.uint16("enet.expanded", "Expanded size", base.DEC, nil, nil, "Bytes of the commands")
f.command = ProtoField.uint8("enet.command", "Command", base.DEC, command_names, 0x0f)
f.acknowledge = ProtoField.bool("enet.command.acknowledge", "Wants an acknowledgement", 8, nil, 0x80)
f.unsequenced = ProtoField.bool("enet.command.unsequenced", "Unsequenced", 8, nil, 0x40)
f.repeated = ProtoField.bool("enet.command.repeated", "Repeated", 8, nil, 0x20)
f.channel = ProtoField.uint8("enet.channel", "Channel", base.DEC, { [255] = "connection" })
f.sequence = ProtoField.uint16("enet.sequence", "Reliable sequence number")
f.unreliable_sequence = ProtoField.uint16("enet.unreliable_sequence", "Unreliable sequence number")
f.group = ProtoField.uint16("enet.group", "Unsequenced group")
f.received_sequence = ProtoField.uint16("enet.received_sequence", "Acknowledged sequence number")
f.received_sent_time = ProtoField.uint16("enet.received_sent_time", "Acknowledged sent time")
f.outgoing_peer = ProtoField.uint16("enet.outgoing_peer", "Sender's slot")
f.incoming_session = ProtoField.uint8("enet.incoming_session", "Incoming session")
f.outgoing_session = ProtoField.uint8("enet.outgoing_session", "Outgoing session")
f.mtu = ProtoField.uint32("enet.mtu", "MTU")
f.window = ProtoField.uint32("enet.window", "Window size")
f.channels = ProtoField.uint32("enet.channels", "Channels")
f.incoming_bandwidth = ProtoField.uint32("enet.incoming_bandwidth", "Incoming bandwidth", base.DEC, nil, nil,
	"Bytes per second, 0 = no limit")
f.outgoing_bandwidth = ProtoField.uint32("enet.outgoing_bandwidth", "Outgoing bandwidth", base.DEC, nil, nil,
	"Bytes per second, 0 = no limit")
f.throttle_interval = ProtoField.uint32("enet.throttle_interval", "Throttle interval")
f.throttle_acceleration = ProtoField.uint32("enet.throttle_acceleration", "Throttle acceleration")
f.throttle_deceleration = ProtoField.uint32("enet.throttle_deceleration", "Throttle deceleration")
f.connect_id = ProtoField.bytes("enet.connect_id", "Connect id")
f.data = ProtoField.uint32("enet.data", "Data")
f.length = ProtoField.uint16("enet.length", "Payload length")
f.start_sequence = ProtoField.uint16("enet.fragment.start", "Sequence number of the first fragment")
f.fragment_count = ProtoField.uint32("enet.fragment.count", "Fragments")
f.fragment_number = ProtoField.uint32("enet.fragment.number", "Fragment")
f.total_length = ProtoField.uint32("enet.fragment.total", "Message length")
f.fragment_offset = ProtoField.uint32("enet.fragment.offset", "Offset")
f.payload = ProtoField.bytes("enet.payload", "Payload")
f.repeats = ProtoField.framenum("enet.repeats", "Repeats a command of", base.NONE, frametype.RETRANS_PREV)

local e = enet.experts
e.malformed = ProtoExpert.new("enet.malformed", "Malformed ENet datagram", expert.group.MALFORMED, expert.severity.ERROR)
e.unreadable = ProtoExpert.new("enet.unreadable", "Compressed in a way that is not known here",
	expert.group.UNDECODED, expert.severity.NOTE)
e.cut = ProtoExpert.new("enet.cut", "The capture does not hold all of this datagram", expert.group.UNDECODED,
	expert.severity.NOTE)
e.repeated = ProtoExpert.new("enet.repeated", "Sent before", expert.group.SEQUENCE, expert.severity.NOTE)

enet.prefs.ports = Pref.range("UDP ports", "", "Ports that are ENet's, whatever passes there", 65535)
enet.prefs.checksum = Pref.bool("Checksum", false, "Datagrams have a checksum, which Godot's do not")

-- Godot's compressions. Each takes a string and returns the expanded one, or nil if it is no such data. What is expanded
-- is bounded as in ENet, so that no capture can make this work for ever.

local floor, char, unpack = math.floor, string.char, table.unpack or unpack

local function fastlz(input)
	local out, at, size = {}, 2, #input
	local control = input:byte(1)
	if not control or control >= 64 then return nil end
	local is_far = control >= 32
	control = control % 32
	while true do
		if control >= 32 then
			local length, distance = floor(control / 32) - 1, control % 32 * 256
			if length == 6 then
				repeat
					local more = input:byte(at)
					if not more then return nil end
					length, at = length + more, at + 1
				until not is_far or more ~= 255
			end
			local low = input:byte(at)
			if not low then return nil end
			at = at + 1
			if is_far and low == 255 and distance == 31 * 256 then
				local high, lower = input:byte(at, at + 1)
				if not lower then return nil end
				at, distance = at + 2, high * 256 + lower + 8191
			else
				distance = distance + low
			end
			local from = #out - distance
			if from < 1 or #out + length + 3 > MAXIMUM_SIZE then return nil end
			for offset = 0, length + 2 do out[#out + 1] = out[from + offset] end
		else
			if at + control > size or #out + control >= MAXIMUM_SIZE then return nil end
			for offset = 0, control do out[#out + 1] = input:byte(at + offset) end
			at = at + control + 1
		end
		if at > size then return char(unpack(out)) end
		control, at = input:byte(at), at + 1
	end
end

local function lz4(input)
	local out, at, size = {}, 1, #input
	local function extended(length)
		if length ~= 15 then return length end
		repeat
			local more = input:byte(at)
			if not more or length > MAXIMUM_SIZE then return nil end
			length, at = length + more, at + 1
		until more ~= 255
		return length
	end
	while at <= size do
		local token = input:byte(at)
		at = at + 1
		local literals = extended(floor(token / 16))
		if not literals or at + literals - 1 > size or #out + literals > MAXIMUM_SIZE then return nil end
		for offset = 0, literals - 1 do out[#out + 1] = input:byte(at + offset) end
		at = at + literals
		if at > size then break end
		local low, high = input:byte(at, at + 1)
		if not high then return nil end
		at = at + 2
		local length = extended(token % 16)
		local distance = high * 256 + low
		if not length or distance == 0 or distance > #out or #out + length + 4 > MAXIMUM_SIZE then return nil end
		for _ = 1, length + 4 do out[#out + 1] = out[#out + 1 - distance] end
	end
	return char(unpack(out))
end

-- ENet's range coder: an adaptive model of the last two bytes, the last one, and none.
local function range_coder(input)
	local WORD, TOP, BOTTOM = 2 ^ 32, 2 ^ 24, 2 ^ 16
	local at, low, range, code = 1, 0, WORD - 1, 0
	local function next_byte()
		local byte = input:byte(at) or 0
		at = at + 1
		return byte
	end
	for _ = 1, 4 do code = code * 256 + next_byte() end

	local function position(total)
		range = floor(range / total)
		return floor((code - low) % WORD / range)
	end
	local function take(start, size)
		low, range = (low + start * range) % WORD, range * size % WORD
		while true do
			if floor(low / TOP) ~= floor((low + range) % WORD / TOP) then
				if range >= BOTTOM then return true end
				range = -low % BOTTOM
				if range == 0 then return false end
			end
			code = code * 256 % WORD + next_byte()
			low, range = low * 256 % WORD, range * 256 % WORD
		end
	end
	local function at_position(counts, start, place)
		for value = 0, 255 do
			local count = counts[value]
			if count then
				if place < start + count then return value, start, count end
				start = start + count
			end
		end
	end

	local function context() return { counts = {}, links = {}, symbols = 0, escapes = 0, total = 0 } end
	local function counted(model, size)
		model.total = model.total + 2
		if size <= 251 and model.total <= 0xff00 then return end
		model.escapes = model.escapes - floor(model.escapes / 2)
		model.total = model.escapes
		for value, count in pairs(model.counts) do
			model.counts[value] = count - floor(count / 2)
			model.total = model.total + model.counts[value]
		end
	end
	local function add(model, value, link)
		model.symbols = model.symbols + 1
		model.counts[value], model.links[value] = 2, link
		model.escapes, model.total = model.escapes + 5, model.total + 5
		counted(model, 0)
	end

	local root, root_total, singles, pair, single, symbols
	local function clear()
		root, root_total, singles, symbols = {}, 257, {}, 0
		for value = 0, 255 do root[value] = 1 end
		pair, single = context(), context()
	end
	-- A symbol seen in the context and its link; false for one that is new there, nil for corrupt data.
	local function seen(model)
		if model.symbols == 0 then return false end
		local place = position(model.total)
		if place < model.escapes then
			if not take(0, model.escapes) then return nil end
			return false
		end
		local value, start, size = at_position(model.counts, model.escapes, place)
		if not value or not take(start, size) then return nil end
		model.counts[value] = size + 2
		counted(model, size)
		return value, model.links[value]
	end
	local function new_symbol()
		local place = position(root_total)
		if place < 1 then return -1 end
		local value, start, size = at_position(root, 1, place)
		if not value or not take(start, size) then return nil end
		root[value], root_total = size + 3, root_total + 3
		if size > 250 then
			root_total = 1
			for other = 0, 255 do
				root[other] = root[other] - floor((root[other] - 1) / 2)
				root_total = root_total + root[other]
			end
		end
		if size == 1 then singles[value], symbols = context(), symbols + 1 end
		return value
	end

	clear()
	local out = {}
	while #out < MAXIMUM_SIZE do
		local value, link = seen(pair)
		if value == nil then return nil end
		if not value then
			value, link = seen(single)
			if value == nil then return nil end
			if not value then
				value = new_symbol()
				if not value then return nil end
				if value < 0 then return #out > 0 and char(unpack(out)) or nil end
				link, symbols = context(), symbols + 1
				add(single, value, link)
			end
			symbols = symbols + 1
			add(pair, value, link)
		end
		out[#out + 1] = value
		pair, single = link, singles[value]
		if symbols >= 4096 then clear() end
	end
	return nil
end

-- Bytes as something to dissect.
local function tvb_of(bytes)
	return ByteArray.new(bytes, true):tvb("Expanded commands")
end

local function by_lua(expand)
	return function(range)
		local bytes = expand(range:raw())
		return bytes and #bytes > 0 and tvb_of(bytes) or nil
	end
end

local function by_wireshark(method)
	return function(range)
		-- Not in every version.
		local has_method, expanded = pcall(function() return range[method](range, "Expanded commands") end)
		return has_method and expanded and expanded:len() > 0 and expanded:tvb() or nil
	end
end

-- Those that know their own data come first.
local compressions = {
	{ "zlib", by_wireshark("uncompress"), function(first, second)
		return first % 16 == 8 and (first * 256 + second) % 31 == 0
	end },
	{ "Zstandard", by_wireshark("uncompress_zstd"), function(first, second)
		return first == 0x28 and second == 0xb5
	end },
	{ "FastLZ", by_lua(fastlz) },
	{ "range coder", by_lua(range_coder) },
	{ "LZ4", by_lua(lz4) },
}

-- Whether these bytes are a row of complete commands.
local function are_commands(tvb)
	local at, size = 0, tvb:len()
	if size == 0 then return false end
	while at < size do
		local number = tvb(at, 1):uint() % 16
		local length = command_sizes[number]
		if not length or at + length > size then return false end
		if length_offsets[number] then length = length + tvb(at + length_offsets[number], 2):uint() end
		at = at + length
	end
	return at == size
end

-- The commands of a compressed datagram, and how they were compressed.
local function expanded(range)
	if range:len() < 2 then return nil end
	local first, second = range(0, 1):uint(), range(1, 1):uint()
	for _, compression in ipairs(compressions) do
		local name, expand, is_likely = compression[1], compression[2], compression[3]
		if not is_likely or is_likely(first, second) then
			local tvb = expand(range)
			if tvb and are_commands(tvb) then return tvb, name end
		end
	end
	return nil
end

-- Which command was sent first in which frame, and which frames repeat it.
local first_sent, repeats = {}, {}

function enet.init()
	first_sent, repeats = {}, {}
end

-- Sequence numbers begin anew after 65,536 commands: what is older than this, in seconds, is another one.
local LONGEST_REPETITION = 30

local function repeated_frame(pinfo, connection, channel, sequence, fragment, index)
	local place = pinfo.number .. "/" .. index
	if not pinfo.visited then
		local key = table.concat({ tostring(pinfo.src), pinfo.src_port, tostring(pinfo.dst), pinfo.dst_port,
			connection, channel, sequence, fragment }, " ")
		local before = first_sent[key]
		if before and pinfo.abs_ts - before.time < LONGEST_REPETITION then
			repeats[place] = before.number
		else
			first_sent[key] = { number = pinfo.number, time = pinfo.abs_ts }
		end
	end
	return repeats[place]
end

local parameters = {
	{ f.outgoing_peer, 4, 2 }, { f.incoming_session, 6, 1 }, { f.outgoing_session, 7, 1 }, { f.mtu, 8, 4 },
	{ f.window, 12, 4 }, { f.channels, 16, 4 }, { f.incoming_bandwidth, 20, 4 }, { f.outgoing_bandwidth, 24, 4 },
	{ f.throttle_interval, 28, 4 }, { f.throttle_acceleration, 32, 4 }, { f.throttle_deceleration, 36, 4 },
	{ f.connect_id, 40, 4 },
}
local fragment = {
	{ f.start_sequence, 4, 2 }, { f.length, 6, 2 }, { f.fragment_count, 8, 4 }, { f.fragment_number, 12, 4 },
	{ f.total_length, 16, 4 }, { f.fragment_offset, 20, 4 },
}
-- The fields of each command behind the four bytes that all have.
local command_fields = {
	[1] = { { f.received_sequence, 4, 2 }, { f.received_sent_time, 6, 2 } },
	[2] = parameters,
	[3] = parameters,
	[4] = { { f.data, 4, 4 } },
	[5] = {},
	[6] = { { f.length, 4, 2 } },
	[7] = { { f.unreliable_sequence, 4, 2 }, { f.length, 6, 2 } },
	[8] = fragment,
	[9] = { { f.group, 4, 2 }, { f.length, 6, 2 } },
	[10] = { { f.incoming_bandwidth, 4, 4 }, { f.outgoing_bandwidth, 8, 4 } },
	[11] = { { f.throttle_interval, 4, 4 }, { f.throttle_acceleration, 8, 4 }, { f.throttle_deceleration, 12, 4 } },
	[12] = fragment,
}

-- Adds one command; returns what follows it, or nothing if it is cut off or none.
local function add_command(tvb, at, pinfo, tree, connection, index)
	local left = tvb:len() - at
	local number = tvb(at, 1):uint() % 16
	local size = command_sizes[number]
	if not size or size > left then return nil end
	local payload = length_offsets[number] and tvb(at + length_offsets[number], 2):uint() or 0
	if size + payload > left then return nil end
	local range = tvb(at, size + payload)
	local item = tree:add(enet, range, command_names[number])
	item:add(f.command, range(0, 1))
	item:add(f.acknowledge, range(0, 1))
	item:add(f.unsequenced, range(0, 1))
	-- Of an acknowledgement of enet_rs; ENet does not look at this bit.
	if number == 1 then item:add(f.repeated, range(0, 1)) end
	item:add(f.channel, range(1, 1))
	item:add(f.sequence, range(2, 2))
	for _, field in ipairs(command_fields[number]) do item:add(field[1], range(field[2], field[3])) end
	if number == 2 then item:add(f.data, range(44, 4)) end
	if payload > 0 then item:add(f.payload, range(size, payload)) end
	local channel, sequence = range(1, 1):uint(), range(2, 2):uint()
	item:append_text((", channel %d, number %d"):format(channel, sequence))
	if payload > 0 then item:append_text((", %d bytes"):format(payload)) end
	if range(0, 1):uint() >= 128 then
		local part = number == 8 and range(12, 4):uint() or 0
		local before = repeated_frame(pinfo, connection, channel, sequence, part, index)
		if before then
			item:add(f.repeats, before):set_generated()
			item:add_proto_expert_info(e.repeated, "Sent before in frame " .. before)
		end
	end
	return at + size + payload, command_names[number]
end

local function add_commands(tvb, at, pinfo, tree, connection, is_cut)
	local names, index = {}, 0
	while at < tvb:len() do
		index = index + 1
		local behind, name = add_command(tvb, at, pinfo, tree, connection, index)
		if not behind then
			tree:add_proto_expert_info(is_cut and e.cut or e.malformed)
			names[#names + 1] = is_cut and "[cut]" or "[malformed]"
			break
		end
		at, names[#names + 1] = behind, name
	end
	return names
end

local function is_dtls(tvb)
	local first = tvb(0, 1):uint()
	return tvb:len() >= 13 and first >= 20 and first <= 25 and tvb(1, 1):uint() == 0xfe
end

function enet.dissector(tvb, pinfo, root)
	if tvb:len() >= 1 and is_dtls(tvb) then return Dissector.get("dtls"):call(tvb, pinfo, root) end
	pinfo.cols.protocol = "ENet"
	local tree = root:add(enet, tvb())
	local is_cut = tvb:len() < tvb:reported_len()
	local word = tvb:len() >= 2 and tvb(0, 2):uint() or 0
	local is_compressed, has_sent_time = floor(word / COMPRESSED) % 2 == 1, word >= SENT_TIME
	local checksum = has_sent_time and 4 or 2
	local begin = checksum + (enet.prefs.checksum and 4 or 0)
	if tvb:len() <= begin then
		tree:add_proto_expert_info(is_cut and e.cut or e.malformed)
		pinfo.cols.info = is_cut and "[cut]" or "[malformed]"
		return tvb:len()
	end
	tree:add(f.peer, tvb(0, 2))
	tree:add(f.session, tvb(0, 2))
	tree:add(f.compressed, tvb(0, 2))
	tree:add(f.has_sent_time, tvb(0, 2))
	if has_sent_time then tree:add(f.sent_time, tvb(2, 2)) end
	if enet.prefs.checksum then tree:add(f.checksum, tvb(checksum, 4)) end
	local connection = word % COMPRESSED
	local names
	if is_compressed then
		local commands, compression = expanded(tvb(begin))
		if commands then
			tree:add(f.compression, compression):set_generated()
			tree:add(f.expanded, commands:len()):set_generated()
			names = add_commands(commands, 0, pinfo, tree, connection, is_cut)
			names[#names + 1] = "[" .. compression .. "]"
		else
			tree:add_proto_expert_info(is_cut and e.cut or e.unreadable)
			names = { "[compressed]" }
		end
	else
		names = add_commands(tvb, begin, pinfo, tree, connection, is_cut)
	end
	pinfo.cols.info = table.concat(names, ", ")
	return tvb:len()
end

local interface_name = Field.new("frame.interface_name")

-- Whether a datagram asks for a connection.
local function is_connect(tvb)
	if tvb:len() < 4 then return false end
	local word = tvb(0, 2):uint()
	if word % 0x1000 ~= NO_PEER or word < SENT_TIME then return false end
	local commands, at = tvb, enet.prefs.checksum and 8 or 4
	if tvb:len() < at + 2 then return false end
	if floor(word / COMPRESSED) % 2 == 1 then
		commands, at = expanded(tvb(at)), 0
	end
	if not commands or commands:len() ~= at + command_sizes[2] or commands(at, 1):uint() ~= 0x82 then return false end
	local mtu, channels = commands(at + 8, 4):uint(), commands(at + 16, 4):uint()
	return mtu >= 576 and mtu <= MAXIMUM_SIZE and channels >= 1 and channels <= 255
end

enet:register_heuristic("udp", function(tvb, pinfo, root)
	local interface = interface_name()
	local is_ours = interface and tostring(interface):sub(1, 8) == "enet_rs "
	if not is_ours and not is_connect(tvb) then return false end
	pinfo.conversation = enet
	enet.dissector(tvb, pinfo, root)
	return true
end)

local registered = ""

function enet.prefs_changed()
	local ports = DissectorTable.get("udp.port")
	if registered ~= "" then ports:remove(registered, enet) end
	registered = enet.prefs.ports
	if registered ~= "" then ports:add(registered, enet) end
end

DissectorTable.get("udp.port"):add_for_decode_as(enet)
