using System.Text.Json;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>The payload of <c>phx_join</c>: always private, always without postgres_changes, never a null.</summary>
internal static class JoinPayload
{
    public static void Write(PooledBuffer output, bool isPresenceEnabled, string? presenceKey, string? accessToken)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteStartObject("config"u8);
        json.WriteStartObject("broadcast"u8);
        json.WriteBoolean("ack"u8, false);
        json.WriteBoolean("self"u8, false);
        json.WriteBoolean("replication_ready"u8, true);
        json.WriteEndObject();
        json.WriteStartObject("presence"u8);
        json.WriteBoolean("enabled"u8, isPresenceEnabled);
        json.WriteString("key"u8, presenceKey ?? "");
        json.WriteEndObject();
        json.WriteStartArray("postgres_changes"u8);
        json.WriteEndArray();
        json.WriteBoolean("private"u8, true);
        json.WriteEndObject();
        if (accessToken is not null)
            json.WriteString("access_token"u8, accessToken);
        json.WriteEndObject();
    }

    public static void WriteAccessToken(PooledBuffer output, string accessToken)
    {
        using var json = new Utf8JsonWriter(output);
        json.WriteStartObject();
        json.WriteString("access_token"u8, accessToken);
        json.WriteEndObject();
    }
}
