using System.Text.Json;
using Campfire.Realtime.Connection;
using Campfire.Realtime.Protocol.Wire;

namespace Campfire.Realtime.Channels;

/// <summary>The payload of a <c>system</c> event, as far as the client acts on it.</summary>
internal readonly record struct SystemMessage(bool IsError, string Message)
{
    public const string ReplicationReady = "Replication connection established";

    public static SystemMessage? Read(ReadOnlySpan<byte> utf8)
    {
        try
        {
            var reader = new Utf8JsonReader(utf8, FrameReader.JsonOptions);
            using JsonDocument document = JsonDocument.ParseValue(ref reader);
            JsonElement root = document.RootElement;
            return root.ValueKind is JsonValueKind.Object
                && root.TryGetProperty("extension", out JsonElement extension) && extension.ValueEquals("system"u8)
                && root.TryGetProperty("status", out JsonElement status)
                && root.TryGetProperty("message", out JsonElement message) && message.ValueKind is JsonValueKind.String
                ? new SystemMessage(status.ValueEquals("error"u8), ServerWords.Cut(message.GetString()!))
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
