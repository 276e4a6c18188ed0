using System.Text.Json;

namespace Campfire.Realtime.Protocol.Wire;

internal enum WireErrorCode
{
    None,
    Empty,
    UnknownKind,
    Truncated,
    NotUtf8,
    NotJson,
    NotAFrame,
    MissingField,
    WrongType,
    BinaryInVersion1,
}

/// <summary>Why bytes are no frame. The text names positions and fields, never content.</summary>
internal readonly record struct WireError(WireErrorCode Code, string Detail)
{
    public static WireError NotUtf8(string subject) => new(WireErrorCode.NotUtf8, $"{subject} is not UTF-8");

    /// <summary>What a JSON reader threw. It throws <see cref="InvalidOperationException"/> for half of a surrogate pair.</summary>
    public static WireError NotJson(string subject, Exception thrown) => new(
        WireErrorCode.NotJson,
        thrown is JsonException { BytePositionInLine: { } position } e
            ? $"{subject} is not JSON at byte {position} of line {e.LineNumber}"
            : $"{subject} holds half of a surrogate pair");

    /// <summary>Tells whether the exception is one that a JSON reader throws for what a peer sent.</summary>
    public static bool IsOfContent(Exception thrown) => thrown is JsonException or InvalidOperationException;

    public override string ToString() => $"{Code}: {Detail}";
}
