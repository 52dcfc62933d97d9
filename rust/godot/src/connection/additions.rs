//! What `ENetConnection` has beyond the engine's class.

// Everything, since the bindings' macro looks here for what it has put there.
use super::*;

#[godot_api(secondary)]
impl ENetConnection {
    /// Name and version of what serves this class; the engine's own class has no such method.
    #[func]
    fn get_engine_version() -> GString {
        GString::from(concat!("enet_rs ", env!("CARGO_PKG_VERSION")))
    }

    /// Like `connect_to_host`, but looks the name up in the background, so that this call never blocks. A
    /// name without address ends the attempt with `EVENT_DISCONNECT`, and the peer's `get_disconnect_reason`
    /// tells.
    #[func]
    pub(crate) fn connect_to_host_async(
        &self,
        address: GString,
        port: i32,
        channels: i32,
        data: i32,
    ) -> Option<Gd<ENetPacketPeer>> {
        const FUNCTION: &str = "connect_to_host_async";
        if !self.can_connect(FUNCTION) {
            return None;
        }
        let port = remote_port(FUNCTION, " Returning: out", port)?;
        let (channels, data) = (channel_count(channels), data.cast_unsigned());
        let name = address.to_string();
        self.begin(|host| match addresses::literal(&name) {
            Some(literal) => host.connect(&[SocketAddr::new(literal, port)], channels, data),
            None => host.connect_by_name(&name, port, channels, data),
        })
    }

    /// Does what `service` does, but returns only the type of the event; `get_event_peer`, `get_event_data`
    /// and `get_event_channel` tell the rest. No array is made for it, so it is quicker, most of all when
    /// nothing happened.
    #[func]
    fn next_event(&self, timeout: i32) -> EventTypeResult {
        EventTypeResult(self.events.next(timeout))
    }

    /// The peer of the event that `next_event` has returned last; null if it had none.
    #[func]
    fn get_event_peer(&self) -> Option<Gd<ENetPacketPeer>> {
        self.events.last().peer.clone()
    }

    /// The data of the event that `next_event` has returned last: what the remote host passed when it
    /// connected or disconnected, 0..=4294967295.
    #[func]
    fn get_event_data(&self) -> i64 {
        self.events.last().data.into()
    }

    /// The channel of the event that `next_event` has returned last, if that was a packet.
    #[func]
    fn get_event_channel(&self) -> i32 {
        self.events.last().channel.into()
    }

    /// Does what `service` does, for all packets that have arrived at once: puts them into the queues of
    /// their peers and returns these peers, each once, for `get_packets`. It stops before any other event,
    /// which the next `service` or `next_event` returns; so call one of them afterwards.
    #[func]
    fn service_packets(&self, timeout: i32) -> Array<Gd<ENetPacketPeer>> {
        let gathered = self.inside().and_then(|host| host.gather_packets(events::waiting_time(timeout)));
        if gathered.is_none() {
            refuse_inactive("service_packets");
        }
        gathered.unwrap_or_default().into_iter().collect()
    }

    /// Sets how many early copies of each small reliable packet all peers get at most, those that there are
    /// and those to come: 0 to 255, 4 unless set. While losses are measured, packets of up to 600 bytes that
    /// are not acknowledged yet are sent again with the next datagrams, within 30 % of the traffic and 8 KiB
    /// per second.
    #[func]
    fn set_redundancy(&self, copies: i32) {
        const FUNCTION: &str = "set_redundancy";
        match u8::try_from(copies) {
            Ok(copies) => {
                self.with_active(FUNCTION, |host| host.set_default_redundancy(copies));
            }
            Err(_) => errors::refuse_copies(FUNCTION),
        }
    }

    /// Puts a bad network between this connection and the real one, for trying out how a game copes with it:
    /// see the editor's help for the keys. It holds from now on, and for each host that is created; an empty
    /// dictionary takes it away.
    ///
    /// # Errors
    /// `ERR_INVALID_PARAMETER` for an unknown key or a value that is out of range, which changes nothing.
    #[func]
    fn set_network_conditions(&self, conditions: VarDictionary) -> Error {
        match NetworkConditions::from_dictionary(&conditions) {
            Ok(conditions) => self.put_network_conditions(conditions),
            Err(reason) => errors::refuse_conditions("set_network_conditions", &reason),
        }
    }

