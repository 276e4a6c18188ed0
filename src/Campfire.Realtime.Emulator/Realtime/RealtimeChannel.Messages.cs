using System.Text.Json;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.Emulator.Hosting;
using Campfire.Realtime.Protocol.Wire;
using Npgsql;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed partial class RealtimeChannel
{
    // Null when nothing is left to be awaited, which is the case for all but the first broadcast of a private channel.
    public Task? Receive(in Frame frame)
    {
        if (frame.Is(PhoenixEvents.Broadcast))
            return ReceiveBroadcast(frame);
        if (frame.Kind != FrameKind.Text)
            return null;
        if (frame.Is(PhoenixEvents.Presence))
            return ReceivePresenceAsync(frame.Payload.ToArray(), frame.Ref.ToArray());
        if (frame.Is(PhoenixEvents.AccessToken))
            return ReceiveTokenAsync(frame.Payload.ToArray());
        // Realtime answers no event that it does not know; the client's push times out.
        return null;
    }

    private Task? ReceiveBroadcast(in Frame frame)
    {
        if (frame.Payload.Length > _services.Limits.MaxPayloadBytes)
        {
            if (_request.Acknowledges)
                Socket.Send(ServerFrames.Error(Version, _joinRef, frame.Ref, _topic, "\"payload_size_exceeded\""));
            return null;
        }

        BroadcastFrames? frames;
        if (frame.Kind == FrameKind.UserBroadcastPush)
            frames = BroadcastFrames.User(_topic, frame.UserEvent.ToArray(), frame.Payload.ToArray(), frame.IsBinaryPayload);
        else if (frame.Payload is [(byte)'{', ..])
            frames = BroadcastFrames.Envelope(_topic, frame.Payload.ToArray());
        else
            frames = null;
        if (frames is null)
        {
            Crash();
            return null;
        }
        if (_write is null)
            return AuthorizeThenRelayAsync(frames, frame.Ref.ToArray());
        Relay(frames, frame.Ref);
        return null;
    }

    private async Task AuthorizeThenRelayAsync(BroadcastFrames frames, byte[] reference)
    {
        await AuthorizeWriteAsync().ConfigureAwait(false);
        Relay(frames, reference);
    }

    private void Relay(BroadcastFrames frames, ReadOnlySpan<byte> reference)
    {
        // A denied broadcast vanishes, with its acknowledgement.
        if (_write is not { Broadcast: true })
            return;
        _services.Hub.Broadcast(_audience!, frames, sender: this);
        if (_request.Acknowledges)
            Socket.Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
    }

    private async Task AuthorizeWriteAsync() =>
        _write ??= await _services.Admission.WriteAccessAsync(_identity, SubTopic, Socket.Aborted).ConfigureAwait(false);

    private async Task ReceivePresenceAsync(byte[] payload, byte[] reference)
    {
        using var document = JsonDocument.Parse(payload, new JsonDocumentOptions { MaxDepth = 512 });
        var message = document.RootElement;
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("event", out var name))
        {
            Socket.Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
            return;
        }
        var call = JsonText.Read(name)?.ToUpperInvariant();
        if (call is not ("TRACK" or "UNTRACK"))
        {
            Socket.Send(ServerFrames.Error(Version, _joinRef, reference, _topic, "{}"));
            return;
        }
        if (!CountPresenceCall())
        {
            CloseBecause("Client presence rate limit exceeded");
            return;
        }
        if (call == "TRACK")
        {
            await TrackAsync(message, payload.Length, reference).ConfigureAwait(false);
            return;
        }
        Socket.Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
        _audience!.Presence.Untrack(this);
    }

    private async Task TrackAsync(JsonElement message, int size, byte[] reference)
    {
        if (size > _services.Limits.MaxPayloadBytes)
        {
            CloseBecause("Track message size exceeded");
            return;
        }
        using var nothing = JsonDocument.Parse("{}");
        var payload = message.TryGetProperty("payload", out var given) ? given : nothing.RootElement;
        if (payload.ValueKind != JsonValueKind.Object || !JsonText.IsReadable(payload))
        {
            Socket.Send(ServerFrames.Refusal(Version, _joinRef, reference, _topic, "Presence track payload must be a map"));
            return;
        }
        await AuthorizeWriteAsync().ConfigureAwait(false);
        if (_write is not { Presence: true })
        {
            Socket.Send(ServerFrames.Error(Version, _joinRef, reference, _topic, "{}"));
            return;
        }
        if (IsPrivate && !_request.IsPresenceEnabled && !HasPresenceOnDemand)
        {
            HasPresenceOnDemand = true;
            var access = await TryReadAccessAsync(includesPresence: true).ConfigureAwait(false);
            _canReadPresence = access is { Presence: true };
        }
        _audience!.Presence.Track(this, payload);
        Socket.Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
    }

    private bool CountPresenceCall()
    {
        var now = _services.Time.GetUtcNow();
        while (_presenceCalls.TryPeek(out var oldest) && now - oldest >= _services.Limits.ClientPresenceWindow)
            _presenceCalls.Dequeue();
        if (_presenceCalls.Count >= _services.Limits.MaxClientPresenceEventsPerWindow)
            return false;
        _presenceCalls.Enqueue(now);
        return true;
    }

    private async Task ReceiveTokenAsync(byte[] payload)
    {
        using var document = JsonDocument.Parse(payload, new JsonDocumentOptions { MaxDepth = 512 });
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("access_token", out var value)
            || JsonText.Read(value) is not { } token)
        {
            return;
        }
        if (ApiKeys.IsOpaque(token) || token == _identity.Token.Token)
            return;
        var verification = _services.Verifier.Verify(token);
        if (verification.Fault != TokenFault.None)
        {
            CloseBecause(TokenFaultTexts.ForChannel(verification));
            return;
        }
        _identity = _identity with { Token = verification.Token! };
        _tokenTimer?.Change(UntilTokenCheck(), Timeout.InfiniteTimeSpan);
        if (IsPrivate)
            await ReauthorizeAsync().ConfigureAwait(false);
    }

    private async Task ReauthorizeAsync()
    {
        var includesPresence = _request.IsPresenceEnabled || HasPresenceOnDemand;
        if (await TryReadAccessAsync(includesPresence).ConfigureAwait(false) is not { } access)
        {
            CloseBecause("Realtime was unable to connect to the project database");
            return;
        }
        var hasLost = (_canReadBroadcast && !access.Broadcast) || (_canReadPresence && !access.Presence);
        _write = null;
        _canReadBroadcast = access.Broadcast;
        _canReadPresence = access.Presence;
        if (!access.Broadcast && !access.Presence)
            CloseBecause(ChannelAdmission.NoPermission(SubTopic));
        else if (hasLost)
            CloseBecause($"You no longer have permission to read from this Channel topic: {SubTopic}");
    }

    // Null when the database is not there to be asked.
    private async Task<ReadAccess?> TryReadAccessAsync(bool includesPresence)
    {
        try
        {
            return await _services.Admission.ReadAccessAsync(_identity, SubTopic, includesPresence, Socket.Aborted).ConfigureAwait(false);
        }
        catch (NpgsqlException unreachable) when (DatabaseOutage.IsCauseOf(unreachable))
        {
            return null;
        }
    }

    private void Crash()
    {
        if (TryClose())
            Socket.Send(ServerFrames.Crashed(Version, _joinRef, _topic));
    }
}
