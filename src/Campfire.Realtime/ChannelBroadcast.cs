using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Campfire.Realtime;

/// <summary>An event received on a channel.</summary>
public sealed class ChannelBroadcast
{
    internal ChannelBroadcast(string eventName, ReadOnlyMemory<byte> payload, bool isBinary)
    {
        EventName = eventName;
        Payload = payload;
        IsBinary = isBinary;
    }

    /// <summary>Gets the event's name.</summary>
    public string EventName { get; }

    /// <summary>Gets the payload: UTF-8 JSON, unless <see cref="IsBinary"/>.</summary>
    public ReadOnlyMemory<byte> Payload { get; }

    /// <summary>Gets whether the payload is bytes of the application rather than JSON.</summary>
    public bool IsBinary { get; }

    /// <summary>Reads the payload.</summary>
    /// <typeparam name="T">The payload's type.</typeparam>
    /// <param name="type">How to read it, from a source-generated context.</param>
    /// <exception cref="JsonException">The payload is no JSON of that shape.</exception>
    /// <exception cref="InvalidOperationException">The payload is binary.</exception>
    public T? Read<T>(JsonTypeInfo<T> type) => IsBinary
        ? throw new InvalidOperationException($"The payload of {EventName} is binary; read Payload.")
        : JsonSerializer.Deserialize(Payload.Span, type);
}