    /// The network conditions that are set, with all keys of both directions; empty if none are.
    #[func]
    fn get_network_conditions(&self) -> VarDictionary {
        let conditions = self.inside().and_then(|host| host.core().network_conditions());
        conditions.map(|conditions| conditions.dictionary()).unwrap_or_default()
    }

    /// The network conditions that have a name, such as `"4G"`: `{name: conditions}`.
    #[func]
    fn get_network_conditions_presets() -> VarDictionary {
        network_conditions::presets()
    }

    /// Writes what this connection receives and sends from now on to a file for Wireshark, in the format
    /// pcapng: see the editor's help for the keys of `limits`, and `docs/enet.lua` for a dissector.
    ///
    /// # Errors
    /// `ERR_UNCONFIGURED` without a host, `ERR_ALREADY_IN_USE` while there is a capture,
    /// `ERR_INVALID_PARAMETER` for an unknown key or a wrong value, `ERR_FILE_CANT_OPEN`.
    #[func]
    fn start_capture(&self, path: GString, limits: VarDictionary) -> Error {
        const FUNCTION: &str = "start_capture";
        let options = match capture::options(&limits) {
            Ok(options) => options,
            Err(reason) => return errors::refuse_capture_limits(FUNCTION, &reason),
        };
        match self.with_active(FUNCTION, |host| host.is_capturing()) {
            None => return Error::ERR_UNCONFIGURED,
            Some(true) => return errors::refuse_second_capture(FUNCTION),
            Some(false) => {}
        }
        let started = capture::create(&path).and_then(|file| {
            let started = self.with(|host| host.start_capture(file, options));
            started.unwrap_or_else(|| Err(std::io::ErrorKind::NotConnected.into()))
        });
        match started {
            Ok(()) => Error::OK,
            Err(error) => errors::refuse_capture_file(FUNCTION, &path, &error),
        }
    }

    /// Ends the capture.
    ///
    /// # Errors
    /// `ERR_UNCONFIGURED` if there is none, `ERR_FILE_CANT_WRITE` if its file ends too early.
    #[func]
    fn stop_capture(&self) -> Error {
        match self.with(ActiveHost::stop_capture).flatten() {
            None => Error::ERR_UNCONFIGURED,
            Some(Ok(())) => Error::OK,
            Some(Err(error)) => {
                errors::print_verbose(&error);
                Error::ERR_FILE_CANT_WRITE
            }
        }
    }

    /// Whether there is a capture, which may have come to its limits.
    #[func]
    fn is_capturing(&self) -> bool {
        self.with(|host| host.is_capturing()).unwrap_or(false)
    }

    /// Saves all that has gone into this host since it was created, and a hash of what came out of it, for
    /// `scripts/replay`.
    ///
    /// # Errors
    /// `ERR_UNCONFIGURED` if the host is not recorded, `ERR_FILE_CANT_WRITE`.
    #[func]
    fn save_recording(&self, path: GString) -> Error {
        const FUNCTION: &str = "save_recording";
        let Some(recording) = self.with(|host| host.recording()).flatten() else {
            return errors::refuse_no_recording(FUNCTION);
        };
        match recording::save(&recording, &path) {
            Ok(()) => Error::OK,
            Err(error) => errors::refuse_recording_file(FUNCTION, &path, &error),
        }
    }

    /// How much of what came in or was to be sent has been dropped since the host was created, by the reason:
    /// `{reason: count}` with the reasons that have occurred. Counts only grow, and reading them changes
    /// nothing.
    #[func]
    fn get_drop_counters(&self) -> VarDictionary {
        self.with_active("get_drop_counters", |host| host.drop_counters())
            .map(drops::dictionary)
            .unwrap_or_default()
    }

    /// What has passed this host and each of its connections so far, and how the connections are, without
    /// taking anything from the statistics. Empty if the host is not active.
    #[func]
    fn get_network_report(&self) -> VarDictionary {
        const FUNCTION: &str = "get_network_report";
        let report = self.inside().and_then(|host| host.report());
        if report.is_none() {
            refuse_inactive(FUNCTION);
        }
        report.map(|report| report.dictionary()).unwrap_or_default()
    }

    /// Makes a certificate that nobody but its own key has signed, for the server of this name or address, in
    /// milliseconds: `{"key": CryptoKey, "certificate": X509Certificate}` for `TLSOptions.server`. Empty on
    /// failure. The engine's ENetConnection has no such method.
    #[func]
    fn make_self_signed_certificate(host_name: GString) -> VarDictionary {
        dtls::make_self_signed_certificate(&host_name)
    }
}
