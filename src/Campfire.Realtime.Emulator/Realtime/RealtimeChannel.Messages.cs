using System.Runtime.InteropServices;
using System.Text.Json;
using Campfire.Realtime.Emulator.Auth;
using Campfire.Realtime.Emulator.Database;
using Campfire.Realtime.Emulator.Hosting;
using Campfire.Realtime.Protocol.Wire;
using Npgsql;

namespace Campfire.Realtime.Emulator.Realtime;

internal sealed partial class RealtimeChannel
{
    private static readonly JsonDocumentOptions _json = new() { MaxDepth = FrameReader.MaxDepth };

    // Null when nothing is left to be awaited, which is the case for all but the first broadcast of a private channel.
    public Task? Receive(in Frame frame)
    {
        if (frame.Is(PhoenixEvents.Broadcast))
            return ReceiveBroadcast(frame);
        if (frame.Is(PhoenixEvents.Presence))
            return ReceivePresence(frame);
        if (frame.Is(PhoenixEvents.AccessToken) && frame.Kind == FrameKind.Text)
            return ReceiveTokenAsync(frame.Payload.ToArray());
        // Realtime answers no event that it does not know; the client's push times out.
        return null;
    }

    private Task? ReceiveBroadcast(in Frame frame)
    {
        var frames = frame.Kind switch
        {
            FrameKind.UserBroadcastPush => BroadcastFrames.User(_topic, frame.UserEvent.ToArray(), frame.Payload.ToArray(), frame.IsBinaryPayload),
            FrameKind.Text => BroadcastFrames.Envelope(_topic, frame.Payload.ToArray()),
            _ => BroadcastFrames.Bytes(_topic, frame.Payload.ToArray()),
        };
        var isTooLarge = frame.Payload.Length > _services.Limits.MaxPayloadBytes;
        if (_write is null)
            return AuthorizeThenRelayAsync(frames, isTooLarge, frame.Ref.ToArray());
        Relay(frames, isTooLarge, frame.Ref);
        return null;
    }

    private async Task AuthorizeThenRelayAsync(BroadcastFrames frames, bool isTooLarge, byte[] reference)
    {
        (_write, _) = await _services.Admission.WriteAccessAsync(_identity, SubTopic, Socket.Aborted).ConfigureAwait(false);
        Relay(frames, isTooLarge, reference);
    }

    private void Relay(BroadcastFrames frames, bool isTooLarge, ReadOnlySpan<byte> reference)
    {
        // A denied broadcast vanishes, with its acknowledgement.
        if (_write is not { Broadcast: true } || _isClosed)
            return;
        if (!isTooLarge)
            _services.Rates.Events.Count();
        if (!isTooLarge && !_services.Hub.Broadcast(_audience!, frames, sender: this))
        {
            Crash();
            return;
        }
        if (_request.Acknowledges)
        {
            Send(isTooLarge
                ? ServerFrames.Error(Version, _joinRef, reference, _topic, "\"payload_size_exceeded\"")
                : ServerFrames.Ok(Version, _joinRef, reference, _topic));
        }
        if (ReceivesOwn)
            CloseIfTooManyEvents();
    }

    // A message without an event asks for nothing, is not counted, and is answered all the same.
    private Task? ReceivePresence(in Frame frame)
    {
        if (frame.Kind != FrameKind.Text)
        {
            Send(ServerFrames.Ok(Version, _joinRef, frame.Ref, _topic));
            return null;
        }
        return ReceivePresenceAsync(frame.Payload.ToArray(), frame.Ref.ToArray());
    }

    private async Task ReceivePresenceAsync(byte[] payload, byte[] reference)
    {
        using var document = JsonDocument.Parse(payload, _json);
        var message = document.RootElement;
        if (message.ValueKind != JsonValueKind.Object || !message.TryGetProperty("event"u8, out var name))
        {
            Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
            return;
        }
        if (name.ValueKind != JsonValueKind.String)
        {
            Crash();
            return;
        }
        if (!CountPresenceCall())
        {
            CloseBecause("Client presence rate limit exceeded");
            return;
        }
        switch (JsonText.Read(name)?.ToUpperInvariant())
        {
            case "TRACK":
                await TrackAsync(message, reference).ConfigureAwait(false);
                break;
            case "UNTRACK":
                Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
                _audience!.Presence.Untrack(this);
                break;
            default:
                Send(ServerFrames.Error(Version, _joinRef, reference, _topic, "{}"));
                break;
        }
    }

