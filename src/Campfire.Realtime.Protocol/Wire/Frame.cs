namespace Campfire.Realtime.Protocol.Wire;

/// <summary>One frame, as views into the bytes that it was read from.</summary>
/// <remarks>
/// Text and binary frames of one meaning look alike: <see cref="Event"/> is the Phoenix event (<c>broadcast</c> for kinds 3 and 4),
/// and only <see cref="UserEvent"/> and <see cref="Metadata"/> are particular to those two kinds.
/// </remarks>
internal readonly ref struct Frame
{
    public FrameKind Kind { get; init; }

    /// <summary>Empty when <see cref="HasJoinRef"/> is false.</summary>
    public ReadOnlySpan<byte> JoinRef { get; init; }

    /// <summary>Empty when <see cref="HasRef"/> is false.</summary>
    public ReadOnlySpan<byte> Ref { get; init; }

    public bool HasJoinRef { get; init; }

    public bool HasRef { get; init; }

    public ReadOnlySpan<byte> Topic { get; init; }

    public ReadOnlySpan<byte> Event { get; init; }

    /// <summary>The event inside of a user broadcast, kinds 3 and 4.</summary>
    public ReadOnlySpan<byte> UserEvent { get; init; }

    /// <summary>A JSON object or nothing, kinds 3 and 4.</summary>
    public ReadOnlySpan<byte> Metadata { get; init; }

    /// <summary>The status of a binary reply, kind 1.</summary>
    public ReadOnlySpan<byte> Status { get; init; }

    /// <summary>The payload: JSON, unless <see cref="IsBinaryPayload"/>.</summary>
    public ReadOnlySpan<byte> Payload { get; init; }

    public bool IsBinaryPayload { get; init; }

    public bool Is(ReadOnlySpan<byte> phoenixEvent) => Event.SequenceEqual(phoenixEvent);
}
