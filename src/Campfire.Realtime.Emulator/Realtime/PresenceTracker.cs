using System.Buffers;
using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using System.Text.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Emulator.Realtime;

// Who is present on one topic. States and diffs are sent behind the topic's gate: every member sees them in one order.
internal sealed class PresenceTracker(Topic topic)
{
    private static readonly JsonWriterOptions _relaxed = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    // Clients tell presences apart by their references, also across a restart of the server.
    private static readonly int _process = RandomNumberGenerator.GetInt32(int.MaxValue);
    private static long _lastReference;

    private readonly Dictionary<RealtimeChannel, Meta> _present = [];

    public bool IsTracked(RealtimeChannel channel, JsonElement payload)
    {
        lock (topic.Gate)
            return _present.TryGetValue(channel, out var meta) && JsonElement.DeepEquals(meta.Payload, payload);
    }

    public void Track(RealtimeChannel channel, JsonElement payload)
    {
        lock (topic.Gate)
        {
            // Closing untracks behind this gate; a track after it would never be taken back.
            if (channel.IsClosed)
                return;
            _present.TryGetValue(channel, out var previous);
            var meta = new Meta(channel.PresenceKey, NextReference(), previous?.Reference, payload.Clone());
            _present[channel] = meta;
            SendDiff(joins: meta, leaves: previous);
        }
    }

    public void Untrack(RealtimeChannel channel)
    {
        lock (topic.Gate)
        {
            if (_present.Remove(channel, out var meta))
                SendDiff(joins: null, leaves: meta);
        }
    }

    public void SendState(RealtimeChannel member)
    {
        lock (topic.Gate)
        {
            var payload = new ArrayBufferWriter<byte>();
            using (var json = new Utf8JsonWriter(payload, _relaxed))
                WriteByKey(json, _present.Values);
            member.Send(ServerFrames.Push(
                member.Version, member.JoinRef, default, topic.WireName, PhoenixEvents.PresenceState, payload.WrittenSpan));
        }
    }

    private void SendDiff(Meta? joins, Meta? leaves)
    {
        var payload = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(payload, _relaxed))
        {
            json.WriteStartObject();
            json.WritePropertyName("joins"u8);
            WriteByKey(json, joins is null ? [] : [joins]);
            json.WritePropertyName("leaves"u8);
            WriteByKey(json, leaves is null ? [] : [leaves]);
            json.WriteEndObject();
        }

        OutboundFrame? version1 = null, version2 = null;
        foreach (var member in topic.Members)
        {
            if (member.Presence == PresenceDelivery.ThroughChannel)
                member.DeliverPresence(Diff(member.Version, member.JoinRef, payload.WrittenSpan));
            else if (member.Presence != PresenceDelivery.Direct)
                continue;
            else if (member.Version == WireVersion.V2)
                member.DeliverPresence(version2 ??= Diff(WireVersion.V2, default, payload.WrittenSpan));
            else
                member.DeliverPresence(version1 ??= Diff(WireVersion.V1, default, payload.WrittenSpan));
        }
    }

    private OutboundFrame Diff(WireVersion version, ReadOnlySpan<byte> joinRef, ReadOnlySpan<byte> payload) =>
        ServerFrames.Push(version, joinRef, default, topic.WireName, PhoenixEvents.PresenceDiff, payload);

    private static void WriteByKey(Utf8JsonWriter json, IEnumerable<Meta> metas)
    {
        json.WriteStartObject();
        foreach (var group in metas.GroupBy(meta => meta.Key, StringComparer.Ordinal))
        {
            json.WriteStartObject(group.Key);
            json.WriteStartArray("metas"u8);
            foreach (var meta in group)
                meta.WriteTo(json);
            json.WriteEndArray();
            json.WriteEndObject();
        }
        json.WriteEndObject();
    }

    // 16 characters of base64url, as Phoenix's.
    private static string NextReference()
    {
        Span<byte> bytes = stackalloc byte[12];
        BinaryPrimitives.WriteInt32BigEndian(bytes, _process);
        BinaryPrimitives.WriteInt64BigEndian(bytes[4..], Interlocked.Increment(ref _lastReference));
        return Base64Url.EncodeToString(bytes);
    }

    private sealed record Meta(string Key, string Reference, string? PreviousReference, JsonElement Payload)
    {
        public void WriteTo(Utf8JsonWriter json)
        {
            json.WriteStartObject();
            json.WriteString("phx_ref"u8, Reference);
            if (PreviousReference is not null)
                json.WriteString("phx_ref_prev"u8, PreviousReference);
            foreach (var property in Payload.EnumerateObject())
            {
                if (!property.NameEquals("phx_ref"u8) && !property.NameEquals("phx_ref_prev"u8))
                    property.WriteTo(json);
            }
            json.WriteEndObject();
        }
    }
}