    private async Task TrackAsync(JsonElement message, byte[] reference)
    {
        if (_write is null)
            await AuthorizePresenceAsync().ConfigureAwait(false);
        if (_write is not { Presence: true })
        {
            Send(ServerFrames.Error(Version, _joinRef, reference, _topic, "{}"));
            return;
        }
        using var nothing = JsonDocument.Parse("{}");
        var payload = message.TryGetProperty("payload"u8, out var given) ? given : nothing.RootElement;
        if (payload.ValueKind != JsonValueKind.Object || !JsonText.IsReadable(payload))
        {
            Send(ServerFrames.Refusal(Version, _joinRef, reference, _topic, "Presence track payload must be a map"));
            return;
        }
        // To say the same again is nothing, whatever rates and sizes say.
        if (_audience!.Presence.IsTracked(this, payload))
        {
            Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
            return;
        }
        if (JsonMarshal.GetRawUtf8Value(payload).Length > _services.Limits.MaxPayloadBytes)
        {
            CloseBecause("Track message size exceeded");
            return;
        }
        if (!CountPresence())
            return;
        _isPresenceEnabled = true;
        _audience.Presence.Track(this, payload);
        Send(ServerFrames.Ok(Version, _joinRef, reference, _topic));
    }

    // Only a track that is the channel's first message asks whether presence may be read as well: once a broadcast has
    // settled what may be written, Realtime comes by here no more, and such a channel hears of nobody's presence.
    private async Task AuthorizePresenceAsync()
    {
        var presence = _presence;
        if (presence == PresenceDelivery.Undecided)
        {
            var (read, fault) = await _services.Admission.ReadAccessAsync(_identity, SubTopic, includesPresence: true, Socket.Aborted).ConfigureAwait(false);
            if (fault != PolicyFault.None)
                return;
            presence = read.Presence == true ? PresenceDelivery.ThroughChannel : PresenceDelivery.Denied;
        }
        (_write, _) = await _services.Admission.WriteAccessAsync(_identity, SubTopic, Socket.Aborted).ConfigureAwait(false);
        if (_write is not null)
            _presence = presence;
    }

    // False when there are too many already, and the channel is closed for it.
    private bool CountPresence()
    {
        if (_services.Rates.Presence.Mean > _services.Limits.MaxPresenceEventsPerSecond)
        {
            CloseBecause("Too many presence messages per second");
            return false;
        }
        _services.Rates.Presence.Count();
        return true;
    }

    // A window begins with the first call that falls in none.
    private bool CountPresenceCall()
    {
        var now = _services.Time.GetUtcNow();
        if (_presenceCalls == 0 || now > _presenceWindowEnd)
        {
            _presenceCalls = 0;
            _presenceWindowEnd = now + _services.Limits.ClientPresenceWindow;
        }
        if (_presenceCalls >= _services.Limits.MaxClientPresenceEventsPerWindow)
            return false;
        _presenceCalls++;
        return true;
    }

    private async Task ReceiveTokenAsync(byte[] payload)
    {
        using var document = JsonDocument.Parse(payload, _json);
        if (document.RootElement.ValueKind != JsonValueKind.Object
            || !document.RootElement.TryGetProperty("access_token"u8, out var value)
            || JsonText.Read(value) is not { } token)
        {
            return;
        }
        if (ApiKeys.IsOpaque(token) || token == _identity.Token.Token)
            return;
        var verification = _services.Verifier.Verify(token);
        if (verification.Fault != TokenFault.None)
        {
            CloseBecause(TokenFaultTexts.ForShutdown(verification));
            return;
        }
        _identity = _identity with { Token = verification.Token! };
        _tokenTimer?.Change(UntilTokenCheck(), Timeout.InfiniteTimeSpan);
        if (IsPrivate)
            await ReauthorizeAsync().ConfigureAwait(false);
        if (!IsClosed)
            RefusePostgresChanges();
    }

    private async Task ReauthorizeAsync()
    {
        var (access, fault) = await _services.Admission.ReadAccessAsync(_identity, SubTopic, _isPresenceEnabled, Socket.Aborted).ConfigureAwait(false);
        var couldReadPresence = _presence is PresenceDelivery.Direct or PresenceDelivery.ThroughChannel;
        var hasLost = (_canReadBroadcast && !access.Broadcast) || (couldReadPresence && access.Presence == false);
        _write = null;
        Apply(access);
        if (PolicyFaultTexts.ForToken(fault) is { } reason)
            CloseBecause(reason);
        else if (!access.IsAny)
            CloseBecause(JoinRefusal.NoPermissionText(SubTopic));
        else if (hasLost)
            CloseBecause($"You no longer have permission to read from this Channel topic: {SubTopic}");
    }

    // Realtime's channel process dies; its client is told to join anew.
    private void Crash()
    {
        if (TryClose())
            Socket.Send(ServerFrames.Crashed(Version, _joinRef, _topic));
    }
}
